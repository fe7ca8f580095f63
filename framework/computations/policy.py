"""Query policies: what a reader may see of a class of records. A caller narrows it, and never widens it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement

from framework.model.record import Record
from framework.model.words import check_class, name_of, word


@dataclass(frozen=True)
class Reader:
    """Who reads, and what else the caller said of the request."""

    actor: str | None = None
    context: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


Criterion: TypeAlias = Callable[[Reader], ColumnElement[bool] | bool]
Hides: TypeAlias = Sequence[str] | Callable[[Reader], Sequence[str]]


@dataclass(frozen=True, eq=False)
class QueryPolicy:
    """The records of a class that a reader may see, and the fields of these that nobody shows to them."""

    model: type[Record]
    criterion: Criterion
    hides: Hides
    name: str

    def hidden(self, reader: Reader) -> Sequence[str]:
        """The fields that this reader does not see."""
        return self.hides(reader) if callable(self.hides) else self.hides


@word
def policy(model: type[Record], *, hides: Hides = ()) -> Callable[[Criterion], QueryPolicy]:
    """Declare what readers may see: `@policy(Order)` on a function from the reader to a SQL criterion.

        @policy(Order, hides=("margin",))
        def own_orders(reader: Reader) -> ColumnElement[bool]:
            return col(Order.email) == reader.actor

    True shows every record, False none. Of several policies of a class all must hold. `hides` names fields
    that the reader does not see, or is a function from the reader to their names. The criterion itself sees
    all records, so it may look at other classes by subqueries. A policy of a view concerns its members, by
    whatever name they are read.
    """

    check_class(model, "policy", "@policy(Order)")

    def declared(criterion: Criterion) -> QueryPolicy:
        return QueryPolicy(
            model, criterion, hides, name_of(criterion, "policy", f"@policy({model.__name__})")
        )

    return declared
