"""Nodes of values through a to-one relation."""

from collections import defaultdict
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

from framework.computations.lookup import Lookup
from framework.plan.builders.annotations import check_optional
from framework.plan.given import given_of
from framework.plan.lens import presence_at
from framework.plan.mistakes import UnknownRelation
from framework.plan.node import (
    LookupMember,
    LookupNode,
    Node,
)
from framework.plan.reading import Read, read_fields
from framework.plan.shape import Shape
from framework.plan.shapes import Shapes
from framework.plan.views import ends_of_relation


def lookup_node(shapes: Shapes, shape: Shape, name: str, computation: Lookup[Any, Any]) -> Node:
    place = f"{shape.name}.{name}"
    relation = computation.relation_name(computation.record)
    if relation is None:
        raise UnknownRelation(model=shape.name, property=name, computation="Lookup", remedy="")
    ends = ends_of_relation(shapes, shape, name, "Lookup", relation)
    if computation.missing is None:
        check_optional(shape, name, computation)
    given, declared = given_of(shapes, computation, place)
    reads: frozenset[Read] = frozenset()
    for end in ends:
        reads |= read_fields(end.shape, computation.callbacks(), declared, place, end.taken_for)
        reads |= presence_at(end)
    node = LookupNode(
        name=place,
        reads=reads | {(shape, None), *((shape, end.key) for end in ends)},
        writes=frozenset({(shape, name)}),
        host=shape,
        ends=ends,
        members=(LookupMember(name, computation.of, reads, computation.missing),),
    )
    return node.with_given(given)


def merge_lookups(nodes: Iterable[Node]) -> list[Node]:
    """One node for all lookups that have host, keys, parameters and height in common."""
    groups: dict[tuple[Any, ...], list[LookupNode]] = defaultdict(list)
    rest: list[Node] = []
    for node in nodes:
        if isinstance(node, LookupNode):
            groups[
                node.host,
                node.ends,
                node.given and node.given.shape,
                node.tree,
                node.height,
            ].append(node)
        else:
            rest.append(node)
    for group in groups.values():
        first = group[0]
        merged = LookupNode(
            name=" + ".join(node.name for node in group),
            reads=frozenset().union(*(node.reads for node in group)),
            writes=frozenset().union(*(node.writes for node in group)),
            host=first.host,
            ends=first.ends,
            members=tuple(member for node in group for member in node.members),
        )
        merged.height, merged.parts = first.height, tuple(group)
        merged.waits, merged.tree = first.waits, first.tree
        merged.given = reduce(or_, (node.given for node in group if node.given)) if first.given else None
        rest.append(merged)
    return rest
