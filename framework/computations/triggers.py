"""What can move a state machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self, TypeVar, overload

from framework.model.apicall import APICall, CallStatus
from framework.model.entity import Event
from framework.model.record import Record
from framework.model.words import word

R = TypeVar("R", bound=Record)
V = TypeVar("V")


class Occasion(StrEnum):
    """The kinds of change that a trigger can wait for."""

    CREATED = "created"  # a record came to be
    DELETED = "deleted"  # a record is gone
    CHANGED = "changed"  # a field has another value
    BECAME = "became"  # a field has reached one value
    ENTERED = "entered"  # a record is in the relation now, and was not: made, moved there, or a member now
    LEFT = "left"  # a record was in the relation, and is not now: gone, moved away, or no member any more


OWN_ROW: Any = None
"""The records of a trigger that waits for a change of the machine's own record."""

UNKNOWN: Any = ...
"""What a field starts with to which every new record gives a value of its own."""


@dataclass(frozen=True, eq=False)
class Trigger:
    """One kind of change of the records that a relation, or a class, names, or of the machine's own record.

    `field` is a name, or of the own record what stands in the class body. `to` is the foreign key of a class
    that leads to the machine's record.
    """

    records: Any
    occasion: Occasion
    field: Any = None
    value: Any = None
    to: str | None = None
    start: Any = UNKNOWN  # what the field of a new record starts with; the plan knows

    def fires(self, old: Any, new: Any) -> bool:
        """Whether the change from `old` to `new` (None: no such record) is what this trigger waits for."""
        match self.occasion:
            case Occasion.CREATED:
                return old is None and new is not None
            case Occasion.DELETED:
                return new is None and old is not None
            case Occasion.CHANGED:
                return (
                    old is not None
                    and new is not None
                    and bool(getattr(old, self.field) != getattr(new, self.field))
                )
            case Occasion.BECAME:
                if new is None or getattr(new, self.field) != self.value:
                    return False
                return bool((self.start if old is None else getattr(old, self.field)) != self.value)
            case Occasion.ENTERED | Occasion.LEFT:
                return True  # where the record was and is decides

    def describe(self, source: str) -> str:
        """The trigger as people say it: `Charge completed`, `Item.price changed`, `Bid.late became True`."""
        match self.occasion:
            case Occasion.CHANGED:
                return f"{source}.{self.field} changed"
            case Occasion.BECAME if isinstance(self.value, CallStatus):
                return f"{source} {self.value}"
            case Occasion.BECAME:
                return f"{source}.{self.field} became {self.value}"
            case _:
                return f"{source} {self.occasion}"


@dataclass(frozen=True, eq=False, kw_only=True)
class LinkTrigger(Trigger):
    """A change of the records at the far ends of links: `created` when one is linked, `deleted` when it is no
    longer. A link that is pointed at another record is moved, and a move is neither.

    `field` is what the link carries of the field that was `declared`.
    """

    far_key: str
    declared: Trigger

    @classmethod
    def over(cls, declared: Trigger, field: str | None, far_key: str) -> Self:
        """The declared trigger, as it waits for what is carried."""
        return cls(
            declared.records,
            declared.occasion,
            field,
            declared.value,
            start=declared.start,
            far_key=far_key,
            declared=declared,
        )

    def fires(self, old: Any, new: Any) -> bool:
        was = None if old is None else getattr(old, self.far_key)
        now = None if new is None else getattr(new, self.far_key)
        match self.occasion:
            case Occasion.CREATED:
                return was is None and now is not None
            case Occasion.DELETED:
                return was is not None and now is None
            case Occasion.CHANGED:
                return was is not None and was == now and super().fires(old, new)
            case Occasion.BECAME:
                return now is not None and super().fires(old if was == now else None, new)
            case Occasion.ENTERED:
                return now is not None
            case Occasion.LEFT:
                return was is not None

    def describe(self, source: str) -> str:
        match self.occasion:
            case Occasion.CREATED:
                return f"{source} linked"
            case Occasion.DELETED:
                return f"{source} unlinked"
            case Occasion.ENTERED | Occasion.LEFT:
                return super().describe(source)
            case _:
                return self.declared.describe(source)


