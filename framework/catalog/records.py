"""The records of the catalog: its lifecycle events are the facts, and an entry is what follows from them."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from sqlmodel import Field, Relationship
from sqlmodel import UniqueConstraint as Unique

from framework.catalog.config import EntryConfig
from framework.catalog.contract import EntryType, Health
from framework.computations.admission import Admission, guard
from framework.computations.formula import Formula
from framework.computations.rule import derive
from framework.computations.selective import Latest
from framework.computations.statemachine import StateMachine, Transition
from framework.computations.triggers import on
from framework.model.computation import computed
from framework.model.entity import Entity, Event
from framework.model.payload import Payload


class Presence(StrEnum):
    """Whether an entry is in the catalog; what was deleted stays known to its history."""

    LISTED = "listed"
    DELETED = "deleted"


class Description(Payload):
    """What people say about an entry."""

    name: str = Field(min_length=1)
    config: EntryConfig


class EntryCreated(Event, table=True):
    """Somebody put an entry into the catalog."""

    type: EntryType
    provider: str
    description: Description


class EntryUpdated(Event, table=True):
    """Somebody described an entry anew."""

    entry_id: UUID = Field(foreign_key="catalog_entry.id", index=True)
    description: Description


class EntryDeleted(Event, table=True):
    """Somebody took an entry out of the catalog."""

    entry_id: UUID = Field(foreign_key="catalog_entry.id", index=True)


class HealthChanged(Event, table=True):
    """A look at an entry found it other than before."""

    entry_id: UUID = Field(foreign_key="catalog_entry.id", index=True)
    before: Health
    after: Health
    detail: str


class ConnectionTested(Event, table=True):
    """Somebody asked whether an entry's address and credentials are right."""

    entry_id: UUID = Field(foreign_key="catalog_entry.id", index=True)
    health: Health
    detail: str


Lifecycle: TypeAlias = EntryCreated | EntryUpdated | EntryDeleted | HealthChanged | ConnectionTested


def _seen_as(health: Health) -> Callable[["CatalogEntry"], bool]:
    return lambda entry: entry.observed is health


class CatalogEntry(Entity, table=True):
    """A registry, forge, CI system or host. Its name is its own among the entries that are listed.

    All but `checked_at`, the moment of the last look, follows from the lifecycle events.
    """

    __table_args__ = (Unique("listed_name"),)

    type: EntryType
    provider: str
    original: Description
    checked_at: datetime | None = None
    updates: list[EntryUpdated] = Relationship()
    changes: list[HealthChanged] = Relationship()
    tests: list[ConnectionTested] = Relationship()

    revised: Description | None = computed(Latest(updates, lambda updated: updated.description))
    name: str = computed(Formula(lambda entry: (entry.revised or entry.original).name))
    config: EntryConfig = computed(Formula(lambda entry: (entry.revised or entry.original).config))
    presence: Presence = computed(
        StateMachine(Presence.LISTED, Transition(Presence.LISTED, Presence.DELETED, when=on(EntryDeleted)))
    )
    listed_name: str | None = computed(
        Formula(lambda entry: entry.name if entry.presence is Presence.LISTED else None)
    )
    observed: Health | None = computed(Latest(changes, lambda changed: changed.after))
    health: Health = computed(
        StateMachine(
            Health.UNKNOWN,
            *(
                Transition(before, after, when=on(HealthChanged), guard=_seen_as(after))
                for before in Health
                for after in Health
                if before is not after
            ),
        )
    )
    health_detail: str | None = computed(Latest(changes, lambda changed: changed.detail))
    health_since: datetime | None = computed(Latest(changes, lambda changed: changed.at))
    tested: Health | None = computed(Latest(tests, lambda test: test.health))
    tested_at: datetime | None = computed(Latest(tests, lambda test: test.at))


@derive
def entry(created: EntryCreated) -> CatalogEntry:
    """What was created is an entry, under the same id."""
    return CatalogEntry(
        id=created.id, type=created.type, provider=created.provider, original=created.description
    )


def _is_listed(event: EntryUpdated | EntryDeleted | HealthChanged | ConnectionTested, at: Admission) -> bool:
    return at.get(CatalogEntry, event.entry_id).presence is Presence.LISTED


_CODE = "entry_deleted"
updated_while_listed = guard(EntryUpdated, code=_CODE)(_is_listed)
deleted_while_listed = guard(EntryDeleted, code=_CODE)(_is_listed)
changed_while_listed = guard(HealthChanged, code=_CODE)(_is_listed)
tested_while_listed = guard(ConnectionTested, code=_CODE)(_is_listed)
