"""Partakers: the records that an aggregate was made from, those that count and those that it selected."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from framework.model.entity import GLOBAL_ID
from framework.plan.node import AdditiveNode, CollectNode, ExtremeNode, GroupedNode, RecencyNode
from framework.plan.shape import Route, Shape
from framework.plan.view import view_of
from framework.storage.codec import Row
from framework.storage.database import Connection, Database

Aggregating = AdditiveNode | GroupedNode | ExtremeNode | RecencyNode | CollectNode
SELECTIONS = (ExtremeNode, RecencyNode, CollectNode)
AGGREGATES = (AdditiveNode, GroupedNode, *SELECTIONS)


class Stored:
    """Rows as a database has them."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self.database = database
        self.connection = connection

    def where(self, shape: Shape, key: str, value: Any) -> list[Row]:
        """Those that have the value."""
        statements = self.database.statements[shape]
        sql, parameters = statements.selection((key,))
        rows = self.connection.rows(sql, parameters.of({key: value}))
        return [statements.codec.decode(values) for values in rows]

    def made(self, shape: Shape, key: str | None, value: UUID) -> Iterator[Row]:
        """Those that have the value, or without a key all, in the order of their making, a page at a time."""
        statements = self.database.statements[shape]
        bounds = [] if key is None else [statements.codec.encode_one(key, value)] * 2
        rows = statements.pages.walk(self.connection, key or "id", bounds, whole=key is None, none=False)
        return map(statements.codec.decode, rows)

    def related(self, route: Route, host: UUID) -> Iterator[tuple[Row, Row]]:
        """What a route leads to a host: the source, and what counts, which is the same but for links."""
        for row in self.made(route.source, route.key, host):
            if route.far is None:
                yield row, row
            elif row[route.far.key] is not None:
                yield from ((row, one) for one in self.where(route.far.shape, "id", row[route.far.key]))


class Partaker(NamedTuple):
    """A record that takes part."""

    node: Aggregating
    row: Row
    offered: Any


@dataclass
class Found:
    """How many records a route leads to, and how many of them take part."""

    route: Route
    taking: int = 0
    there: int = 0


@dataclass(frozen=True)
class Partakers:
    """Those that are to be shown, of a selection the selected ones, else the first; and how many there are,
    by class.
    """

    shown: Sequence[Partaker]
    found: Sequence[Found]

    @property
    def taking(self) -> int:
        return sum(one.taking for one in self.found)

    @property
    def there(self) -> int:
        return sum(one.there for one in self.found)


def partakers_of(
    nodes: Sequence[Aggregating], row: Row, property: str, stored: Stored, most: int
) -> Partakers:
    """Who takes part in the property of a row, which these nodes make, one for each class."""
    found = [Found(node.route) for node in nodes]
    taking = _taking(nodes, found, row, property, stored)
    match nodes[0]:
        case ExtremeNode():
            shown = _first((one for one in taking if one.offered == row[property]), most)
        case RecencyNode() | CollectNode():
            shown = _newest(nodes, taking)
        case _:
            shown = _first(taking, most)
    return Partakers(shown, found)


def _taking(
    nodes: Sequence[Aggregating], found: Sequence[Found], row: Row, property: str, stored: Stored
) -> Iterator[Partaker]:
    """Those that take part; whoever is gone past is counted."""
    for node, count in zip(nodes, found, strict=True):
        offer = _offer(node, property, stored)
        lens = node.route.lens
        for source, related in stored.related(node.route, row["id"]):
            if lens is not None and not related[lens.column]:
                continue
            count.there += 1
            offered = offer(source, related)
            if offered is not None:
                count.taking += 1
                yield Partaker(node, related, offered)


def _first(taking: Iterable[Partaker], most: int) -> list[Partaker]:
    shown: list[Partaker] = []
    for one in taking:  # all of them, so that they are counted
        if len(shown) < most:
            shown.append(one)
    return shown


def _newest(nodes: Sequence[Aggregating], taking: Iterable[Partaker]) -> list[Partaker]:
    """The newest, or the oldest, so many as are selected; of several classes ids say who that is."""
    node = nodes[0]
    wanted = node.computation.limit if isinstance(node, CollectNode) else 1
    if len(nodes) > 1:
        taking = sorted(taking, key=lambda one: one.row["id"])
    if isinstance(node, RecencyNode) and not node.computation.newest:
        return _first(taking, wanted)
    return list(deque(taking, wanted))[::-1]


def _offer(node: Aggregating, property: str, stored: Stored) -> Callable[[Row, Row], Any]:
    """What a record gives to the property; None if it takes no part."""
    route = node.route
    if isinstance(node, AdditiveNode):  # links carry what is added, and not whether it counts
        computation: Any = next(one.computation for one in node.members if one.property == property)
        given, shape = computation.given, route.related
    else:
        computation = node.computation
        given, shape = node.given and node.given.shape.model, route.source
    if given is not None:
        computation = computation.with_parameters(_parameters(given, stored))

    def offer(source: Row, related: Row) -> Any:
        record = view_of(shape.view, related if shape is route.related else source)
        if isinstance(node, AdditiveNode):
            return computation.counted(record)
        if isinstance(node, GroupedNode):
            return None if computation.by(record) is None else computation.counted(record)
        return computation.offer(record)

    return offer


def _parameters(model: Any, stored: Stored) -> Any:
    """The row of a Global, as callbacks see it."""
    shape = stored.database.plan.shape(model)
    (row,) = stored.where(shape, "id", GLOBAL_ID)
    return view_of(shape.view, row)
