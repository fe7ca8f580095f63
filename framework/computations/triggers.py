"""What can move a state machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from framework.model.apicall import APICall, CallStatus
from framework.model.entity import Event
from framework.model.record import Record

R = TypeVar("R", bound=Record)


class Occasion(StrEnum):
    """The kinds of change that a trigger can wait for."""

    CREATED = "created"  # a record came to be
    DELETED = "deleted"  # a record is gone
    CHANGED = "changed"  # a field has another value
    BECAME = "became"  # a field has reached one value


@dataclass(frozen=True, eq=False)
class Trigger:
    """One kind of change of the records that a relation, or a class, names."""

    records: Any
    occasion: Occasion
    field: str | None = None
    value: Any = None

    def fires(self, old: Any, new: Any) -> bool:
        """Whether the change from `old` to `new` (None: no such record) is what this trigger waits for."""
        match self.occasion:
            case Occasion.CREATED:
                return old is None and new is not None
            case Occasion.DELETED:
                return new is None and old is not None
            case Occasion.CHANGED:
                field = self.field or ""
                return old is not None and new is not None and getattr(old, field) != getattr(new, field)
            case Occasion.BECAME:
                field = self.field or ""
                if new is None or getattr(new, field) != self.value:
                    return False
                return old is None or getattr(old, field) != self.value

    def describe(self, source: str) -> str:
        """The trigger as people say it: `Charge completed`, `Item.price changed`."""
        match self.occasion:
            case Occasion.CHANGED:
                return f"{source}.{self.field} changed"
            case Occasion.BECAME:
                return f"{source} {self.value}"
            case _:
                return f"{source} {self.occasion}"


def completed(calls: Sequence[APICall]) -> Trigger:
    """One of the calls was completed."""
    return Trigger(calls, Occasion.BECAME, "status", CallStatus.COMPLETED)


def failed(calls: Sequence[APICall]) -> Trigger:
    """One of the calls failed."""
    return Trigger(calls, Occasion.BECAME, "status", CallStatus.FAILED)


def created(records: Sequence[R]) -> Trigger:
    """A record of the relation came to be."""
    return Trigger(records, Occasion.CREATED)


def deleted(records: Sequence[R]) -> Trigger:
    """A record of the relation is gone."""
    return Trigger(records, Occasion.DELETED)


def changed(records: Sequence[R], field: str) -> Trigger:
    """A field of a record of the relation has another value."""
    return Trigger(records, Occasion.CHANGED, field)


def on(event: type[Event]) -> Trigger:
    """An event happened; its one foreign key to the machine's record is the route."""
    return Trigger(event, Occasion.CREATED)


Guard = Callable[..., object]
