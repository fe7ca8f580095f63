"""What a claimed call needs: decided from its row alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from framework.integration.handlers import CallHandlers
from framework.integration.outbox import Claimed
from framework.model.apicall import CallStatus

KEYS_LAST = timedelta(hours=23)
"""Stripe remembers an idempotency key for 24 hours; after that a repeated request is a second one."""

GRACE = timedelta(hours=1)
"""How long after its deadline a call is still looked after if the vendor cannot be asked."""


@dataclass(frozen=True, slots=True)
class Send:
    """The vendor is to be called."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The vendor is asked whether it got the call: the answer to an earlier attempt was lost."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """The vendor has the call, and is asked how it stands. The `last` look is after the deadline."""

    last: bool = False


@dataclass(frozen=True, slots=True)
class Abandon:
    """Nothing can be done for the call any more."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """The vendor has the call and will say how it ends."""


Need: TypeAlias = Send | Ask | LookUp | Wait | Abandon


def need(claimed: Claimed, handlers: CallHandlers, now: datetime) -> Need:
    """What is to be done for a call that is due."""
    row = claimed.row
    overdue = now >= row["_deadline_at"]
    if row["status"] is CallStatus.PROCESSING:
        if handlers.poll is not None or (overdue and handlers.recover is not None):
            return LookUp(last=overdue)
        return _timeout() if overdue else Wait()
    if claimed.doubtful:
        return _in_doubt(claimed, handlers, now)
    return _timeout() if overdue else Send()


def _in_doubt(claimed: Claimed, handlers: CallHandlers, now: datetime) -> Need:
    """An attempt has no known end. Only a vendor that does a repeated call once may get it again unasked."""
    key_counts = now - claimed.row["_first_tried_at"] < KEYS_LAST
    if handlers.policy.on_doubt == "retry" and key_counts and now < claimed.row["_deadline_at"]:
        return Send()
    if handlers.recover is not None and handlers.policy.on_doubt != "fail":
        return Ask()
    why = "the worker was cut off, or the answer was lost" if key_counts else "its idempotency key is too old"
    return Abandon("in_doubt", f"the vendor may or may not have acted: {why}. Look it up at the vendor.")


def _timeout() -> Abandon:
    return Abandon("timeout", "the deadline passed without an outcome")
