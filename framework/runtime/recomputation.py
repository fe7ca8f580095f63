"""Everything recomputed from the facts, held against what is stored."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from framework.model.computation import Computation
from framework.model.entity import GLOBAL_ID
from framework.model.record import Record
from framework.plan.given import Given
from framework.plan.node import Node
from framework.plan.plan import Plan
from framework.plan.shape import Shape
from framework.plan.view import view_of
from framework.runtime.work import Work
from framework.storage.codec import Row

C = TypeVar("C", bound=Computation[Any])
Rows: TypeAlias = dict[UUID, Row]
Expectation: TypeAlias = tuple[Shape, UUID, str, Any]
"""What a property of a record should be."""


@dataclass(frozen=True)
class Difference:
    """A property whose stored value is not what the facts say, or a record that should (not) be there."""

    model: type[Record]
    id: UUID
    property: str
    stored: Any
    expected: Any

    def __str__(self) -> str:
        place = f"{self.model.__name__} {self.id}: {self.property}"
        return f"{place} is {self.stored!r}, should be {self.expected!r}"


class Recomputation:
    """Rows as they are stored, and beside them what each node, lowest first, would have made of the facts."""

    def __init__(self, work: Work, plan: Plan) -> None:
        self.work = work
        self.plan = plan
        self.stored: dict[Shape, Rows] = {}
        self.expected: dict[Shape, Rows] = {}
        for shape, statements in work.statements.items():
            rows = [statements.codec.decode(values) for values in work.connection.rows(statements.everything)]
            self.stored[shape] = {row["id"]: row for row in rows}
            self.expected[shape] = {row["id"]: row.copy() for row in rows}
        self.found: list[Difference] = []

    def differences(self, expected: "Expected") -> list[Difference]:
        """All differences from what is `expected` of each node, in order of height."""
        for node in self.plan.nodes:
            for shape, id, property, value in expected(node, self):
                row = self.expected[shape].get(id)
                if row is not None and row[property] != value:
                    self.found.append(Difference(shape.model, id, property, row[property], value))
                    row[property] = value
        return self.found

    def bound(self, computation: C, given: Given | None) -> C:
        """The computation with the parameters that the facts say: its callbacks take records alone."""
        return computation if given is None else computation.with_parameters(*self.given(given))

    def given(self, given: Given | None) -> tuple[Any, ...]:
        """What a callback takes after its record, as the facts say."""
        return () if given is None else (view_of(given.shape.view, self.expected[given.shape][GLOBAL_ID]),)

    def views(self, shape: Shape) -> Iterator[tuple[Row, Any]]:
        """All records of a class, each as its row and as a callback sees it."""
        for row in self.expected[shape].values():
            yield row, view_of(shape.view, row)


Expected: TypeAlias = Callable[[Node, Recomputation], Iterator[Expectation]]
"""What the facts say that a node should have made of them."""
