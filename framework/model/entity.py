"""Entities, events and globals: the three kinds of records that users declare."""

from datetime import UTC, datetime
from uuid import UUID

from sqlmodel import Field

from framework.model.record import Record


class Entity(Record):
    """A record with identity; plain fields are facts, `computed(...)` fields are derived."""


def _now() -> datetime:
    return datetime.now(UTC)


class Event(Record):
    """An immutable record of something that happened, at the moment `at`."""

    at: datetime = Field(default_factory=_now)


GLOBAL_ID = UUID(int=0)
"""The id of the one row of a Global."""


class Global(Record):
    """The one row of values that belong to no record: totals over all records, and parameters."""

    id: UUID = Field(default=GLOBAL_ID, primary_key=True)
