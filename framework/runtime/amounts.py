"""Amounts that are to be added to records which nobody has read: the database adds them."""

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from framework.plan.node import AdditiveNode
from framework.plan.shape import Kind, Shape

Amounts = dict[AdditiveNode, Sequence[int]]
"""What is to be added to one record, by the steps that say so."""


class Waiting:
    """Amounts by class and record."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held: dict[Shape, dict[UUID, Amounts]] = {}

    def add(self, shape: Shape, id: UUID, node: AdditiveNode, amounts: Sequence[int]) -> None:
        held = self.held.setdefault(shape, {}).setdefault(id, {})
        earlier = held.get(node)
        held[node] = amounts if earlier is None else list(map(operator.add, earlier, amounts))

    def take(self, shape: Shape) -> Iterable[tuple[UUID, Amounts]]:
        """All that waits for records of a class; it waits no longer."""
        return _in_order(self.held.pop(shape))

    def take_of(self, shape: Shape, id: UUID) -> Amounts | None:
        """What waits for one record, if anything; it waits no longer."""
        held = self.held.get(shape)
        return held.pop(id, None) if held else None

    def take_all(self) -> Iterator[tuple[Shape, UUID, Amounts]]:
        """All that waits, what everybody wants last; it waits no longer."""
        for shape, held in sorted(self.held.items(), key=_globals_last):
            for id, amounts in _in_order(held):
                yield shape, id, amounts
        self.held.clear()


def add_to_row(row: dict[str, Any], amounts: Amounts) -> Iterator[str]:
    """Add amounts to a row that is at hand; the columns that change."""
    for node, vector in amounts.items():
        for state, amount in zip(node.states, vector, strict=True):
            if amount:
                row[state] += amount
                yield state


def parameters_of(amounts: Amounts, id: Any) -> list[Any]:
    """The amounts of all nodes in their order, then the encoded id."""
    parameters: list[Any] = []
    for vector in amounts.values():
        parameters += vector
    parameters.append(id)
    return parameters


def _globals_last(held: tuple[Shape, Any]) -> bool:
    return held[0].kind is Kind.GLOBAL


def _in_order(held: dict[UUID, Amounts]) -> Iterable[tuple[UUID, Amounts]]:
    """Lowest id first: so two transactions that want the same records do not wait for each other."""
    return sorted(held.items(), key=_id) if len(held) > 1 else held.items()


def _id(held: tuple[UUID, Amounts]) -> UUID:
    return held[0]
