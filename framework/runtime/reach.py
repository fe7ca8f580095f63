"""Reach: which records a node computes from, so that it can be recomputed for some of its records at a time.

Records are taken in spans of ids; what counts for them is found by its foreign key, in the same span. Of a
node that is not named here, all is recomputed at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from framework.plan.node import (
    AdditiveNode,
    CollectNode,
    CustomNode,
    DeadlineNode,
    ExtremeNode,
    FormulaNode,
    GroupedNode,
    LookupNode,
    MachineNode,
    Node,
    ProgressNode,
    RecencyNode,
    RuleNode,
)
from framework.plan.shape import Kind, Shape
from framework.storage.tables import MADE_BY

BATCH = 500
"""So many records are recomputed at a time."""

FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)


@dataclass(frozen=True)
class Span:
    """The values of a column from one id to another, both included; or none at all."""

    column: str
    first: UUID | str | None = FIRST
    last: UUID | str | None = LAST

    @property
    def is_open(self) -> bool:
        return (self.first, self.last) == (FIRST, LAST)


@dataclass(frozen=True)
class Slice:
    """A part of what a node computes: its records, and of each class the records that count for them."""

    host: Shape | None = None
    own: Span = Span("id")
    related: Mapping[Shape, Span] = field(default_factory=dict)


WHOLE = Slice()


@dataclass(frozen=True)
class Reach:
    """The records of a node, by which foreign keys others count for them, and whether those of no one
    matter too.
    """

    host: Shape
    keys: Mapping[Shape, str] = field(default_factory=dict)
    strays: bool = False
    rule: str | None = None  # what made the related records, of which the key tells from what

    def slice(self, first: UUID, last: UUID) -> Slice:
        ends = (first, last) if self.rule is None else made_between(self.rule, first, last)
        related = {shape: Span(key, *ends) for shape, key in self.keys.items()}
        return Slice(self.host, Span("id", first, last), related)

    def strays_slice(self) -> Slice:
        """What counts for nobody."""
        related = {shape: Span(key, None, None) for shape, key in self.keys.items()}
        return Slice(self.host, Span("id", None, None), related)


def reach_of(node: Node) -> Reach | None:
    """How far a node reaches; None if all of it is recomputed at once."""
    match node:
        case AdditiveNode(route=route) | GroupedNode(route=route):
            return Reach(route.host, _keys(route.source, route.key))
        case ExtremeNode(route=route) | RecencyNode(route=route) | CollectNode(route=route):
            return Reach(route.host, _keys(route.source, route.key), strays=route.key is not None)
        case (
            FormulaNode(host=host) | DeadlineNode(host=host) | LookupNode(host=host) | MachineNode(host=host)
        ):
            return Reach(host)
        case RuleNode(source=source, targets=targets):
            return Reach(source, dict.fromkeys(targets, MADE_BY), rule=node.key)
        case ProgressNode(host=host, source=source):
            return Reach(host, {source: "call_id"})
        case CustomNode(host=host, relations=relations):
            routes = [route for _, route in relations]
            once = not node.over and len({route.source for route in routes}) == len(routes)
            return Reach(host, {route.source: str(route.key) for route in routes}) if once else None
        case _:
            return None


def slices(node: Node, work: Any, after: UUID | None = None) -> Iterator[Slice]:
    """The parts of a node, one after the other, beginning after the records up to this id."""
    reach = reach_of(node)
    if reach is None or reach.host.kind is Kind.GLOBAL:
        yield WHOLE
        return
    first = FIRST if after is None else UUID(int=after.int + 1) if after != LAST else None
    while first is not None:
        last = last_of_batch(work, reach.host, first)
        yield reach.slice(first, last)
        first = None if last == LAST else UUID(int=last.int + 1)
    if reach.strays:
        yield reach.strays_slice()


def made_between(rule: str, first: UUID, last: UUID) -> tuple[str, str]:
    """Between which keys lies what a rule made of the records between two ids."""
    return f"{rule}:{first.hex}:", f"{rule}:{last.hex};"


def last_of_batch(work: Any, shape: Shape, first: UUID) -> UUID:
    """The id of the last record of a batch; the last of all ids if the batch is the last one."""
    statements = work.statements[shape]
    rows = work.connection.rows(statements.pages.ids_from, [statements.encode_id(first), BATCH])
    return statements.codec.decode_one("id", rows[-1][0]) if len(rows) == BATCH else LAST


def _keys(source: Shape, key: str | None) -> dict[Shape, str]:
    return {} if key is None else {source: key}
