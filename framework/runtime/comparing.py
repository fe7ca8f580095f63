"""Comparisons of columns in a SELECT or a criterion: with what they could be.

SQLite compares anything with anything, and finds nothing; PostgreSQL refuses the statement. Here it is
refused, with the name of the column, before a database is asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import BigInteger, Boolean, Column, Date, Float, LargeBinary, Text, Uuid
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BindParameter,
    ClauseList,
    ExpressionClauseList,
    False_,
    Grouping,
    True_,
)
from sqlalchemy.types import TypeEngine

from framework.model.columns import Duration, EnumText, Structured, UtcDateTime, named, without_none
from framework.model.decimals import FixedPoint, fixed
from framework.model.meaning import Meaning
from framework.plan.shape import Shape
from framework.runtime.asking import shortened
from framework.runtime.errors import NotComparable

_EQUATING = {operators.eq, operators.ne, operators.in_op, operators.not_in_op}
_EQUATING |= {operators.is_distinct_from, operators.is_not_distinct_from}
_ORDERING = {operators.lt, operators.le, operators.gt, operators.ge}
_ORDERING |= {operators.between_op, operators.not_between_op}
_SEARCHING = {operators.like_op, operators.not_like_op, operators.ilike_op, operators.not_ilike_op}
_SEARCHING |= {operators.startswith_op, operators.endswith_op, operators.contains_op}
COMPARING = _EQUATING | _ORDERING | _SEARCHING

Shapes = Mapping[Any, Shape]
"""Classes by their tables."""


class Compared(NamedTuple):
    """A value beside a column, and how they are compared."""

    column: Column[Any]
    operator: Any
    value: Any  # as SQLAlchemy has it


def compared(comparison: BinaryExpression[Any], shapes: Shapes) -> Iterator[Compared]:
    """The values in it that are beside a column; raises NotComparable for a column of another kind."""
    for side, other in ((comparison.left, comparison.right), (comparison.right, comparison.left)):
        column = _column(side, shapes)
        if column is None:
            continue
        for value in _values(other):
            yield Compared(column, comparison.operator, value)
        another = _column(other, shapes)
        if another is not None and _family(another.type) != _family(column.type):
            raise _refusal(column, shapes, _name(another, shapes), "Compare columns that are declared alike")


def check_value_of(one: Compared, given: Any, shapes: Shapes) -> None:
    """Raises NotComparable if what is given is what the column beside it never is; None is nobody's."""
    column = one.column
    for value in _given(given):
        remedy = _remedy(column.type, one.operator, value, _name(column, shapes))
        if remedy is not None:
            raise _refusal(column, shapes, shortened(value), remedy)


def check_value(shape: Shape, name: str, value: Any) -> None:
    """Raises NotComparable for a value that the field of a class never has."""
    column = shape.table.columns[name]
    remedy = None if value is None else _remedy(column.type, operators.eq, value, f"{shape.name}.{name}")
    if remedy is not None:
        raise _refusal(column, {shape.table: shape}, shortened(value), remedy)


def _refusal(column: Column[Any], shapes: Shapes, value: str, remedy: str) -> NotComparable:
    shape = shapes[column.table]
    declared = named(without_none(shape.model.model_fields[column.name].annotation)).removeprefix("typing.")
    return NotComparable(model=shape.name, field=column.name, declared=declared, value=value, remedy=remedy)


def _column(side: Any, shapes: Shapes) -> Column[Any] | None:
    """The column of a class that it is, however the statement goes by it."""
    if isinstance(side, Meaning):
        side = side.of
    for base in getattr(side, "base_columns", ()):
        if isinstance(base, Column) and base.table in shapes and base.name in shapes[base.table].fields:
            return base
    return None


def _name(column: Column[Any], shapes: Shapes) -> str:
    return f"{shapes[column.table].name}.{column.name}"


def _values(other: Any) -> Iterator[Any]:
    """The values that a column is compared with, as SQLAlchemy has them."""
    match other:
        case True_() | False_() | BindParameter():
            yield other
        case Grouping():
            yield from _values(other.element)
        case ClauseList() | ExpressionClauseList():
            for one in other.clauses:
                yield from _values(one)
        case Meaning():
            yield from _values(other.of)


def _given(value: Any) -> Sequence[Any]:
    """What a value of SQLAlchemy's stands for."""
    if isinstance(value, True_ | False_):
        return [isinstance(value, True_)]
    given = value.effective_value
    several = (given or ()) if value.expanding else (given,)
    return [one for one in several if one is not None]


def _remedy(kind: TypeEngine[Any], operator: Any, value: Any, place: str) -> str | None:
    """What to do instead of comparing a column of this kind with the value so; None: that can be done."""
    if operator in _SEARCHING:
        searchable = type(kind) is Text and isinstance(value, str)
        return None if searchable else "Only in a str can be searched, and for a str"
    if operator in _ORDERING and isinstance(kind, Structured):
        return "It is kept as JSON, which has no order: give what is ordered a field of its own"
    wanted, fits = _wanted(kind, value, place)
    return None if fits else f"Compare it with {wanted}"


def _wanted(kind: TypeEngine[Any], value: Any, place: str) -> tuple[str, bool]:
    """What a column of this kind is compared with, and whether the value is that; raises DoesNotFit."""
    match kind:
        case Structured():
            return "a value that its declaration admits", _is_admitted(kind, value)
        case EnumText():
            return f"a member of {kind.kind.__name__}", _is_member(kind, value)
        case UtcDateTime():
            aware = isinstance(value, datetime) and value.tzinfo is not None
            return "a datetime that has its time zone: `datetime(..., tzinfo=UTC)`", aware
        case Duration():
            return "a timedelta", isinstance(value, timedelta)
        case FixedPoint():
            if _is_number(value):
                fixed(value, kind.places, place)
            return "a Decimal", _is_number(value)
        case Boolean():
            return "True or False", isinstance(value, bool)
        case BigInteger() | Float():
            return "a number", _is_number(value)
        case Uuid():
            return "a UUID: `UUID(text)`", isinstance(value, UUID)
        case Date():
            return "a date", isinstance(value, date) and not isinstance(value, datetime)
        case LargeBinary():
            return "bytes", isinstance(value, bytes | bytearray | memoryview)
        case Text():
            return "a str", isinstance(value, str)
    return "", True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_member(kind: EnumText, value: Any) -> bool:
    try:
        return bool(kind.kind(value) is not None)
    except ValueError:
        return False


def _is_admitted(kind: Structured, value: Any) -> bool:
    try:
        kind.adapter.validate_python(value)
    except ValidationError:
        return False
    return True


def _family(kind: TypeEngine[Any]) -> Any:
    """What columns have in common that can be compared with each other."""
    match kind:
        case EnumText():
            return BigInteger if kind.numeric else Text
        case FixedPoint():
            return FixedPoint, kind.places
        case Float():
            return BigInteger
        case Structured():
            return Structured, str(kind.kind)
    return type(kind)
