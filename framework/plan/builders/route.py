"""The way from a source to its host, as a computation names it."""

from typing import Any

from framework.computations.aggregate import Aggregate
from framework.model.record import Record
from framework.plan.mistakes import (
    AllRecordsOnEntity,
    UndeclaredRecord,
    UnknownRelation,
    WrongSide,
)
from framework.plan.shape import Kind, Route, Shape
from framework.plan.shapes import Shapes, route_to_many


def route_of(shapes: Shapes, shape: Shape, name: str, computation: Aggregate[Any, Any]) -> Route:
    title = type(computation).__name__
    if isinstance(computation.records, type):
        return route_of_all(shapes, shape, name, title, computation.records)
    relation = computation.relation_name(computation.records)
    if relation is None:
        remedy = ", or a record class on a `Global`"
        raise UnknownRelation(model=shape.name, property=name, computation=title, remedy=remedy)
    route = route_to_many(shapes, shape, relation)
    if route is None:
        raise WrongSide(
            model=shape.name, property=name, computation=title, expected="to-many", relation=relation,
            actual="to-one", remedy="Use Lookup for a value through a to-one relation.",
        )  # fmt: skip
    return route


def route_of_all(shapes: Shapes, shape: Shape, name: str, title: str, model: type[Any]) -> Route:
    place = f"{shape.name}.{name}"
    source = shapes.get(model) if issubclass(model, Record) else None
    if source is None:
        raise UndeclaredRecord(place=place, model=model.__name__)
    if shape.kind is not Kind.GLOBAL:
        raise AllRecordsOnEntity(model=shape.name, property=name, computation=title, source=source.name)
    return Route(host=shape, source=source, key=None, relation=None)