@dataclass(frozen=True, eq=False, kw_only=True)
class OneTrigger(LinkTrigger):
    """A change of the one record that a to-one relation, or a view of such relations, leads to: `created`
    when there is one and was none, `deleted` when there was one and is none. Another one in its place is
    neither.

    `far_key` is what the machine's record carries of who that is, or the key itself.
    """

    def describe(self, source: str) -> str:
        return self.declared.describe(source)


@word
def completed(calls: Sequence[APICall] | type[APICall] | APICall | None, *, to: str | None = None) -> Trigger:
    """One of the calls was completed."""
    return Trigger(calls, Occasion.BECAME, "status", CallStatus.COMPLETED, to)


@word
def failed(calls: Sequence[APICall] | type[APICall] | APICall | None, *, to: str | None = None) -> Trigger:
    """One of the calls failed."""
    return Trigger(calls, Occasion.BECAME, "status", CallStatus.FAILED, to)


@word
def created(records: Sequence[R] | type[R] | R | None, *, to: str | None = None) -> Trigger:
    """A record of the relation, or of the class, came to be; through a link model, one was linked.

    Of a class, its one foreign key to the machine's record is the route; `to` names it where there are more.
    On a `Global` all records count. To enter a view counts as that. Of a to-one relation, or a view of such,
    there is one now, and was none.
    """
    return Trigger(records, Occasion.CREATED, to=to)


@word
def deleted(records: Sequence[R] | type[R] | R | None, *, to: str | None = None) -> Trigger:
    """A record of the relation, or of the class, is gone; through a link model, it is no longer linked. To
    leave a view counts as that. Of a to-one relation, or a view of such, there is none now, and was one.
    """
    return Trigger(records, Occasion.DELETED, to=to)


@word
def entered(records: Sequence[R] | type[R] | R | None, *, to: str | None = None) -> Trigger:
    """A record is in the relation or the view now, and was not: it came to be, moved there, or is a member
    now. Of what leads to one record: another one is at its end.
    """
    return Trigger(records, Occasion.ENTERED, to=to)


@word
def left(records: Sequence[R] | type[R] | R | None, *, to: str | None = None) -> Trigger:
    """A record was in the relation or the view, and is not now: it is gone, moved away, or is no member any
    more.
    """
    return Trigger(records, Occasion.LEFT, to=to)


@overload
def changed(records: Sequence[R] | type[R] | R | None, field: str, *, to: str | None = None) -> Trigger: ...
@overload
def changed(field: object, /) -> Trigger: ...
@word
def changed(records: Any, field: str | None = None, *, to: str | None = None) -> Trigger:
    """A field of a record of the relation, or of the class, has another value; or, given alone, a field of
    the machine's own record: `changed(total)` for what stands above in the class body, or `changed("cents")`.

    A record that comes to be has not changed.
    """
    if field is None:
        return Trigger(OWN_ROW, Occasion.CHANGED, records)
    return Trigger(records, Occasion.CHANGED, field, to=to)


@overload
def became(
    records: Sequence[R] | type[R] | R | None, field: str, value: object, *, to: str | None = None
) -> Trigger: ...
@overload
def became(field: V, value: V, /) -> Trigger: ...
@word
def became(records: Any, field: Any, value: Any = UNKNOWN, *, to: str | None = None) -> Trigger:
    """A field of a record of the relation, or of the class, has reached the value; or, given without them, a
    field of the machine's own record: `became(overdue, True)`, or `became("paid", True)`.

    A record that comes to be with another value than such a field starts with has reached it too.
    """
    if value is UNKNOWN:
        return Trigger(OWN_ROW, Occasion.BECAME, records, field)
    return Trigger(records, Occasion.BECAME, field, value, to)


@word
def on(event: type[Event], *, to: str | None = None) -> Trigger:
    """An event happened; its one foreign key to the machine's record is the route, or the one that `to`
    names.
    """
    return Trigger(event, Occasion.CREATED, to=to)


Guard = Callable[..., object]
