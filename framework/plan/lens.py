"""Lenses: what sees, of all records of a class, those that belong to a view."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from framework.computations.aggregate import Additive
from framework.model.record import Record
from framework.plan.shape import Far, Shape
from framework.plan.view import View, view_of

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Lens:
    """Shows the members of a view, and nothing else."""

    name: str  # of the view, as people say it: `PaidOrder`, `Order.paid`
    column: str  # hidden column of the source: whether the record is a member
    model: type[Record]  # what callbacks take the members for
    view: type[View]
    where: object = None  # the condition, as it was declared
    behind: tuple[str, ...] = ()  # the columns of the views that it is a part of

    def see(self, row: Mapping[str, Any] | None) -> Any:
        """The record, if there is one and it is a member; else None."""
        return view_of(self.view, row) if row is not None and row[self.column] else None

    def member(self, record: Any) -> Any:
        """What callbacks see of a record of the source: the member, or None."""
        return None if record is None else self.see(vars(record))

    def members(self, records: Iterable[Any]) -> list[Any]:
        """Those of the records that are members."""
        return [member for one in records if (member := self.member(one)) is not None]


def presence(source: Shape, lens: Lens | None) -> frozenset[tuple[Shape, str | None]]:
    """What decides whether a record is there, for who sees it through the lens."""
    return frozenset({(source, None)} | ({(source, lens.column)} if lens else set()))


def presence_at(end: Far) -> frozenset[tuple[Shape, str | None]]:
    """What decides whether the end leads to a record, but for the keys."""
    return presence(end.shape, end.lens).union(*map(presence_at, end.before))


def through(lens: Lens | None, computation: C) -> C:
    """The computation as one that sees members alone: what is none does not count, and offers nothing."""
    if lens is None:
        return computation

    def of_members(record: Any, take: Callable[[Any], Any]) -> Any:
        member = lens.member(record)
        return None if member is None else take(member)

    name = "counted" if isinstance(computation, Additive) else "offer"
    return overridden(computation, name, of_members)


def overridden(computation: C, name: str, function: Callable[[Any, Callable[[Any], Any]], Any]) -> C:
    """The computation with a method of its own, which is given a record and the method that was there."""
    kind: Any = type(computation)

    def method(self: Any, record: Any) -> Any:
        return function(record, getattr(super(twin_kind, self), name))

    twin_kind = type(kind.__name__, (kind,), {name: method})
    twin: Any = copy.copy(computation)
    object.__setattr__(twin, "__class__", twin_kind)
    return twin  # type: ignore[no-any-return]  # a copy
