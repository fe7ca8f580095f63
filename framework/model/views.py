"""Views: live parts of what a class or a relation holds, and several of them seen as one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from framework.model.computation import InClassBody
from framework.model.words import word

if TYPE_CHECKING:  # records know their views
    from framework.model.record import Record

R = TypeVar("R")
S = TypeVar("S")
T = TypeVar("T", bound="Record")


@dataclass(frozen=True, eq=False)
class Filter:
    """What belongs to a filtered class: the records of its base for which `where` holds."""

    where: Callable[[Any], object] | None
    reads: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class RelationView(InClassBody):
    """A relation that is made of other relations; it has no column of its own."""


def views_in(body: Mapping[str, Any]) -> dict[str, RelationView]:
    """The views of a class body by their names, each after those that it is made of.

    Who stands within another declaration, `Count(subset(orders, PaidOrder))`, has no name, and is called
    after that.
    """
    named = {id(value): key for key, value in body.items() if isinstance(value, RelationView)}
    found: dict[str, RelationView] = {}

    def take(key: str, declaration: InClassBody) -> None:
        for part in declaration.made_of():
            if isinstance(part, RelationView) and id(part) not in named:
                count = sum(name.startswith(f"{key}_part") for name in found)
                named[id(part)] = f"{key}_part{count + 1}"
                take(named[id(part)], part)
        if isinstance(declaration, RelationView):
            found[named[id(declaration)]] = declaration

    for key, value in body.items():
        if isinstance(value, InClassBody):
            take(key, value)
    return found


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
@overload
def subset(
    record: T | None, where: Callable[[T], object], /, *, reads: tuple[str, ...] | None = None
) -> T | None: ...
@overload
def subset(record: T | None, where: type[S], /) -> S | None: ...
@word
def subset(records: Any, where: Any, /, *, reads: tuple[str, ...] | None = None) -> Any:
    """The records of a relation for which `where` holds, or that belong to a filtered class.

    `paid: list[Order] = subset(orders, lambda order: order.status is Status.PAID)`, in a class body below the
    relation. A record enters and leaves as what `where` reads changes; a subset can be taken of a subset.
    Of a to-one relation it is the record, or None: `vip: Vip | None = subset(customer, Vip)`.
    """
    return Subset(records, where, reads)


@overload
def merged(*relations: Sequence[R] | type[R]) -> list[R]: ...
@overload
def merged(*relations: T | None) -> T | None: ...
def merged(*relations: Any) -> Any:
    """The records of several relations, each to a class of its own, as one relation.

    `parties: list[Party] = merged(persons, companies)`, in a class body below the relations; on a `Global`
    also of classes. Of to-one relations it is the first that leads to a record, or None:
    `payer: Party | None = merged(person, company)`.
    """
    return Merged(relations)
