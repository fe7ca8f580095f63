"""Nodes of anything pure, over the row and its relations."""

from typing import Any

from sqlalchemy.orm import RelationshipDirection

from framework.computations.custom import Custom
from framework.plan.mistakes import (
    UnknownRead,
    WrongSide,
)
from framework.plan.node import (
    CustomNode,
    Node,
)
from framework.plan.reads import reads_of
from framework.plan.shape import Route, Shape
from framework.plan.shapes import Shapes, relation_target


def custom_node(shapes: Shapes, shape: Shape, name: str, computation: Custom[Any]) -> Node:
    place = f"{shape.name}.{name}"
    relations = []
    reads: set[tuple[Shape, str | None]] = {(shape, None)}
    for declared in computation.reads or sorted(reads_of(computation.compute, place)):
        read, _, field = declared.partition(".")
        if read in shape.model.__sqlmodel_relationships__:
            source, key, direction = relation_target(shapes, shape, read)
            if field and field not in source.fields:
                raise UnknownRead(
                    place=place, model=source.name, field=field, fields=", ".join(source.fields)
                )
            if direction is not RelationshipDirection.ONETOMANY:
                raise WrongSide(
                    model=shape.name, property=name, computation="Custom", expected="to-many", relation=read,
                    actual="to-one", remedy="Use Lookup for a value through a to-one relation.",
                )  # fmt: skip
            relations.append((read, Route(host=shape, source=source, key=key, relation=read)))
            reads |= {(source, None), (source, key)} | {
                (source, one) for one in ([field] if field else source.fields)
            }
        elif read in shape.fields:
            reads.add((shape, read))
        else:
            raise UnknownRead(place=place, model=shape.name, field=read, fields=", ".join(shape.fields))
    return CustomNode(
        name=place,
        reads=frozenset(reads),
        writes=frozenset({(shape, name)}),
        host=shape,
        property=name,
        computation=computation,
        relations=tuple(dict(relations).items()),
    )
