"""Amounts that are to be added to records which nobody has read: the database adds them."""

import operator
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any
from uuid import UUID

from framework.plan.node import AdditiveNode
from framework.plan.shape import Shape

Amounts = dict[AdditiveNode, Sequence[int]]
"""What is to be added to one record, by the steps that say so."""


class Waiting:
    """Amounts by class and record."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held: dict[Shape, dict[UUID, Amounts]] = {}

    def add(self, shape: Shape, id: UUID, node: AdditiveNode, amounts: Sequence[int]) -> None:
        those = self.held.get(shape)
        if those is None:
            self.held[shape] = {id: {node: amounts}}
            return
        held = those.setdefault(id, {})
        earlier = held.get(node)
        held[node] = amounts if earlier is None else list(map(operator.add, earlier, amounts))

    def take(self, shape: Shape) -> Iterable[tuple[UUID, Amounts]]:
        """All that waits for records of a class, lowest id first, so that two transactions that want the
        same records do not wait for each other; it waits no longer.
        """
        held = self.held.pop(shape)
        return held.items() if len(held) == 1 else sorted(held.items(), key=itemgetter(0))

    def take_of(self, shape: Shape, id: UUID) -> Amounts | None:
        """What waits for one record, if anything; it waits no longer."""
        held = self.held.get(shape)
        return held.pop(id, None) if held else None

    def shapes(self, *, concurrent: bool) -> Iterable[Shape]:
        """The classes that anything waits for; of concurrent transactions, what everybody wants last."""
        return sorted(self.held, key=attrgetter("is_global")) if concurrent else [*self.held]


def add_to_row(row: dict[str, Any], amounts: Amounts) -> Iterator[str]:
    """Add amounts to a row that is at hand; the columns that change."""
    for node, vector in amounts.items():
        for state, amount in zip(node.states, vector, strict=True):
            if amount:
                row[state] += amount
                yield state


def parameters_of(amounts: Amounts, id: Any) -> list[Any]:
    """The amounts of all nodes in their order, then the encoded id."""
    if len(amounts) == 1:  # as most often
        (vector,) = amounts.values()
        return [*vector, id]
    return [*chain.from_iterable(amounts.values()), id]
