"""Nodes of counts, sums and their like: state columns on the host, merged where they move together."""

import copy
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import add, or_
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Table

from framework.computations.aggregate import Additive
from framework.computations.average import Average
from framework.plan.builders.annotations import annotation_of, check_additive, check_optional, places_at
from framework.plan.builders.carried import carried_additive, reads_of_link
from framework.plan.builders.route import reads_of_related, routes_of
from framework.plan.given import given_of
from framework.plan.hidden import hidden_name
from framework.plan.lens import through
from framework.plan.node import AdditiveNode, Member, Node
from framework.plan.shape import HiddenColumn, Route, Shape
from framework.plan.shapes import Shapes


def additive_node(shapes: Shapes, shape: Shape, name: str, computation: Additive[Any, Any]) -> Iterator[Node]:
    """A node for each class that is counted, and those of what links carry for it.

    Where several classes are, each has states of its own, and the database derives the property from all.
    """
    routes = routes_of(shapes, shape, name, computation)
    check_additive(shape, name, computation, annotation_of(shape, name))
    if isinstance(computation, Average):
        check_optional(shape, name, computation)
    computation = with_places(computation, places_at(shape, name))
    if len(routes) == 1:
        parts = [tuple(hidden_name(name, state) if state else name for state in computation.states)]
    else:
        parts = [
            tuple(
                hidden_name(name, route.related.table.name, *([state] if state else []))
                for state in computation.states
            )
            for route in routes
        ]
    for state in (state for states in parts for state in states):
        shape.whole.append(state)
        if state != name:
            shape.hidden.append(HiddenColumn(state, BigInteger(), default=0, nullable=False))
    if name not in parts[0]:
        _derive(shape, name, computation, parts)
    for route, states in zip(routes, parts, strict=True):
        yield from _part(shapes, route, name, computation, states)


def _part(
    shapes: Shapes, route: Route, name: str, computation: Additive[Any, Any], states: tuple[str, ...]
) -> Iterator[Node]:
    """The node that counts one class, or one view of it."""
    place = f"{route.host.name}.{name}"
    given, declared = given_of(shapes, computation, place)
    seeing = through(route.lens, computation)
    reads = reads_of_related(route, computation, declared, place)
    if route.far is not None:
        seeing, carriers = carried_additive(route, name, seeing, reads, given)
        yield from carriers
        reads, given = reads_of_link(route, carriers), None
    node = AdditiveNode(
        name=place,
        reads=reads | {(route.source, None), (route.host, None)},
        writes=frozenset({(route.host, name)}),
        route=route,
        members=(Member(name, seeing, states),),
    )
    yield node.with_given(given)


def _derive(
    shape: Shape, name: str, computation: Additive[Any, Any], parts: Sequence[tuple[str, ...]]
) -> None:
    """Let the property follow from the sums of the states of all parts, here and in the database."""
    states = list(zip(*parts, strict=True))
    shape.derive_old[name] = lambda row: computation.value(
        tuple(sum(row[part] for part in state) for state in states)
    )

    def expression(table: Table) -> ColumnElement[Any]:
        sums: list[Any] = [reduce(add, (table.c[part] for part in state)) for state in states]
        return sums[0] if "" in computation.states else computation.in_sql(sums)

    shape.generated[name] = expression


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
            way = (route.host, route.source, route.key, route.far, route.lens)
            groups[*way, given, node.tree, node.height].append(node)
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
        merged.height, merged.parts = first.height, tuple(group)
        merged.waits, merged.tree = first.waits, first.tree
        rest.append(merged)
    return rest
