"""Nodes of values through a to-one relation."""

from typing import Any

from sqlalchemy.orm import RelationshipDirection

from framework.computations.lookup import Lookup
from framework.plan.builders.annotations import check_optional
from framework.plan.mistakes import (
    UnknownRelation,
    WrongSide,
)
from framework.plan.node import (
    LookupNode,
    Node,
)
from framework.plan.reading import read_fields
from framework.plan.shape import Shape
from framework.plan.shapes import Shapes, relation_target


def lookup_node(shapes: Shapes, shape: Shape, name: str, computation: Lookup[Any, Any]) -> Node:
    place = f"{shape.name}.{name}"
    relation = computation.relation_name(computation.record)
    if relation is None:
        raise UnknownRelation(model=shape.name, property=name, computation="Lookup", remedy="")
    target, key, direction = relation_target(shapes, shape, relation)
    if direction is not RelationshipDirection.MANYTOONE:
        raise WrongSide(
            model=shape.name, property=name, computation="Lookup", expected="to-one", relation=relation,
            actual="to-many", remedy="Use Latest or First to look at one of many records.",
        )  # fmt: skip
    check_optional(shape, name, computation)
    sources = read_fields(target, computation.callbacks(), computation.declared_reads(), place)
    return LookupNode(
        name=place,
        reads=sources | {(target, None), (shape, None), (shape, key)},
        writes=frozenset({(shape, name)}),
        host=shape,
        source=target,
        key=key,
        property=name,
        computation=computation,
        sources=frozenset(field for _, field in sources if field),
    )
