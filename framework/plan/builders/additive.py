"""Nodes of counts, sums and their like: state columns on the host, merged where they move together."""

import copy
from collections import defaultdict
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

from sqlalchemy import BigInteger

from framework.computations.aggregate import Additive
from framework.computations.average import Average
from framework.plan.builders.annotations import annotation_of, check_additive, check_optional, places_at
from framework.plan.builders.carried import carried_additive, reads_of_link
from framework.plan.builders.route import route_of
from framework.plan.given import given_of
from framework.plan.node import AdditiveNode, LookupNode, Member, Node
from framework.plan.reading import read_fields
from framework.plan.shape import HiddenColumn, Shape
from framework.plan.shapes import Shapes


def additive_node(shapes: Shapes, shape: Shape, name: str, computation: Additive[Any, Any]) -> list[Node]:
    route = route_of(shapes, shape, name, computation)
    place = f"{shape.name}.{name}"
    given, declared = given_of(shapes, computation, place)
    check_additive(shape, name, computation, annotation_of(shape, name))
    if isinstance(computation, Average):
        check_optional(shape, name, computation)
    computation = with_places(computation, places_at(shape, name))
    carriers: list[LookupNode] = []
    if route.far is None:
        reads = read_fields(route.source, computation.callbacks(), declared, place)
    else:
        seen = read_fields(route.far.shape, computation.callbacks(), declared, place)
        computation, carriers = carried_additive(route, name, computation, seen, given)
        reads, given = reads_of_link(route, carriers), None
    states = tuple(f"_{name}_{state}" if state else name for state in computation.states)
    shape.whole += states
    for state in states:
        if state != name:
            shape.hidden.append(HiddenColumn(state, BigInteger(), default=0, nullable=False))
    if name not in states:
        shape.generated[name] = lambda table: computation.in_sql([table.c[state] for state in states])
        shape.derive_old[name] = lambda row: computation.value(tuple(row[state] for state in states))
    node = AdditiveNode(
        name=place,
        reads=reads | {(route.source, None), (shape, None)},
        writes=frozenset({(shape, name)}),
        route=route,
        members=(Member(name, computation, states),),
    )
    return [*carriers, node.with_given(given)]


def with_places(computation: Additive[Any, Any], places: int | None) -> Additive[Any, Any]:
    """The computation of a Decimal: its states are whole numbers of the last place, so none is the
    property.
    """
    if places is None:
        return computation
    twin = copy.copy(computation)
    object.__setattr__(twin, "places", places)
    if twin.states == ("",):
        object.__setattr__(twin, "states", ("sum",))
    return twin


def merge_additive(nodes: Iterable[Node]) -> list[Node]:
    """One node for all additive properties that have host, route, parameters and height in common."""
    groups: dict[tuple[Any, ...], list[AdditiveNode]] = defaultdict(list)
    rest: list[Node] = []
    for node in nodes:
        if isinstance(node, AdditiveNode):
            route, given = node.route, node.given and node.given.shape
            groups[route.host, route.source, route.key, given, node.height].append(node)
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
        merged.given = reduce(or_, (node.given for node in group if node.given)) if first.given else None
        merged.height = first.height
        rest.append(merged)
    return rest
