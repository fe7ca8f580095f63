"""Calls: one intent to use an external API, and what integration events say about it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlmodel import Field, UniqueConstraint

from framework.model.computation import Computation, computed
from framework.model.entity import Entity, Event

T = TypeVar("T")


class CallStatus(StrEnum):
    """The life of a call, as the world outside sees it."""

    PENDING = "pending"  # nobody outside has heard of it, as far as we know
    PROCESSING = "processing"  # the vendor has it, under an external id
    COMPLETED = "completed"  # the vendor did it; a result is there
    FAILED = "failed"  # it will not be done; an error says why


class EventKind(StrEnum):
    """What an integration event says."""

    INITIALIZED = "initialized"  # the call has an external id; the only event that names the call itself
    PROCESSING = "processing"  # the vendor is at work
    COMPLETED = "completed"  # the vendor is done, with this result
    FAILED = "failed"  # the vendor refused or gave up, or we did


class Standing(StrEnum):
    """What became of an integration event on arrival. None of them is ever dropped."""

    APPLIED = "applied"  # it moved its call
    STALE = "stale"  # it came after a later one, and moved nothing
    LATE = "late"  # it came after the end, and moved nothing
    CONFLICT = "conflict"  # it came after the end and says the opposite of it
    ORPHAN = "orphan"  # no call is known by its external id yet


class Lifecycle(NamedTuple):
    """One step that an integration event may cause."""

    source: CallStatus
    kind: EventKind
    target: CallStatus


LIFECYCLE = (
    Lifecycle(CallStatus.PENDING, EventKind.INITIALIZED, CallStatus.PENDING),
    Lifecycle(CallStatus.PENDING, EventKind.PROCESSING, CallStatus.PROCESSING),
    Lifecycle(CallStatus.PENDING, EventKind.FAILED, CallStatus.FAILED),
    Lifecycle(CallStatus.PROCESSING, EventKind.COMPLETED, CallStatus.COMPLETED),
    Lifecycle(CallStatus.PROCESSING, EventKind.FAILED, CallStatus.FAILED),
)
"""`initialized -> processing -> completed | failed`, for every call of every vendor."""


@dataclass(frozen=True, eq=False)
class FromEvents(Computation[T]):
    """A property of a call that its applied integration events define; all of them move together.

    `status` follows `LIFECYCLE`; `external_id` comes with `initialized`, `result` and `completed_at` with
    `completed`, `error` and `completed_at` with `failed`.
    """

    initial: Any


class APICall(Entity):
    """One intent to use an external API; the row is also the outbox entry.

    A subclass declares `request`, and narrows `result` to its own payload. All but `request` and `created_at`
    are derived from integration events.
    """

    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    status: CallStatus = computed(FromEvents(CallStatus.PENDING))
    external_id: str | None = computed(FromEvents(None))
    result: Any = computed(FromEvents(None))
    error: str | None = computed(FromEvents(None))
    completed_at: datetime | None = computed(FromEvents(None))


IS_ORPHAN = "standing = 'orphan'"
"""The SQL of the indexes that hold orphans alone."""

PATIENCE = timedelta(hours=1)
"""An event that comes before its call waits seconds. After an hour somebody should look."""


class IntegrationEvent(Event, table=True):
    """`initialized`, `processing`, `completed` or `failed`, said about one call. Written by the framework
    alone.

    `entity_id` is given by `initialized` alone, `external_id` by all; `call_id` is the call that it was
    matched to, None while it is an orphan. `dedupe_key` makes a repeated delivery change nothing.
    """

    __tablename__ = "integration_event"
    __table_args__ = (UniqueConstraint("call_type", "dedupe_key"),)

    integration: str
    call_type: str
    kind: EventKind
    external_id: str
    entity_id: UUID | None = None
    call_id: UUID | None = Field(default=None, index=True)
    standing: Standing = Standing.APPLIED
    source: str = "submit"
    dedupe_key: str
    code: str | None = None
    detail: str | None = None
    result: Any = None
    occurred_at: datetime | None = None
