"""What a handler says about a call; the framework alone turns it into integration events."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType, TypeAlias
from uuid import UUID, uuid5

from framework.errors import InvariantBroken
from framework.model.payload import Payload

ExternalId = NewType("ExternalId", str)
"""The vendor's name for what it does for a call."""

_CALLS = UUID("6f0c3a52-2f0e-5d0b-9a44-0c1d8b7e5a11")


@dataclass(frozen=True, kw_only=True)
class _Correlated:
    """What ties an outcome to its call, and one telling of it to another.

    `external_id` is the vendor's id; `reference` is our call's id where the vendor echoes it; `event_id` is
    the vendor's id of this event, so that a repeated one changes nothing; `occurred_at` is the vendor's time.
    """

    external_id: ExternalId | None = None
    reference: UUID | None = None
    event_id: str | None = None
    occurred_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.occurred_at is not None and self.occurred_at.tzinfo is None:
            raise InvariantBroken(problem=f"occurred_at={self.occurred_at.isoformat()} has no time zone")


@dataclass(frozen=True)
class Completed(_Correlated):
    """The vendor did it. A vendor that only said so, and keeps the result elsewhere, gives None."""

    result: Payload | None = None


@dataclass(frozen=True)
class Failed(_Correlated):
    """A verdict: the call failed and will not be tried again. `reason` is for people, `code` for programs."""

    reason: str
    code: str = field(default="failed", kw_only=True)


@dataclass(frozen=True, kw_only=True)
class Processing(_Correlated):
    """Still under way. Unknown statuses of a vendor are this too, never a failure."""

    detail: str | None = None


@dataclass(frozen=True, kw_only=True)
class PollNow(Processing):
    """Said by a webhook whose delivery names a call and tells nothing more: ask the vendor about it at once.

    The integration must have a `poll` for the call. Without an `event_id` every such delivery asks anew.
    """


@dataclass(frozen=True)
class Reply:
    """Said by a webhook to the vendor, and about no call: what a verified delivery is answered with."""

    body: bytes
    content_type: str = field(default="text/plain; charset=utf-8", kw_only=True)


@dataclass(frozen=True)
class NotSubmitted:
    """Said by `recover` alone: the vendor never got the call, so it may be sent again."""


Outcome: TypeAlias = Completed | Failed | Processing


def own_external_id(call_id: UUID) -> ExternalId:
    """The external id of a call whose vendor gives none: always the same one for the same call."""
    return ExternalId(str(uuid5(_CALLS, str(call_id))))
