"""Nodes of anything pure, over the row, its relations, or all records of a class."""

from collections import defaultdict
from typing import Any

from framework.computations.custom import Custom
from framework.plan.builders.route import route_of_all
from framework.plan.given import given_of
from framework.plan.mistakes import UnknownRead
from framework.plan.node import CustomNode, Node
from framework.plan.reads import reads_of
from framework.plan.shape import Route, Shape
from framework.plan.shapes import Shapes, relation_source, relation_target, route_to_many


def custom_node(shapes: Shapes, shape: Shape, name: str, computation: Custom[Any]) -> Node:
    place = f"{shape.name}.{name}"
    over = None
    if computation.over is not None:
        over = route_of_all(shapes, shape, name, "Custom", computation.over)
    given, said = given_of(shapes, computation, place, before=1 if over is None else 2)
    declared = list(said or ())
    told = {read for read in declared if over and read.startswith(f"{over.source.name}.")}
    if not set(declared) - told:
        declared += sorted(reads_of(computation.compute, place))
    relations: dict[str, Route] = {}
    records: dict[str, tuple[str, Shape, str]] = {}
    reads: set[tuple[Shape, str | None]] = {(shape, None)}
    fields: dict[Shape, set[str]] = defaultdict(set)
    for read in declared:
        relation, _, field = read.partition(".")
        if over is not None and read in told:
            _check_field(over.source, field, place)
            fields[over.source].add(field)
        elif relation in shape.model.__sqlmodel_relationships__:
            target = relation_source(shapes, shape, relation)
            if field:
                _check_field(target, field, place)
            fields[target] |= {field} if field else set(target.fields)
            route = route_to_many(shapes, shape, relation)
            if route is not None:
                relations[relation] = route
                reads |= {(route.source, None), (route.source, route.key)}
                reads |= set() if route.far is None else {(route.source, route.far.key)}
            else:
                _, key, _ = relation_target(shapes, shape, relation)
                records[relation] = (relation, target, key)
                reads.add((shape, key))
        else:
            _check_field(shape, relation, place)
            reads.add((shape, relation))
    if over is not None and not fields[over.source]:
        fields[over.source] |= set(over.source.fields)
    seen = frozenset((target, field) for target, names in fields.items() for field in names)
    reads |= {(target, None) for target in fields} | seen
    node = CustomNode(
        name=place,
        reads=frozenset(reads),
        writes=frozenset({(shape, name)}),
        host=shape,
        property=name,
        computation=computation,
        relations=tuple(relations.items()),
        records=tuple(records.values()),
        over=over,
        fields=seen,
    )
    return node.with_given(given)


def _check_field(shape: Shape, field: str, place: str) -> None:
    if field not in shape.fields:
        raise UnknownRead(place=place, model=shape.name, field=field, fields=", ".join(shape.fields))
