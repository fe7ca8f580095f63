"""Nodes of values through a to-one relation."""

from collections import defaultdict
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

from framework.computations.lookup import Lookup
from framework.plan.builders.annotations import check_optional
from framework.plan.given import given_of
from framework.plan.mistakes import (
    UnknownRelation,
    WrongSide,
)
from framework.plan.node import (
    LookupMember,
    LookupNode,
    Node,
)
from framework.plan.reading import read_fields
from framework.plan.shape import Shape
from framework.plan.shapes import Shapes, relation_target, route_to_many


def lookup_node(shapes: Shapes, shape: Shape, name: str, computation: Lookup[Any, Any]) -> Node:
    place = f"{shape.name}.{name}"
    relation = computation.relation_name(computation.record)
    if relation is None:
        raise UnknownRelation(model=shape.name, property=name, computation="Lookup", remedy="")
    if route_to_many(shapes, shape, relation) is not None:
        raise WrongSide(
            model=shape.name, property=name, computation="Lookup", expected="to-one", relation=relation,
            actual="to-many", remedy="Use Latest or First to look at one of many records.",
        )  # fmt: skip
    target, key, _ = relation_target(shapes, shape, relation)
    if computation.missing is None:
        check_optional(shape, name, computation)
    given, declared = given_of(shapes, computation, place)
    sources = read_fields(target, computation.callbacks(), declared, place)
    fields = frozenset(field for _, field in sources if field)
    node = LookupNode(
        name=place,
        reads=sources | {(target, None), (shape, None), (shape, key)},
        writes=frozenset({(shape, name)}),
        host=shape,
        source=target,
        key=key,
        members=(LookupMember(name, computation.of, fields, computation.missing),),
    )
    return node.with_given(given)


def merge_lookups(nodes: Iterable[Node]) -> list[Node]:
    """One node for all lookups that have host, key, parameters and height in common."""
    groups: dict[tuple[Any, ...], list[LookupNode]] = defaultdict(list)
    rest: list[Node] = []
    for node in nodes:
        if isinstance(node, LookupNode):
            groups[node.host, node.key, node.given and node.given.shape, node.height].append(node)
        else:
            rest.append(node)
    for group in groups.values():
        first = group[0]
        merged = LookupNode(
            name=" + ".join(node.name for node in group),
            reads=frozenset().union(*(node.reads for node in group)),
            writes=frozenset().union(*(node.writes for node in group)),
            host=first.host,
            source=first.source,
            key=first.key,
            members=tuple(member for node in group for member in node.members),
        )
        merged.height, merged.parts = first.height, tuple(group)
        merged.given = reduce(or_, (node.given for node in group if node.given)) if first.given else None
        rest.append(merged)
    return rest
