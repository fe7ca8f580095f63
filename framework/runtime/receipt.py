"""What a dispatch or a transaction did."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

from framework.model.entity import Event
from framework.model.record import Record
from framework.model.symmetric import LinkEnd
from framework.plan.shape import Shape
from framework.runtime.change import Change
from framework.runtime.present import detached

E = TypeVar("E", bound=Event)


class ChangeKind(StrEnum):
    """What became of a record."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True)
class NetChange:
    """One record that a transaction changed; `before` and `after` are read-only records, or None.

    On a replayed receipt both are None: the records may have changed since.
    """

    kind: ChangeKind
    model: type[Record]
    id: UUID
    before: Any = None
    after: Any = None


class Receipt(Generic[E]):
    """The stored event, and the net changes of its transaction in their order."""

    def __init__(self, event: E, changes: Iterable[NetChange] = (), *, replayed: bool = False) -> None:
        self.event = event
        self.changes = tuple(changes)
        self.replayed = replayed  # the key was known: nothing was done

    @property
    def id(self) -> UUID:
        """The id of the event."""
        return self.event.id

    def __repr__(self) -> str:
        return f"<Receipt of {type(self.event).__name__} {self.id}: {len(self.changes)} changes>"


def _is_same(change: Change) -> bool:
    """Whether users see no difference: hidden columns may differ."""
    before, after = change.before_row, change.after_row
    if before is None or after is None:
        return before is after
    return all(before[name] == after[name] for name in change.shape.fields)


def changes_of(rows: Mapping[Shape, Mapping[UUID, Change]]) -> list[NetChange]:
    """The net changes of what a transaction has touched."""
    return net_changes(change for known in rows.values() for change in known.values())


def net_changes(changes: Iterable[Change]) -> list[NetChange]:
    """The changes that a transaction leaves, without those that came to nothing."""
    net = []
    for change in changes:
        before, after = change.before_row, change.after_row
        if before is not None:
            before |= {name: derive(before) for name, derive in change.shape.derive_old.items()}
        if issubclass(change.shape.model, LinkEnd) or _is_same(change):
            continue
        kind = (
            ChangeKind.CREATED
            if before is None
            else ChangeKind.DELETED
            if after is None
            else ChangeKind.UPDATED
        )
        net.append(
            NetChange(
                kind,
                change.shape.model,
                change.id,
                None if before is None else detached(change.shape, before),
                None if after is None else detached(change.shape, after),
            )
        )
    return net
