"""Shapes from classes: tables, references between them, and the relations that were named."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Text, Uuid
from sqlalchemy.exc import SAWarning, SQLAlchemyError
from sqlalchemy.orm import RelationshipDirection, RelationshipProperty

from framework.model.apicall import IS_ORPHAN, APICall, FromEvents, IntegrationEvent
from framework.model.columns import UtcDateTime, admits_none, named, without_none
from framework.model.entity import Entity, Event, Global
from framework.model.record import Record
from framework.model.takeover import may_be_taken
from framework.plan.fields import check_fields
from framework.plan.hidden import is_short
from framework.plan.joins import check_joins
from framework.plan.links import check_links, route_through
from framework.plan.mistakes import (
    AmbiguousSide,
    BrokenRelation,
    CannotBeTaken,
    KeyOfAnotherType,
    KeyToNoId,
    NameTooLong,
    ReservedTable,
    SecondSource,
    TableCollision,
    TwoKinds,
    UndeclaredRecord,
    UnheardValidator,
    UnknownOndelete,
    UnknownTable,
)
from framework.plan.shape import HiddenColumn, IndexPlan, Kind, Route, Shape
from framework.plan.tableless import refuse_key, refuse_relations_to_several, refuse_views
from framework.plan.uniques import uniques_of

Shapes = dict[type[Record], Shape]

_ONDELETE = (None, "CASCADE", "SET NULL", "RESTRICT", "NO ACTION")


def shapes_of(models: Iterable[type[Record]], views: Sequence[type[Record]]) -> Shapes:
    """A shape for each class, with its references resolved within this App; what names a view instead is a
    mistake.
    """
    shapes: Shapes = {}
    tables: dict[str, Shape] = {}
    for position, model in enumerate(models):
        table: Any = getattr(model, "__table__")  # noqa: B009  # SQLAlchemy adds it
        shape = Shape(
            model=model,
            name=model.__name__,
            kind=_kind(model),
            table=table,
            position=position,
            uniques=uniques_of(model, table),
        )
        if table.name.startswith("millrace_"):
            raise ReservedTable(model=shape.name, table=table.name)
        if table.name in tables:
            other = tables[table.name].model
            raise TableCollision(one=_path(other), other=_path(model), table=table.name)
        for name, second in model.__second_sources__:
            raise SecondSource(model=shape.name, property=name, source=second)
        for name in model.__pydantic_decorators__.model_validators:
            raise UnheardValidator(model=shape.name, validator=name)
        shape.takeovers = tuple(_takeovers(shape))
        if not is_short(table.name):
            raise NameTooLong(place=shape.name, what="its table", name=table.name)
        check_fields(shape)
        if shape.kind is Kind.EVENT:
            shape.hidden.append(HiddenColumn("_actor", Text()))
            shape.seldom = ("_actor",)
            if model is IntegrationEvent:
                shape.seldom = ("_actor", "code", "detail", "occurred_at")
                shape.indexes += [IndexPlan((name,), where=IS_ORPHAN) for name in ("at", "external_id")]
        if shape.kind is Kind.CALL:
            _add_outbox(shape)
        tables[table.name] = shapes[model] = shape
    for shape in shapes.values():
        for column in shape.table.columns:
            for reference in column.foreign_keys:
                _refer(shape, column, reference, tables, views)
    for shape in shapes.values():
        _give_depth(shape, set())
        for other in (*shapes, *views):
            shape.model.__scope__.introduce_class(other)
    for shape in shapes.values():
        check_links(shapes, shape)
        check_joins(shapes.values(), shape)
    for shape in shapes.values():
        _configure(shapes, shape)
        refuse_views(shape)
    for shape in shapes.values():
        for name, relation in shape.model.__sqlmodel_relationships__.items():
            if relation.link_model is not None:
                route_to_many(shapes, shape, name)
    return shapes


def _give_depth(shape: Shape, seen: set[Shape]) -> int:
    """Records are inserted in the order of depth, so that what they refer to is there; a circle has none."""
    if shape not in seen and not shape.depth:
        seen.add(shape)
        shape.depth = 1 + max((_give_depth(target, seen) for target in shape.references.values()), default=0)
    return shape.depth


def _takeovers(shape: Shape) -> Iterator[str]:
    """The facts whose value may be taken over: they are unique, and may be left with None."""
    for name in shape.facts:
        field = shape.model.model_fields[name]
        if not may_be_taken(field):
            continue
        reason = ""
        if shape.kind is Kind.EVENT:
            reason = f"{shape.name} is an event, and events never change. Declare it on an entity."
        elif not any(one.columns == (name,) and one.where is None for one in shape.uniques):
            reason = "it is not unique, so all may have it. Declare `unique=True`, or leave out `takeover`."
        elif not admits_none(field.annotation):
            reason = "who had it would be left with None. Annotate it `| None`, or leave out `takeover`."
        if reason:
            raise CannotBeTaken(model=shape.name, field=name, reason=reason)
        yield name


def _refer(
    shape: Shape,
    column: Column[Any],
    reference: ForeignKey,
    tables: dict[str, Shape],
    views: Sequence[type[Record]],
) -> None:
    target_table, _, target_column = reference.target_fullname.rpartition(".")
    target = tables.get(target_table)
    if target is None or target_column not in target.table.columns:
        refuse_key(shape, column.name, reference, tables.values(), views)
        raise UnknownTable(model=shape.name, field=column.name, target=reference.target_fullname)
    if target_column != "id":
        raise KeyToNoId(
            model=shape.name, field=column.name, target=reference.target_fullname, table=target_table
        )
    wanted = target.table.columns[target_column].type
    if type(column.type) is not type(wanted):
        raise KeyOfAnotherType(
            model=shape.name,
            field=column.name,
            annotation=named(without_none(shape.model.model_fields[column.name].annotation)),
            target=target.name,
            key=target_column,
            wanted=named(without_none(target.model.model_fields[target_column].annotation)),
        )
    if reference.ondelete not in _ONDELETE:
        raise UnknownOndelete(model=shape.name, field=column.name, ondelete=reference.ondelete)
    shape.model.__scope__.introduce(target.table)
    shape.references[column.name] = target
    target.referrers.append((shape, column.name, reference.ondelete))


def _configure(shapes: Shapes, shape: Shape) -> None:
    """Let SQLAlchemy join the relations now, so that a mistake in one surfaces here."""
    try:
        with warnings.catch_warnings():
            # nobody writes by a relation, so that none can contradict another
            warnings.filterwarnings("ignore", "relationship .* will copy column", SAWarning)
            shape.model.__scope__.registry.configure(cascade=True)
    except SQLAlchemyError as error:
        refuse_relations_to_several(shapes.values())
        relations = ", ".join(shape.model.__sqlmodel_relationships__) or "?"
        reason = str(error).splitlines()[0]
        raise BrokenRelation(model=shape.name, relation=relations, reason=reason) from error


def route_to_many(shapes: Shapes, shape: Shape, relation: str) -> Route | None:
    """The way from the records of a relation to the one that has them; None if it leads to one record."""
    prop: RelationshipProperty[Any] = shape.model.__mapper__.relationships[relation]  # type: ignore[attr-defined]
    if prop.direction is RelationshipDirection.MANYTOMANY:
        return route_through(shapes, shape, relation, _target(shapes, shape, relation, prop))
    source, key, direction = relation_target(shapes, shape, relation)
    if direction is RelationshipDirection.MANYTOONE:
        return None
    return Route(host=shape, source=source, key=key, relation=relation)


def relation_target(shapes: Shapes, shape: Shape, relation: str) -> tuple[Shape, str, RelationshipDirection]:
    """The shape at the other end, the foreign key that joins them, and which way it points."""
    prop: RelationshipProperty[Any] = shape.model.__mapper__.relationships[relation]  # type: ignore[attr-defined]
    target = _target(shapes, shape, relation, prop)
    (local, remote), *more = prop.local_remote_pairs or ((None, None),)
    key = remote if prop.direction is RelationshipDirection.ONETOMANY else local
    if prop.uselist != (prop.direction is RelationshipDirection.ONETOMANY) and target is shape:
        raise AmbiguousSide(model=shape.name, relation=relation)
    if more or key is None:
        raise BrokenRelation(
            model=shape.name, relation=relation, reason="it is not joined by one foreign key."
        )
    return target, key.name, prop.direction


def _target(shapes: Shapes, shape: Shape, relation: str, prop: RelationshipProperty[Any]) -> Shape:
    target = shapes.get(prop.mapper.class_)
    if target is None:
        raise UndeclaredRecord(place=f"{shape.name}.{relation}", model=prop.mapper.class_.__name__)
    return target


def _kind(model: type[Record]) -> Kind:
    one, *others = [kind for kind in (Event, Global, Entity) if issubclass(model, kind)]
    if others:
        raise TwoKinds(model=model.__name__, one=one.__name__, other=others[0].__name__)
    if issubclass(model, APICall):
        return Kind.CALL
    if issubclass(model, Global):
        return Kind.GLOBAL
    return Kind.EVENT if issubclass(model, Event) else Kind.ENTITY


def _path(model: type[Record]) -> str:
    return f"{model.__module__}.{model.__qualname__}"


def _add_outbox(shape: Shape) -> None:
    """The columns by which a call's row is also its outbox entry; see `framework.integration`.

    `_due_at` is when there is something to do for the call (None: nothing), `_leased_until` how long a
    worker has it, `_attempt` the fence: only the worker that made the latest attempt may record its
    outcome.
    """
    shape.hidden += [
        HiddenColumn("_due_at", UtcDateTime()),
        HiddenColumn("_leased_until", UtcDateTime()),
        HiddenColumn("_attempt", BigInteger(), default=0, nullable=False),
        HiddenColumn(
            "_burned", BigInteger(), default=0, nullable=False
        ),  # attempts that count against the limit
        HiddenColumn("_polls", BigInteger(), default=0, nullable=False),
        HiddenColumn("_generation", BigInteger(), default=0, nullable=False),
        HiddenColumn("_first_tried_at", UtcDateTime()),
        HiddenColumn("_deadline_at", UtcDateTime()),
        HiddenColumn("_ordering_key", Text()),
        HiddenColumn("_dead", Boolean(), default=False, nullable=False),
        HiddenColumn("_replay_of", Uuid()),
    ]
    ends = [
        name
        for name, one in shape.model.__computed__.items()
        if isinstance(one, FromEvents) and one.initial is None
    ]
    shape.seldom = (*ends, "_leased_until", "_first_tried_at", "_replay_of")
    shape.indexes += [
        IndexPlan(("_due_at",), where="_due_at IS NOT NULL"),
        IndexPlan(("_ordering_key", "created_at"), where="_ordering_key IS NOT NULL AND _due_at IS NOT NULL"),
        IndexPlan(("_ordering_key",), where="_ordering_key IS NOT NULL AND _leased_until IS NOT NULL"),
        IndexPlan(("_dead",), where="_dead"),
        IndexPlan(("external_id",), where="external_id IS NOT NULL"),
    ]
