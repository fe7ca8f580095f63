"""Nodes of counts, sums and their like: state columns on the host, merged where they move together."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger

from framework.computations.aggregate import Additive
from framework.computations.average import Average
from framework.plan.builders.annotations import check_annotation, check_optional
from framework.plan.builders.carried import carried_additive, reads_of_link
from framework.plan.builders.route import route_of
from framework.plan.node import (
    AdditiveNode,
    LookupNode,
    Member,
    Node,
)
from framework.plan.reading import read_fields
from framework.plan.shape import HiddenColumn, Shape
from framework.plan.shapes import Shapes


def additive_node(shapes: Shapes, shape: Shape, name: str, computation: Additive[Any, Any]) -> list[Node]:
    route = route_of(shapes, shape, name, computation)
    place = f"{shape.name}.{name}"
    carriers: list[LookupNode] = []
    if route.far is None:
        reads = read_fields(route.source, computation.callbacks(), computation.declared_reads(), place)
    else:
        computation, carriers = carried_additive(route, name, computation, place)
        reads = reads_of_link(route, carriers)
    states = tuple(f"_{name}_{state}" if state else name for state in computation.states)
    shape.whole += states
    for state in states:
        if state != name:
            shape.hidden.append(HiddenColumn(state, BigInteger(), default=0, nullable=False))
    if name not in states:
        shape.generated[name] = lambda table: computation.in_sql([table.c[state] for state in states])
        shape.derive_old[name] = lambda row: computation.value(tuple(row[state] for state in states))
    expected: dict[str, type] = {
        "Count": int,
        "Sum": int,
        "WeightedSum": int,
        "Average": float,
        "Every": bool,
        "Some": bool,
    }
    check_annotation(shape, name, computation, expected.get(type(computation).__name__))
    if isinstance(computation, Average):
        check_optional(shape, name, computation)
    node = AdditiveNode(
        name=place,
        reads=reads | {(route.source, None), (shape, None)},
        writes=frozenset({(shape, name)}),
        route=route,
        members=(Member(name, computation, states),),
    )
    return [*carriers, node]


def merge_additive(nodes: Iterable[Node]) -> list[Node]:
    """One node for all additive properties that have host, route and height in common."""
    groups: dict[tuple[Any, ...], list[AdditiveNode]] = defaultdict(list)
    rest: list[Node] = []
    for node in nodes:
        if isinstance(node, AdditiveNode):
            groups[node.route.host, node.route.source, node.route.key, node.height].append(node)
        else:
            rest.append(node)
    for group in groups.values():
        first = group[0]
        merged = AdditiveNode(
            name=" + ".join(node.name for node in group),
            reads=frozenset().union(*(node.reads for node in group)),
            writes=frozenset().union(*(node.writes for node in group)),
            route=first.route,
            members=tuple(member for node in group for member in node.members),
        )
        merged.height = first.height
        rest.append(merged)
    return rest
