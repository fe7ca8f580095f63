"""Nodes of selections: an offer on each source, and an index by which the next one is found."""

from typing import Any, get_args

from sqlalchemy import Boolean
from sqlalchemy.types import TypeEngine

from framework.computations.selective import Collect, Extreme, Recency
from framework.model.columns import column_type, without_none
from framework.plan.builders.annotations import annotation_of, check_optional
from framework.plan.builders.carried import carried_offer, reads_of_link
from framework.plan.builders.route import route_of
from framework.plan.given import given_of
from framework.plan.node import (
    CollectNode,
    ExtremeNode,
    LookupNode,
    Node,
    RecencyNode,
)
from framework.plan.reading import read_fields
from framework.plan.shape import HiddenColumn, IndexPlan, Shape
from framework.plan.shapes import Shapes


def selective_node(
    shapes: Shapes,
    shape: Shape,
    name: str,
    computation: Extreme[Any, Any] | Recency[Any, Any] | Collect[Any, Any],
) -> list[Node]:
    route = route_of(shapes, shape, name, computation)
    place = f"{shape.name}.{name}"
    if not isinstance(computation, Collect):
        check_optional(shape, name, computation)
    offer = f"_{shape.table.name}_{name}"
    kind = shape.table.c[name].type if isinstance(computation, Extreme) else Boolean()
    given, declared = given_of(shapes, computation, place)
    carriers: list[LookupNode] = []
    if route.far is None:
        reads = read_fields(route.source, computation.callbacks(), declared, place)
    else:
        seen = read_fields(route.far.shape, computation.callbacks(), declared, place)
        value = _offered(shape, name, computation)
        computation, carrier = carried_offer(route, f"{offer}_value", value, computation, seen, given)
        carriers = [carrier]
        reads, given = reads_of_link(route, carriers), None
    route.source.hidden.append(HiddenColumn(offer, kind))
    columns = (*((route.key,) if route.key else ()), offer)
    by_recency = not isinstance(computation, Extreme)
    route.source.indexes.append(IndexPlan(columns, by_recency=by_recency))
    route.source.relative = False
    nodes = {Extreme: ExtremeNode, Recency: RecencyNode, Collect: CollectNode}
    make: Any = next(node for base, node in nodes.items() if isinstance(computation, base))
    node: Node = make(
        name=place,
        reads=reads | {(route.source, None), (shape, None)},
        writes=frozenset({(shape, name)}),
        route=route,
        property=name,
        computation=computation,
        offer=offer,
    )
    return [*carriers, node.with_given(given)]


def _offered(
    shape: Shape, name: str, computation: Extreme[Any, Any] | Recency[Any, Any] | Collect[Any, Any]
) -> TypeEngine[Any]:
    """The column type of one offer."""
    if not isinstance(computation, Collect):
        return shape.table.c[name].type
    kind = column_type(next(iter(get_args(without_none(annotation_of(shape, name)))), Any))
    assert kind is not None, "shapes_of has checked the types of all properties"
    return kind
