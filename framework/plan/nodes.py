"""Nodes from computations: each property gets its step, with what it reads and writes."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, Boolean, Text
from sqlalchemy.orm import RelationshipDirection

from framework.computations.aggregate import Additive, Aggregate
from framework.computations.average import Average
from framework.computations.custom import Custom
from framework.computations.deadline import Deadline
from framework.computations.formula import Formula
from framework.computations.lookup import Lookup
from framework.computations.selective import Collect, Extreme, Recency
from framework.computations.sequence import Sequence
from framework.computations.statemachine import StateMachine
from framework.model.apicall import FromEvents, IntegrationEvent
from framework.model.columns import UtcDateTime, admits_none, column_type, without_none
from framework.model.computation import Computation
from framework.model.record import Record
from framework.plan.machines import machine_node
from framework.plan.mistakes import (
    AllRecordsOnEntity,
    UndeclaredRecord,
    UnknownRead,
    UnknownRelation,
    WrongAnnotation,
    WrongSide,
)
from framework.plan.reading import read_fields
from framework.plan.reads import reads_of
from framework.plan.shape import (
    AdditiveNode,
    CollectNode,
    CustomNode,
    DeadlineNode,
    ExtremeNode,
    FormulaNode,
    HiddenColumn,
    IndexPlan,
    Kind,
    LookupNode,
    Member,
    Node,
    ProgressNode,
    RecencyNode,
    Route,
    SequenceNode,
    Shape,
)
from framework.plan.shapes import Shapes, relation_target
from framework.plan.strict import watched


def computation_nodes(shapes: Shapes, *, strict_reads: bool = False) -> list[Node]:
    """The nodes of all computed properties; additive ones are still one node each.

    With `strict_reads`, callbacks that declare what they read are held to it.
    """
    nodes: list[Node] = []
    for shape in shapes.values():
        if shape.kind is Kind.CALL:
            nodes.append(_progress(shapes, shape))
        for name, declared in shape.model.__computed__.items():
            computation = watched(declared, f"{shape.name}.{name}") if strict_reads else declared
            match computation:
                case FromEvents():
                    continue
                case Additive():
                    nodes.append(_additive(shapes, shape, name, computation))
                case Extreme() | Recency() | Collect():
                    nodes.append(_selective(shapes, shape, name, computation))
                case Lookup():
                    nodes.append(_lookup(shapes, shape, name, computation))
                case Formula():
                    nodes.append(_formula(shape, name, computation))
                case Deadline():
                    nodes.append(_deadline(shape, name, computation))
                case Sequence():
                    nodes.append(_sequence(shape, name, computation))
                case Custom():
                    nodes.append(_custom(shapes, shape, name, computation))
                case StateMachine():
                    nodes.append(machine_node(shapes, shape, name, computation))
                case _:
                    raise WrongAnnotation(
                        model=shape.name,
                        property=name,
                        computation=type(computation).__name__,
                        gives="nothing known",
                        annotation=_annotation(shape, name),
                        remedy="Use one of the computations of `framework`.",
                    )
            if not isinstance(computation, (Additive, FromEvents)):
                shape.relative = False
    return nodes


def merge_additive(nodes: Iterable[Node]) -> list[Node]:
    """One node for all additive properties that have host, route and height in common."""
    groups: dict[tuple[Any, ...], list[AdditiveNode]] = defaultdict(list)
    rest: list[Node] = []
    for node in nodes:
        if isinstance(node, AdditiveNode):
            groups[node.route.host, node.route.source, node.route.key, node.height].append(node)
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
        merged.height = first.height
        rest.append(merged)
    return rest


def _additive(shapes: Shapes, shape: Shape, name: str, computation: Additive[Any, Any]) -> Node:
    route = _route(shapes, shape, name, computation)
    place = f"{shape.name}.{name}"
    reads = read_fields(route.source, computation.callbacks(), computation.declared_reads(), place)
    states = tuple(f"_{name}_{state}" if state else name for state in computation.states)
    shape.whole += states
    for state in states:
        if state != name:
            shape.hidden.append(HiddenColumn(state, BigInteger(), default=0, nullable=False))
    if name not in states:
        shape.generated[name] = lambda table: computation.in_sql([table.c[state] for state in states])
        shape.derive_old[name] = lambda row: computation.value(tuple(row[state] for state in states))
    expected: dict[str, type] = {
        "Count": int,
        "Sum": int,
        "WeightedSum": int,
        "Average": float,
        "Every": bool,
        "Some": bool,
    }
    _check_annotation(shape, name, computation, expected.get(type(computation).__name__))
    if isinstance(computation, Average):
        _check_optional(shape, name, computation)
    return AdditiveNode(
        name=place,
        reads=reads | {(route.source, None), (shape, None)},
        writes=frozenset({(shape, name)}),
        route=route,
        members=(Member(name, computation, states),),
    )


def _selective(
    shapes: Shapes,
    shape: Shape,
    name: str,
    computation: Extreme[Any, Any] | Recency[Any, Any] | Collect[Any, Any],
) -> Node:
    route = _route(shapes, shape, name, computation)
    place = f"{shape.name}.{name}"
    reads = read_fields(route.source, computation.callbacks(), computation.declared_reads(), place)
    if not isinstance(computation, Collect):
        _check_optional(shape, name, computation)
    offer = f"_{shape.table.name}_{name}"
    kind = column_type(_annotation(shape, name)) if isinstance(computation, Extreme) else Boolean()
    assert kind is not None, "shapes_of has checked the types of all properties"
    route.source.hidden.append(HiddenColumn(offer, kind))
    columns = (*((route.key,) if route.key else ()), offer)
    by_recency = not isinstance(computation, Extreme)
    route.source.indexes.append(IndexPlan(columns, by_recency=by_recency))
    route.source.relative = False
    nodes = {Extreme: ExtremeNode, Recency: RecencyNode, Collect: CollectNode}
    make: Any = next(node for base, node in nodes.items() if isinstance(computation, base))
    node: Node = make(
        name=place,
        reads=reads | {(route.source, None), (shape, None)},
        writes=frozenset({(shape, name)}),
        route=route,
        property=name,
        computation=computation,
        offer=offer,
    )
    return node


def _lookup(shapes: Shapes, shape: Shape, name: str, computation: Lookup[Any, Any]) -> Node:
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
    _check_optional(shape, name, computation)
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


def _formula(shape: Shape, name: str, computation: Formula[Any]) -> Node:
    place = f"{shape.name}.{name}"
    reads = read_fields(shape, computation.callbacks(), computation.declared_reads(), place)
    return FormulaNode(
        name=place,
        reads=reads | {(shape, None)},
        writes=frozenset({(shape, name)}),
        host=shape,
        property=name,
        computation=computation,
    )


def _deadline(shape: Shape, name: str, computation: Deadline[Any]) -> Node:
    place = f"{shape.name}.{name}"
    turns_at = f"_{name}_turns_at"
    shape.hidden.append(HiddenColumn(turns_at, UtcDateTime()))
    shape.indexes.append(IndexPlan((turns_at,), where=f'"{turns_at}" IS NOT NULL'))
    reads = read_fields(shape, computation.callbacks(), computation.declared_reads(), place)
    return DeadlineNode(
        name=place,
        reads=reads | {(shape, None)},
        writes=frozenset({(shape, name)}),
        host=shape,
        property=name,
        computation=computation,
        turns_at=turns_at,
    )


def _sequence(shape: Shape, name: str, computation: Sequence) -> Node:
    for field in computation.per:
        if field not in shape.facts:
            facts = ", ".join(shape.facts)
            raise UnknownRead(place=f"{shape.name}.{name}", model=shape.name, field=field, fields=facts)
    _check_annotation(shape, name, computation, int)
    scope = f"_{name}_scope"
    shape.hidden.append(HiddenColumn(scope, Text()))
    return SequenceNode(
        name=f"{shape.name}.{name}",
        reads=frozenset({(shape, None)}),
        writes=frozenset({(shape, name)}),
        host=shape,
        property=name,
        computation=computation,
        scope=scope,
    )


def _custom(shapes: Shapes, shape: Shape, name: str, computation: Custom[Any]) -> Node:
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


def _progress(shapes: Shapes, shape: Shape) -> Node:
    source = shapes[IntegrationEvent]
    names = [name for name, one in shape.model.__computed__.items() if isinstance(one, FromEvents)]
    return ProgressNode(
        name=f"{shape.name}.status",
        reads=frozenset({(source, None), (shape, None)}),
        writes=frozenset((shape, name) for name in names),
        host=shape,
        source=source,
    )


def _route(shapes: Shapes, shape: Shape, name: str, computation: Aggregate[Any, Any]) -> Route:
    title = type(computation).__name__
    if isinstance(computation.records, type):
        return _route_of_all(shapes, shape, name, title, computation.records)
    relation = computation.relation_name(computation.records)
    if relation is None:
        remedy = ", or a record class on a `Global`"
        raise UnknownRelation(model=shape.name, property=name, computation=title, remedy=remedy)
    source, key, direction = relation_target(shapes, shape, relation)
    if direction is not RelationshipDirection.ONETOMANY:
        raise WrongSide(
            model=shape.name, property=name, computation=title, expected="to-many", relation=relation,
            actual="to-one", remedy="Use Lookup for a value through a to-one relation.",
        )  # fmt: skip
    return Route(host=shape, source=source, key=key, relation=relation)


def _route_of_all(shapes: Shapes, shape: Shape, name: str, title: str, model: type[Any]) -> Route:
    place = f"{shape.name}.{name}"
    source = shapes.get(model) if issubclass(model, Record) else None
    if source is None:
        raise UndeclaredRecord(place=place, model=model.__name__)
    if shape.kind is not Kind.GLOBAL:
        raise AllRecordsOnEntity(model=shape.name, property=name, computation=title, source=source.name)
    return Route(host=shape, source=source, key=None, relation=None)


def _check_optional(shape: Shape, name: str, computation: Computation[Any]) -> None:
    """Of nothing the value is None, and the annotation must say so."""
    annotation = _annotation(shape, name)
    if annotation is not Any and not admits_none(annotation):
        kind = getattr(annotation, "__name__", annotation)
        raise WrongAnnotation(
            model=shape.name, property=name, computation=type(computation).__name__, gives=f"{kind} | None",
            annotation=kind, remedy=f"Annotate it as {kind} | None: of nothing, it is None.",
        )  # fmt: skip


def _check_annotation(shape: Shape, name: str, computation: Computation[Any], gives: type | None) -> None:
    annotation = without_none(_annotation(shape, name))
    if gives is not None and annotation is not gives:
        raise WrongAnnotation(
            model=shape.name, property=name, computation=type(computation).__name__, gives=gives.__name__,
            annotation=getattr(annotation, "__name__", annotation),
            remedy=f"Annotate it as {gives.__name__}.",
        )  # fmt: skip


def _annotation(shape: Shape, name: str) -> Any:
    return shape.model.model_fields[name].annotation
