"""How an integration treats its vendor: how long, how often, how many at a time.

Times within one request or between two tries are numbers of seconds; spans of a call's life are timedeltas.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, TypeAlias

from framework.errors import DeclarationError

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
    """Raise unless the named numbers or timedeltas are above (or at least) `least`."""
    for name in names:
        value = getattr(policy, name)
        number = value.total_seconds() if isinstance(value, timedelta) else value
        if (
            isinstance(number, bool)
            or not isinstance(number, kind)
            or not (number > least if above else number >= least)
        ):
            raise ImpossiblePolicy(policy=type(policy).__name__, name=name, value=value, must=must)


@dataclass(frozen=True, kw_only=True)
class Timeout:
    """How long a request may take, in seconds: to connect, to send, between two pieces of the answer."""

    connect: float = 5.0
    read: float = 30.0
    write: float = 30.0

    def __post_init__(self) -> None:
        _require(self, "a positive number of seconds", "connect", "read", "write")


@dataclass(frozen=True, kw_only=True)
class Retry:
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
        _require(self, "a positive timedelta", "budget")

    def ceiling(self, attempt: int) -> float:
        """The longest wait after the given attempt, in seconds; the wait is drawn evenly from below it."""
        try:
            return min(self.cap, self.base * self.factor ** (attempt - 1))
        except OverflowError:
            return self.cap


@dataclass(frozen=True)
class Rate:
    """At most `per_second` requests a second in the long run, and `burst` at once.

    On PostgreSQL no more than `burst` workers share it.
    """

    per_second: float
    burst: int = 1

    def __post_init__(self) -> None:
        _require(self, "a positive number", "per_second")
        _require_whole(self, "burst")


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """Stop calling after `threshold` failures in a row, and try with one call after `reset` seconds."""

    threshold: int = 5
    reset: float = 30.0

    def __post_init__(self) -> None:
        _require_whole(self, "threshold")
        _require(self, "a positive number of seconds", "reset")


@dataclass(frozen=True, kw_only=True)
class PollSchedule:
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
class Policy:
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
        _require(self, "a positive timedelta", "attempt", "deadline", "lease")
        if self.on_doubt not in ("retry", "recover", "fail", None):
            must = 'one of "retry", "recover", "fail" and None'
            raise ImpossiblePolicy(policy="Policy", name="on_doubt", value=self.on_doubt, must=must)
