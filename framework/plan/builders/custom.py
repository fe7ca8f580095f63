"""Nodes of anything pure, over the row and its relations."""

from typing import Any

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
from framework.plan.shape import Shape
from framework.plan.shapes import Shapes, relation_source, route_to_many


def custom_node(shapes: Shapes, shape: Shape, name: str, computation: Custom[Any]) -> Node:
    place = f"{shape.name}.{name}"
    relations = []
    reads: set[tuple[Shape, str | None]] = {(shape, None)}
    for declared in computation.reads or sorted(reads_of(computation.compute, place)):
        read, _, field = declared.partition(".")
        if read in shape.model.__sqlmodel_relationships__:
            source = relation_source(shapes, shape, read)
            if field and field not in source.fields:
                raise UnknownRead(
                    place=place, model=source.name, field=field, fields=", ".join(source.fields)
                )
            route = route_to_many(shapes, shape, read)
            if route is None:
                raise WrongSide(
                    model=shape.name, property=name, computation="Custom", expected="to-many", relation=read,
                    actual="to-one", remedy="Use Lookup for a value through a to-one relation.",
                )  # fmt: skip
            relations.append((read, route))
            reads |= {(route.source, None), (route.source, route.key)}
            reads |= {(source, one) for one in ([field] if field else source.fields)}
            reads |= set() if route.far is None else {(route.source, route.far.key)}
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
