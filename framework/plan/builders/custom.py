"""Nodes of anything pure, over the row, its relations, or all records of a class."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from framework.computations.custom import Custom
from framework.plan.callbacks import check_callback
from framework.plan.given import given_of
from framework.plan.lens import presence, presence_at
from framework.plan.mistakes import DeadStep, UndeclaredRecord, UnknownRead, WrongSide
from framework.plan.node import CustomNode, Node
from framework.plan.reading import Read
from framework.plan.reads import reads_of
from framework.plan.shape import Far, Route, Shape
from framework.plan.shapes import Shapes
from framework.plan.views import ends_of_relation, is_to_one, routes_of_class, routes_of_relation


def custom_node(shapes: Shapes, shape: Shape, name: str, computation: Custom[Any]) -> Node:
    place = f"{shape.name}.{name}"
    over: list[Route] = []
    if computation.over is not None:
        if not isinstance(computation.over, type):
            raise UndeclaredRecord(place=place, model=repr(computation.over))
        over = routes_of_class(shapes, shape, name, "Custom", computation.over)
    given, said = given_of(shapes, computation, place, taken=("record", "records") if over else ("record",))
    if computation.step is not None:
        check_callback(
            computation.step, f"the step of {place}", ("value", "before", "after"), computation.given
        )
    declared = list(said or ())
    told = {read: sources for read in declared if (sources := _sources_of(read, computation, over))}
    if not set(declared) - told.keys():
        declared += sorted(reads_of(computation.compute, place))
    relations: dict[Any, tuple[str, Route]] = {}
    records: dict[str, tuple[Far, ...]] = {}
    reads: set[tuple[Shape, str | None]] = {(shape, None)}
    fields: dict[Shape, set[str]] = defaultdict(set)
    for read in declared:
        relation, _, field = read.partition(".")
        if read in told:
            for route in told[read]:
                _check_field(route.source, field, place)
                fields[route.source].add(field)
        elif relation not in shape.model.__views__ and relation not in shape.model.__sqlmodel_relationships__:
            _check_field(shape, relation, place)
            reads.add((shape, relation))
        elif is_to_one(shapes, shape, relation):
            records[relation] = ends_of_relation(shapes, shape, name, "Custom", relation)
            for end in records[relation]:
                fields[end.shape] |= _fields_of(end.shape, field, place)
                for there, column in presence_at(end):
                    fields[there] |= {column} if column else set()
                reads.add((shape, end.key))
        else:
            for route in routes_of_relation(shapes, shape, name, "Custom", relation):
                relations[relation, route.source] = relation, route
                reads |= _reads_of(route, relation, name)
                fields[route.related] |= _fields_of(route.related, field, place)
    if computation.step is not None:
        _refuse_dead_step(shape, name, [*{one for one, _ in relations}, *(["over"] if over else [])], records)
    for route in over:
        fields[route.source] |= set() if fields[route.source] else set(route.source.fields)
        reads |= presence(route.source, route.lens)
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
        records=tuple(records.items()),
        over=tuple(over),
        fields=seen,
    )
    return node.with_given(given)


def _refuse_dead_step(shape: Shape, name: str, many: Collection[str], one: Collection[str]) -> None:
    """A step is taken with each record of the one relation to many that is read, and nothing else is."""
    if len(many) == 1 and not one:
        return
    reason = f"it reads several relations, {' and '.join(sorted((*many, *one)))}"
    if not many:
        reason = "it reads no relation to many"
    raise DeadStep(model=shape.name, property=name, reason=reason)


def _sources_of(read: str, computation: Custom[Any], over: list[Route]) -> list[Route]:
    """The classes of `over` of which a read such as `"Order.total"` names a field: by their own name, or by
    that of the view or the merged class that `over` is.
    """
    model, _, field = read.partition(".")
    return [one for one in over if field and model in (one.source.name, computation.over.__name__)]


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


def _fields_of(shape: Shape, field: str, place: str) -> set[str]:
    """The one field that is named, or all."""
    if not field:
        return set(shape.fields)
    _check_field(shape, field, place)
    return {field}


def _check_field(shape: Shape, field: str, place: str) -> None:
    if field not in shape.fields:
        raise UnknownRead(place=place, model=shape.name, field=field, fields=", ".join(shape.fields))
