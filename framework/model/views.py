"""Views: live parts of what a class or a relation holds, and several of them seen as one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from framework.model.computation import InClassBody

R = TypeVar("R")
S = TypeVar("S")


@dataclass(frozen=True, eq=False)
class Filter:
    """What belongs to a filtered class: the records of its base for which `where` holds."""

    where: Callable[[Any], object] | None
    reads: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class RelationView(InClassBody):
    """A relation that is made of other relations; it has no column of its own."""


@dataclass(frozen=True, eq=False)
class Subset(RelationView):
    """The records of a relation for which `where` holds, or that belong to a filtered class."""

    records: Any
    where: Callable[[Any], object] | type
    reads: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Merged(RelationView):
    """The records of several relations, each to a class of its own."""

    parts: tuple[Any, ...]


@overload
def subset(records: Sequence[R] | type[R], where: type[S], /) -> list[S]: ...
@overload
def subset(
    records: Sequence[R] | type[R],
    where: Callable[[R], object],
    /,
    *,
    reads: tuple[str, ...] | None = None,
) -> list[R]: ...
def subset(records: Any, where: Any, /, *, reads: tuple[str, ...] | None = None) -> Any:
    """The records of a relation for which `where` holds, or that belong to a filtered class.

    `paid: list[Order] = subset(orders, lambda order: order.status is Status.PAID)`, in a class body below the
    relation. A record enters and leaves as what `where` reads changes; a subset can be taken of a subset.
    """
    return Subset(records, where, reads)


def merged(*relations: Sequence[R] | type[R]) -> list[R]:
    """The records of several relations, each to a class of its own, as one relation.

    `parties: list[Party] = merged(persons, companies)`, in a class body below the relations; on a `Global`
    also of classes.
    """
    return Merged(relations)  # type: ignore[return-value]  # the class keeps it as a relation
