"""Nodes of selections: an offer on each source, and an index by which the next one is found."""

from collections.abc import Iterator
from typing import Any, get_args

from sqlalchemy import Boolean
from sqlalchemy.types import TypeEngine

from framework.computations.selective import Collect, Extreme, Recency
from framework.model.columns import column_type, without_none
from framework.plan.builders.annotations import annotation_of, check_optional
from framework.plan.builders.carried import carried_offer, reads_of_link
from framework.plan.builders.parts import Selection, in_parts, of_parts
from framework.plan.builders.route import reads_of_related, routes_of
from framework.plan.given import given_of
from framework.plan.hidden import hidden_name
from framework.plan.lens import through
from framework.plan.node import (
    CollectNode,
    ExtremeNode,
    Node,
    RecencyNode,
)
from framework.plan.shape import HiddenColumn, IndexPlan, Route, Shape
from framework.plan.shapes import Shapes


def selective_node(shapes: Shapes, shape: Shape, name: str, computation: Selection) -> Iterator[Node]:
    """A node for each class that is selected from, and those of what links carry for it.

    Where several classes are, each selects into a hidden column of its own, and one more node selects among
    those.
    """
    routes = routes_of(shapes, shape, name, computation)
    if not isinstance(computation, Collect):
        check_optional(shape, name, computation)
    offered = _offered(shape, name, computation)
    if len(routes) == 1:
        yield from _selection(shapes, routes[0], name, name, computation, offered)
        return
    selecting, among, offered, kind = in_parts(computation, offered, annotation_of(shape, name))
    parts = [hidden_name(name, route.related.table.name) for route in routes]
    for part, route in zip(parts, routes, strict=True):
        shape.hidden.append(HiddenColumn(part, kind, default=selecting.initial))
        shape.inner.append(part)
        yield from _selection(shapes, route, name, part, selecting, offered)
    yield of_parts(shape, name, parts, among)


def _selection(
    shapes: Shapes, route: Route, name: str, column: str, computation: Selection, offered: TypeEngine[Any]
) -> Iterator[Node]:
    """The node that selects in one class, or one view of it, into a column of the host."""
    host, source = route.host, route.source
    place = f"{host.name}.{name}"
    offer = hidden_name(host.table.name, name)
    given, declared = given_of(shapes, computation, place)
    seeing = through(route.lens, computation)
    reads = reads_of_related(route, computation, declared, place)
    if route.far is not None:
        seeing, carrier = carried_offer(
            route, hidden_name(host.table.name, name, "value"), offered, seeing, reads, given
        )
        yield carrier
        reads, given = reads_of_link(route, [carrier]), None
    by_recency = not isinstance(computation, Extreme)
    source.hidden.append(HiddenColumn(offer, Boolean() if by_recency else offered))
    columns = (*((route.key,) if route.key else ()), offer)
    source.indexes.append(IndexPlan(columns, by_recency=by_recency))
    source.relative = False
    nodes: dict[type, Any] = {Extreme: ExtremeNode, Recency: RecencyNode, Collect: CollectNode}
    make: Any = next(node for base, node in nodes.items() if isinstance(computation, base))
    node: Node = make(
        name=place if column == name else f"{place} of {route.related.name}",
        reads=reads | {(source, None), (host, None)},
        writes=frozenset({(host, column)}),
        route=route,
        property=column,
        computation=seeing,
        offer=offer,
    )
    yield node.with_given(given)


def _offered(shape: Shape, name: str, computation: Selection) -> TypeEngine[Any]:
    """The column type of one offer."""
    if not isinstance(computation, Collect):
        return shape.table.c[name].type
    kind = column_type(next(iter(get_args(without_none(annotation_of(shape, name)))), Any))
    assert kind is not None, "shapes_of has checked the types of all properties"
    return kind
