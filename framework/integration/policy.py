"""How an integration treats its vendor: how long, how often, how many at a time.

Times within one request or between two tries are numbers of seconds; spans of a call's life are timedeltas.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import iscoroutinefunction
from math import isfinite
from typing import Any, Literal, TypeAlias

from framework.errors import DeclarationError
from framework.model.words import Word, takes

OnDoubt: TypeAlias = Literal["retry", "recover", "fail"]


class ImpossiblePolicy(DeclarationError):
    """{policy}({name}={value!r}) cannot be kept: it must be {must}."""


def _require_whole(policy: object, *names: str) -> None:
    """Raise unless the named numbers count something, at least one."""
    _require(policy, "a whole number, at least 1", *names, least=1, above=False, kind=int)


def _require(
    policy: object,
    must: str,
    *names: str,
    least: float = 0,
    above: bool = True,
    kind: Any = int | float,
) -> None:
    """Raise unless the named numbers are above (or at least) `least`."""
    for name in names:
        value = getattr(policy, name)
        fits = isinstance(value, kind) and not isinstance(value, bool) and isfinite(value)
        if not fits or not (value > least if above else value >= least):
            raise ImpossiblePolicy(policy=type(policy).__name__, name=name, value=value, must=must)


def _require_span(policy: object, *names: str) -> None:
    """Raise unless the named spans are timedeltas, and some time."""
    for name in names:
        value = getattr(policy, name)
        if not (isinstance(value, timedelta) and value > timedelta(0)):
            must = "a positive timedelta"
            raise ImpossiblePolicy(policy=type(policy).__name__, name=name, value=value, must=must)


def _require_part(policy: object, name: str, kind: type, *, optional: bool = False) -> None:
    """Raise unless the named part is one of its class."""
    value = getattr(policy, name)
    if not (isinstance(value, kind) or (optional and value is None)):
        must = f"a {kind.__name__}, such as `{name}={kind.__name__}(...)`"
        raise ImpossiblePolicy(policy=type(policy).__name__, name=name, value=value, must=must)


def _takes_a_call(function: Any) -> bool:
    return takes(function, 1) and not iscoroutinefunction(function)


@dataclass(frozen=True, kw_only=True)
class Timeout(metaclass=Word):
    """How long a request may take, in seconds: to connect, to send, between two pieces of the answer."""

    connect: float = 5.0
    read: float = 30.0
    write: float = 30.0

    def __post_init__(self) -> None:
        _require(self, "a positive number of seconds", "connect", "read", "write")


@dataclass(frozen=True, kw_only=True)
class Retry(metaclass=Word):
    """When to try again: exponential with full jitter, at most `cap` seconds apart, `budget` in all.

    The default budget is shorter than the day for which vendors remember an idempotency key.
    """

    max_attempts: int = 8
    base: float = 0.5
    factor: float = 2.0
    cap: float = 60.0
    budget: timedelta = timedelta(hours=23)

    def __post_init__(self) -> None:
        _require_whole(self, "max_attempts")
        _require(self, "at least 1", "factor", least=1, above=False)
        _require(self, "a positive number of seconds", "base", "cap")
        _require_span(self, "budget")

    def ceiling(self, attempt: int) -> float:
        """The longest wait after the given attempt, in seconds; the wait is drawn evenly from below it."""
        try:
            return min(self.cap, self.base * self.factor ** (attempt - 1))
        except OverflowError:
            return self.cap


@dataclass(frozen=True)
class Rate(metaclass=Word):
    """At most `per_second` requests a second in the long run, and `burst` at once.

    On PostgreSQL no more than `burst` workers share it.
    """

    per_second: float
    burst: int = 1

    def __post_init__(self) -> None:
        _require(self, "a positive number", "per_second")
        _require_whole(self, "burst")


@dataclass(frozen=True, kw_only=True)
class Breaker(metaclass=Word):
    """Stop calling after `threshold` failures in a row, and try with one call after `reset` seconds."""

    threshold: int = 5
    reset: float = 30.0

    def __post_init__(self) -> None:
        _require_whole(self, "threshold")
        _require(self, "a positive number of seconds", "reset")


@dataclass(frozen=True, kw_only=True)
class PollSchedule(metaclass=Word):
    """When to ask for an outcome: after `first` seconds, then `factor` times later, `cap` at most."""

    first: float = 5.0
    factor: float = 1.5
    cap: float = 300.0

    def __post_init__(self) -> None:
        _require(self, "a positive number of seconds", "first", "cap")
        _require(self, "at least 1", "factor", least=1, above=False)

    def wait(self, polls: int) -> timedelta:
        """How long to wait for the next poll after so many polls."""
        try:
            return timedelta(seconds=min(self.cap, self.first * self.factor**polls))
        except OverflowError:
            return timedelta(seconds=self.cap)


@dataclass(frozen=True, kw_only=True)
class Policy(metaclass=Word):
    """How an integration treats its vendor. Limits are those of all workers together.

    `concurrency` is how many calls are under way at once. Calls with the same `ordering_key` run one at a
    time, in order. `attempt` is how long one try may take, all its requests together; `deadline` is for the
    whole call, from its first try to its outcome. A worker that shows no life for `lease` loses its call to
    another.

    `on_doubt` says what to do when the answer was lost: "retry" only where the vendor does a repeated call
    once, "recover" to ask the vendor by the `recover` handler, "fail" to leave it to the operator. None is
    "recover" where there is such a handler, and "fail" elsewhere.
    """

    timeout: Timeout = field(default_factory=Timeout)
    retry: Retry = field(default_factory=Retry)
    rate: Rate | None = None
    concurrency: int = 8
    breaker: Breaker = field(default_factory=Breaker)
    ordering_key: Callable[[Any], str] | None = None
    attempt: timedelta = timedelta(minutes=10)
    deadline: timedelta = timedelta(hours=24)
    poll: PollSchedule = field(default_factory=PollSchedule)
    on_doubt: OnDoubt | None = None
    lease: timedelta = timedelta(seconds=60)
    max_body_bytes: int = 8 * 1024 * 1024

    def __post_init__(self) -> None:
        _require_whole(self, "concurrency", "max_body_bytes")
        _require_span(self, "attempt", "deadline", "lease")
        _require_part(self, "timeout", Timeout)
        _require_part(self, "retry", Retry)
        _require_part(self, "rate", Rate, optional=True)
        _require_part(self, "breaker", Breaker)
        _require_part(self, "poll", PollSchedule)
        if self.ordering_key is not None and not _takes_a_call(self.ordering_key):
            must = "a plain function of the call, such as `lambda call: str(call.customer_id)`"
            raise ImpossiblePolicy(policy="Policy", name="ordering_key", value=self.ordering_key, must=must)
        if self.on_doubt not in ("retry", "recover", "fail", None):
            must = 'one of "retry", "recover", "fail" and None'
            raise ImpossiblePolicy(policy="Policy", name="on_doubt", value=self.on_doubt, must=must)
