"""Nodes of anything pure, over the row, its relations, or all records of a class."""

from collections import defaultdict
from typing import Any

from framework.computations.custom import Custom
from framework.plan.builders.route import only_route
from framework.plan.given import given_of
from framework.plan.lens import presence
from framework.plan.mistakes import UnknownRead, WrongSide
from framework.plan.node import CustomNode, Node
from framework.plan.reading import Read
from framework.plan.reads import reads_of
from framework.plan.shape import Route, Shape
from framework.plan.shapes import Shapes, relation_source, relation_target, route_to_many
from framework.plan.views import routes_of_class, routes_of_relation


def custom_node(shapes: Shapes, shape: Shape, name: str, computation: Custom[Any]) -> Node:
    place = f"{shape.name}.{name}"
    over = None
    if computation.over is not None:
        routes = tuple(routes_of_class(shapes, shape, name, "Custom", computation.over))
        over = only_route(shape, name, "a Custom over all records", routes)
    given, said = given_of(shapes, computation, place, before=1 if over is None else 2)
    declared = list(said or ())
    told = {read for read in declared if over and read.startswith(f"{over.source.name}.")}
    if not set(declared) - told:
        declared += sorted(reads_of(computation.compute, place))
    relations: dict[Any, tuple[str, Route]] = {}
    records: dict[str, tuple[str, Shape, str]] = {}
    reads: set[tuple[Shape, str | None]] = {(shape, None)}
    fields: dict[Shape, set[str]] = defaultdict(set)
    for read in declared:
        relation, _, field = read.partition(".")
        if over is not None and read in told:
            _check_field(over.source, field, place)
            fields[over.source].add(field)
        elif relation in shape.model.__views__:
            for route in routes_of_relation(shapes, shape, name, "Custom", relation):
                relations[relation, route.source] = relation, route
                reads |= _reads_of(route, relation, name)
                if field:
                    _check_field(route.related, field, place)
                fields[route.related] |= {field} if field else set(route.related.fields)
        elif relation in shape.model.__sqlmodel_relationships__:
            target = relation_source(shapes, shape, relation)
            if field:
                _check_field(target, field, place)
            fields[target] |= {field} if field else set(target.fields)
            to_many = route_to_many(shapes, shape, relation)
            if to_many is not None:
                relations[relation, to_many.source] = relation, to_many
                reads |= _reads_of(to_many, relation, name)
            else:
                _, key, _ = relation_target(shapes, shape, relation)
                records[relation] = (relation, target, key)
                reads.add((shape, key))
        else:
            _check_field(shape, relation, place)
            reads.add((shape, relation))
    if over is not None and not fields[over.source]:
        fields[over.source] |= set(over.source.fields)
    if over is not None:
        reads |= presence(over.source, over.lens)
    seen = frozenset((target, field) for target, names in fields.items() for field in names)
    reads |= {(target, None) for target in fields} | seen
    node = CustomNode(
        name=place,
        reads=frozenset(reads),
        writes=frozenset({(shape, name)}),
        host=shape,
        property=name,
        computation=computation,
        relations=tuple(relations.values()),
        records=tuple(records.values()),
        over=over,
        fields=seen,
    )
    return node.with_given(given)


def _reads_of(route: Route, relation: str, name: str) -> set[Read]:
    """What decides which records are related."""
    if route.key is None:
        raise WrongSide(
            model=route.host.name, property=name, computation="Custom", expected="to-many",
            relation=relation, actual="of all records", remedy="Say `over=`, or use an aggregate.",
        )  # fmt: skip
    reads: set[Read] = {(route.source, None), (route.source, route.key)}
    if route.far is not None:
        reads.add((route.source, route.far.key))
    if route.lens is not None:
        reads.add((route.related, route.lens.column))
    return reads


def _check_field(shape: Shape, field: str, place: str) -> None:
    if field not in shape.fields:
        raise UnknownRead(place=place, model=shape.name, field=field, fields=", ".join(shape.fields))
