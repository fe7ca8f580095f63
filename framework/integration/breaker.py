"""A circuit breaker as a value, so that one sick vendor is left alone until it is well.

    closed --threshold failures in a row--> open --reset seconds--> half-open: one probe
    half-open --the probe succeeds--> closed,  --the probe fails--> open

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


State: TypeAlias = Closed | Open | HalfOpen


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
        case Open(until) | HalfOpen(until):
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
        case Open() | HalfOpen():
            return opened if probe else state


def counts(error: Exception) -> bool:
    """Whether an error says that the vendor is sick. One that names a time to come back is busy, not sick."""
    match error:
        case Transient(retry_after=None) | InDoubt():
            return True
        case _:
            return False
