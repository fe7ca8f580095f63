"""Fields: what a class declares of each, held against what a column keeps."""

from itertools import chain
from typing import Any, get_args

from pydantic.errors import PydanticUndefinedAnnotation
from sqlalchemy import UniqueConstraint

from framework.model.apicall import APICall
from framework.model.columns import Structured, column_type, is_moment, named, without_none
from framework.model.entity import Event
from framework.model.fields import UNDEFINED, table_name
from framework.model.payload import Payload
from framework.model.record import Record
from framework.plan.hidden import is_short
from framework.plan.mistakes import (
    GlobalWithoutDefault,
    IndexOfJson,
    NameTooLong,
    NoRequest,
    OwnFact,
    RecordInAField,
    UnknownType,
    UnresolvedType,
)
from framework.plan.shape import Kind, Shape
from framework.plan.values import check_default


def check_fields(shape: Shape) -> None:
    """Raises for the first field that could not be kept as it is declared."""
    if shape.kind is Kind.GLOBAL:
        _refuse_missing_defaults(shape)
    _refuse_own_facts(shape)
    _refuse_indexes_of_json(shape)
    for name in (*shape.model.__facts__, *shape.model.__computed__):
        if not is_short(name):
            raise NameTooLong(place=f"{shape.name}.{name}", what="its column", name=name)
        field = shape.model.model_fields[name]
        _refuse_records_in(shape, name, field.annotation)
        kind = column_type(field.annotation, field.metadata)
        if kind is None:
            raise UnknownType(model=shape.name, field=name, annotation=field.annotation)
        if isinstance(kind, Structured):
            _refuse_unresolved(shape, name, kind)
    for name in shape.model.__facts__:
        check_default(shape, name)


def _refuse_records_in(shape: Shape, name: str, annotation: Any) -> None:
    kind = without_none(annotation)
    (arm,) = get_args(kind)[:1] or (None,)
    if isinstance(kind, type) and issubclass(kind, Record):
        key = f'`{name}_id: UUID = Field(foreign_key="{table_name(kind.__name__)}.id")`'
        remedy = f"{key} and `{name}: {kind.__name__} = Relationship()`"
    elif isinstance(arm, type) and issubclass(arm, Record):
        remedy = f"`{name}: list[{arm.__name__}] = Relationship()`, and a foreign key in {arm.__name__}"
    else:
        return
    raise RecordInAField(model=shape.name, field=name, annotation=named(kind), remedy=remedy)


def _refuse_unresolved(shape: Shape, name: str, kind: Structured) -> None:
    try:
        kind.adapter.rebuild()
    except PydanticUndefinedAnnotation as error:
        raise UnresolvedType(
            model=shape.name, field=name, annotation=named(kind.kind), name=error.name
        ) from error


def _refuse_indexes_of_json(shape: Shape) -> None:
    unique = (one.columns for one in shape.table.constraints if isinstance(one, UniqueConstraint))
    for column in chain(*unique, *(one.columns for one in shape.table.indexes)):
        if isinstance(column.type, Structured):
            raise IndexOfJson(model=shape.name, field=column.name)


def _refuse_own_facts(shape: Shape) -> None:
    """What the framework gives to each record of a kind is what it is."""
    fields = shape.model.model_fields
    for kind, name in ((Event, "at"), (APICall, "created_at")):
        if issubclass(shape.model, kind) and not is_moment(fields[name].annotation):
            annotation = named(fields[name].annotation)
            raise OwnFact(
                model=shape.name, field=name, annotation=annotation, kind=kind.__name__, wanted="datetime"
            )
    if shape.kind is Kind.CALL and not _is_payload(fields.get("request")):
        annotation = named(fields["request"].annotation) if "request" in fields else "not declared"
        raise NoRequest(model=shape.name, annotation=annotation)


def _is_payload(field: Any) -> bool:
    kind = field and without_none(field.annotation)
    return isinstance(kind, type) and issubclass(kind, Payload)


def _refuse_missing_defaults(shape: Shape) -> None:
    for name, default in shape.model.__facts__.items():
        if default is UNDEFINED:
            raise GlobalWithoutDefault(model=shape.name, field=name)
