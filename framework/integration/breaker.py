"""A circuit breaker as a value, so that one sick vendor is left alone until it is well.

    closed --threshold failures in a row--> open --reset seconds--> half-open: one probe
    half-open --the probe succeeds--> closed,  --the probe fails--> open

Of many workers the one at which it opened probes, and tells the others, who wait for longer than that one.
Only the vendor's health counts: an answer that says no is an answer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from framework.errors import InDoubt, Transient
from framework.integration.policy import Breaker


@dataclass(frozen=True)
class Closed:
    """All calls go; `failures` in a row so far."""

    failures: int = 0


@dataclass(frozen=True)
class Open:
    """No call goes before `until`."""

    until: datetime


@dataclass(frozen=True)
class HalfOpen:
    """One probe is under way. If it is not heard of before `until`, another may go: its worker died."""

    until: datetime


@dataclass(frozen=True)
class Elsewhere:
    """It opened at another worker, who probes. Nothing of that was heard before `until`? Then we may."""

    until: datetime


State: TypeAlias = Closed | Open | HalfOpen | Elsewhere


@dataclass(frozen=True)
class Admitted:
    """Go ahead, and report the end together with `probe`; `state` is the breaker's next state."""

    state: State
    probe: bool = False


@dataclass(frozen=True)
class Refused:
    """Come back at `until`."""

    until: datetime


def admit(state: State, rules: Breaker, now: datetime) -> Admitted | Refused:
    """Whether a call may go now."""
    match state:
        case Closed():
            return Admitted(state)
        case Open(until) | HalfOpen(until) | Elsewhere(until):
            if now < until:
                return Refused(until)
            return Admitted(HalfOpen(now + timedelta(seconds=rules.reset)), probe=True)


def succeeded(state: State, *, probe: bool) -> State:
    """The state after the vendor answered. What started before the circuit opened does not close it."""
    return Closed() if probe or isinstance(state, Closed) else state


def failed(state: State, rules: Breaker, now: datetime, *, probe: bool) -> State:
    """The state after the vendor did not answer. Whatever started before it opened prolongs nothing."""
    opened = Open(now + timedelta(seconds=rules.reset))
    match state:
        case Closed(failures) if failures + 1 < rules.threshold:
            return Closed(failures + 1)
        case Closed():
            return opened
        case Open() | HalfOpen() | Elsewhere():
            return opened if probe else state


def opened_elsewhere(state: State, rules: Breaker, until: datetime, now: datetime) -> State:
    """The state after another worker told that it leaves the vendor alone until then, and probes.

    Of two at which it opened, the first probes.
    """
    match state:
        case HalfOpen(ours) if now < ours:
            return state
        case Open(ours) if now < ours <= until:
            return state
        case _:
            return Elsewhere(until + timedelta(seconds=rules.reset))


def counts(error: Exception) -> bool:
    """Whether an error says that the vendor is sick. One that names a time to come back is busy, not sick."""
    match error:
        case Transient(retry_after=None) | InDoubt():
            return True
        case _:
            return False
