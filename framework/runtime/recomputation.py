"""Everything recomputed from the facts, held against what is stored."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from framework.model.computation import Computation
from framework.model.entity import GLOBAL_ID
from framework.model.record import Record
from framework.plan.given import Given
from framework.plan.lens import Lens
from framework.plan.node import Node
from framework.plan.plan import Plan
from framework.plan.shape import Shape
from framework.plan.view import view_of
from framework.runtime.reach import WHOLE, Slice, Span, slices
from framework.runtime.work import Work
from framework.storage.codec import Row

C = TypeVar("C", bound=Computation[Any])
Expectation: TypeAlias = tuple[Shape, UUID, str, Any]
"""What a property of a record should be."""

_AT_HAND = 5000
"""So many rows of each class are kept at hand."""


@dataclass(frozen=True)
class Difference:
    """A property whose stored value is not what the facts say, or a record that should (not) be there."""

    model: type[Record]
    id: UUID
    property: str
    stored: Any
    expected: Any
    tenant: str | None = None  # whose it is, where all tenants were looked at

    def __str__(self) -> str:
        whose = "" if self.tenant is None else f"{self.tenant}: "
        place = f"{whose}{self.model.__name__} {self.id}: {self.property}"
        return f"{place} is {self.stored!r}, should be {self.expected!r}"


class Rows(Mapping[UUID, Row]):
    """The rows of one class, or a span of them, read in the order of their making as they are wanted."""

    def __init__(self, facts: "Recomputation", shape: Shape, span: Span) -> None:
        self._facts = facts
        self._shape = shape
        self._span = span

    def __getitem__(self, id: UUID) -> Row:
        return self._facts.row(self._shape, id)

    def __iter__(self) -> Iterator[UUID]:
        return (row["id"] for row in self._facts.read(self._shape, self._span))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def items(self) -> Any:
        """Ids and rows. Each pass reads anew."""
        return ((row["id"], row) for row in self._facts.read(self._shape, self._span))

    def values(self) -> Any:
        """Rows. Each pass reads anew."""
        return self._facts.read(self._shape, self._span)


class Recomputation:
    """What each node, lowest first, should have made of the facts, beside what is stored.

    Rows are read a page at a time, and as they should be: with what was found for the nodes below.
    """

    def __init__(self, work: Work, plan: Plan) -> None:
        self.work = work
        self.plan = plan
        self.found: list[Difference] = []
        self._slice = WHOLE
        self._corrected: dict[Shape, dict[UUID, Row]] = {}
        self._at_hand: dict[Shape, OrderedDict[UUID, Row]] = {}

    def differences(self, expected: "Expected") -> list[Difference]:
        """All differences from what is `expected` of each node, in order of height."""
        for node in self.plan.nodes:
            for part in slices(node, self.work):
                for row, difference in self.of(node, part, expected):
                    self.found.append(difference)
                    row[difference.property] = difference.expected
                    corrected = self._corrected.setdefault(self.plan.shape(difference.model), {})
                    corrected.setdefault(difference.id, {})[difference.property] = difference.expected
        self._slice = WHOLE
        return self.found

    def bound(self, computation: C, given: Given | None) -> C:
        """The computation with the parameters that the facts say: its callbacks take records alone."""
        return computation if given is None else computation.with_parameters(*self.given(given))

    def given(self, given: Given | None) -> tuple[Any, ...]:
        """What a callback takes after its record, as the facts say."""
        return () if given is None else (view_of(given.shape.view, self.expected[given.shape][GLOBAL_ID]),)

    def of(self, node: Node, part: Slice, expected: "Expected") -> Iterator[tuple[Row, Difference]]:
        """The differences from what is `expected` of one part of a node, each with its row."""
        self._slice = part
        for shape, id, property, value in expected(node, self):
            row = self.expected[shape].get(id)
            if row is not None and row[property] != value:
                yield row, Difference(shape.model, id, property, row[property], value)

    @property
    def expected(self) -> Mapping[Shape, Mapping[UUID, Row]]:
        """The rows of each class; of the node's own, those that it is recomputed for."""
        return _Classes(self)

    def views(self, shape: Shape, lens: Lens | None = None) -> Iterator[tuple[Row, Any]]:
        """The records of a class, or of a view of it, each as its row and as a callback sees it: those that
        count for the node's own.
        """
        span = self._slice.related.get(shape) or self.own_span(shape)
        for row in self.read(shape, span):
            record = view_of(shape.view, row) if lens is None else lens.see(row)
            if record is not None:
                yield row, record

    def own_span(self, shape: Shape) -> Span:
        return self._slice.own if shape is self._slice.host else WHOLE.own

    def row(self, shape: Shape, id: UUID) -> Row:
        """One row; raises KeyError if there is none."""
        known = self._at_hand.setdefault(shape, OrderedDict())
        if id not in known:
            sql, parameters = self.work.statements[shape].selection(("id",))
            values = self.work.connection.row(sql, parameters.of({"id": id}))
            if values is None:
                raise KeyError(id)
            self._keep(shape, values)
        return known[id]

    def read(self, shape: Shape, span: Span) -> Iterator[Row]:
        """The rows whose column is in the span, in the order of their making."""
        statements = self.work.statements[shape]
        encode = statements.codec.encode_one
        bounds = [] if span.is_open or span.first is None else [
            encode(span.column, span.first), encode(span.column, span.last)
        ]  # fmt: skip
        if span.first is None and span.column == "id":
            return
        for values in statements.pages.walk(
            self.work.connection, span.column, bounds, whole=span.is_open, none=span.first is None
        ):
            yield self._keep(shape, values)

    def _keep(self, shape: Shape, values: Any) -> Row:
        row = self.work.statements[shape].codec.decode(values)
        known = self._at_hand.setdefault(shape, OrderedDict())
        kept = known.get(row["id"])
        if kept is not None:
            return kept
        row |= self._corrected.get(shape, {}).get(row["id"], {})
        known[row["id"]] = row
        if len(known) > _AT_HAND:
            known.popitem(last=False)
        return row


class _Classes(Mapping[Shape, Mapping[UUID, Row]]):
    """Rows by class."""

    def __init__(self, facts: Recomputation) -> None:
        self._facts = facts

    def __getitem__(self, shape: Shape) -> Mapping[UUID, Row]:
        return Rows(self._facts, shape, self._facts.own_span(shape))

    def __iter__(self) -> Iterator[Shape]:
        return iter(self._facts.work.statements)

    def __len__(self) -> int:
        return len(self._facts.work.statements)


Expected: TypeAlias = Callable[[Node, Recomputation], Iterator[Expectation]]
"""What the facts say that a node should have made of them."""
