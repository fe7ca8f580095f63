"""A visit: a user's request that goes to the vendor past the queue, and through the same gate.

Users ask and cancel in between the calls of the worker. They wait for nothing: where nothing may start, they
are told why, and when to come back. What comes of a visit tells the gate as much as the end of a call.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from framework.clock import Clock
from framework.errors import NeedsAttention, Transient
from framework.integration.gate import Gate
from framework.integration.verdict import described

if TYPE_CHECKING:
    from framework.integration.client import HTTPClient

Visit: TypeAlias = Callable[[], AbstractAsyncContextManager["HTTPClient"]]
"""Opens the way to the vendor for one request, at the moment at which there is something to ask."""


class IsPaused(NeedsAttention):
    """{integration} is paused: {reason} Mend it, then call app.resume({integration!r})."""

    def __init__(self, integration: str, reason: str) -> None:
        sentence = reason if reason.endswith((".", "!", "?")) else f"{reason}."
        super().__init__("", code="paused", integration=integration, reason=sentence)


class RateReached(Transient):
    """As many requests have gone to {integration} as its policy allows. Come back in {seconds} s."""

    def __init__(self, integration: str, until: datetime, now: datetime) -> None:
        wait = until - now
        seconds = math.ceil(wait.total_seconds())
        super().__init__("", code="rate_reached", retry_after=wait, integration=integration, seconds=seconds)


class LeftAlone(Transient):
    """{integration} asked to wait, or did not answer, and is left alone. Come back in {seconds} s."""

    def __init__(self, integration: str, until: datetime, now: datetime) -> None:
        wait = until - now
        seconds = math.ceil(wait.total_seconds())
        super().__init__("", code="left_alone", retry_after=wait, integration=integration, seconds=seconds)


@contextmanager
def admitted(gate: Gate, clock: Clock) -> Iterator[None]:
    """Let one request through the gate. Raises IsPaused, LeftAlone or RateReached before anything is sent.

    It counts as under way, but waits for no place: a user more than `concurrency` harms no vendor.
    """
    now = clock.now()
    if gate.paused is not None:
        raise IsPaused(gate.name, gate.paused)
    if (until := gate.left_alone_until(now)) is not None:
        raise LeftAlone(gate.name, until, now)
    if (until := gate.rate_reached_until(now)) is not None:
        raise RateReached(gate.name, until, now)
    probe = gate.enter(1, now)
    try:
        yield
    except Exception as error:
        gate.leave(error, clock.now(), probe=probe)
        _learn(gate, error, clock.now())
        raise
    except BaseException:
        gate.forget()
        raise
    gate.leave(None, clock.now(), probe=probe)


def _learn(gate: Gate, error: Exception, now: datetime) -> None:
    gate.last_error = described(error)
    match error:
        case NeedsAttention():
            gate.pause(described(error))
        case Transient(retry_after=timedelta() as wait):
            gate.hold(now + wait)
