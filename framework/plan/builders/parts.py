"""A property over several classes: what each class gives, and what follows from all of that."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, get_args
from uuid import UUID

from sqlalchemy.types import TypeEngine

from framework.computations.formula import Formula
from framework.computations.selective import Collect, Extreme, Recency
from framework.model.columns import Structured, without_none
from framework.plan.lens import overridden
from framework.plan.node import FormulaNode
from framework.plan.shape import Shape

Selection: TypeAlias = Extreme[Any, Any] | Recency[Any, Any] | Collect[Any, Any]
Among: TypeAlias = Callable[[Sequence[Any]], Any]


def in_parts(
    computation: Selection, offered: TypeEngine[Any], annotation: Any
) -> tuple[Selection, Among, TypeEngine[Any], TypeEngine[Any]]:
    """How a class selects, what is selected among the values of all, and the column types of one offer and of
    what one class selects.

    Among records of different classes the newest is the one with the greatest id: ids are made in the order
    of time, unless somebody gives their own.
    """
    if isinstance(computation, Extreme):
        best = max if computation.descending else min
        return computation, lambda values: best(_there(values), default=None), offered, offered
    kind: Any = without_none(annotation)
    if isinstance(computation, Recency):
        last = max if computation.newest else min
        pair: TypeEngine[Any] = Structured(tuple[UUID, kind])

        def one(values: Sequence[Any]) -> Any:
            return last(_there(values), key=_id, default=(None, None))[1]

        return _with_id(computation), one, pair, pair
    limit = computation.limit
    item: Any = next(iter(get_args(kind)), Any)

    def newest(values: Sequence[Any]) -> list[Any]:
        ranked = sorted((pair for pairs in values for pair in pairs), key=_id, reverse=True)
        return [value for _, value in ranked[:limit]]

    pairs: TypeEngine[Any] = Structured(list[tuple[UUID, item]])
    return _with_id(computation), newest, Structured(tuple[UUID, item]), pairs


def of_parts(shape: Shape, name: str, parts: Sequence[str], among: Among) -> FormulaNode:
    """The node of a property that follows from inner columns of its record, one for each class."""
    return FormulaNode(
        name=f"{shape.name}.{name}",
        reads=frozenset({(shape, None), *((shape, part) for part in parts)}),
        writes=frozenset({(shape, name)}),
        host=shape,
        property=name,
        computation=Formula(lambda row: among([vars(row)[part] for part in parts])),
    )


def _with_id(computation: Any) -> Any:
    """The computation with offers that say whose they are."""

    def offer(record: Any, offered: Any) -> tuple[UUID, Any] | None:
        value = offered(record)
        return None if value is None else (record.id, value)

    return overridden(computation, "offer", offer)


def _there(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def _id(pair: tuple[UUID, Any]) -> UUID:
    return pair[0]
