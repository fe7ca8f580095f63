"""How values of the declared types lie in a column, on every database alike."""

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ClauseElement,
    ColumnElement,
    Date,
    DateTime,
    Dialect,
    Float,
    LargeBinary,
    Text,
    Uuid,
    literal,
)
from sqlalchemy.sql import operators
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from framework.errors import DispatchError, StorageError
from framework.model.decimals import DIGITS, FixedPoint, places_of
from framework.model.meaning import Meaning
from framework.model.problems import problems_of


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC; ISO text of fixed width where the database has no time zones."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text() if dialect.name == "sqlite" else DateTime(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return utc_text(value) if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)


class Duration(TypeDecorator[timedelta]):
    """A span of time, kept as whole microseconds, so that it is compared and is exact everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> Any:
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> timedelta | None:
        return None if value is None else span(value)


def microseconds(value: timedelta) -> int:
    return value // timedelta(microseconds=1)


def span(value: int) -> timedelta:
    return timedelta(microseconds=value)


class UnreadableResult(StorageError):
    """A value that a query found cannot be read as the {kind} that it is declared as now: {problems}.
    `app.get` says of a record which one it is. Let the class accept what older code stored, or correct the
    row.
    """


class NotFinite(DispatchError):
    """{place} would be {value}, which is no number that could be stored or compared. Let its computation give
    None or a finite number.
    """


def finite(value: float, place: str) -> float:
    """The value, which a column keeps alike on every database; raises NotFinite."""
    if not isfinite(value):
        raise NotFinite(place=place, value=value)
    return value


class EnumText(TypeDecorator[Enum]):
    """An enumeration by its value, so that what is stored can be read by people and other programs.

    Whole numbers stay numbers, so that they keep their order.
    """

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[Enum]) -> None:
        super().__init__()
        self.kind = kind
        self.numeric = all(type(member.value) is int for member in kind)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if self.numeric:
            return BigInteger()
        return Text(collation="C") if dialect.name == "postgresql" else Text()  # in the order of Python

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else self.kind(value).value

    def process_result_value(self, value: Any, dialect: Dialect) -> Enum | None:
        try:
            return None if value is None else self.kind(value)
        except ValueError:
            raise UnreadableResult(kind=self.kind.__name__, problems="it is none of its members") from None


class Structured(TypeDecorator[Any]):
    """A payload or any other composite value, as JSON that pydantic writes and checks on reading.

    On SQLite a text: of what looks like a number in a column called JSON, SQLite would make one.
    """

    impl = JSON
    cache_ok = True

    class Comparator(JSON.Comparator[Any]):
        """What can be asked of a column: whether it is a value."""

        def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[Any]:
            match op, other:
                case ((operators.eq | operators.ne), (value,)) if value is not None:
                    return Meaning(self.expr).operate(op, self._compared(value))
                case ((operators.in_op | operators.not_in_op), (list() | tuple() | set() as values,)):
                    return Meaning(self.expr).operate(op, [self._compared(value) for value in values])
            return super().operate(op, *other, **kwargs)

        def _compared(self, value: Any) -> ColumnElement[Any]:
            is_sql = isinstance(value, ClauseElement) or hasattr(value, "__clause_element__")
            return Meaning(value if is_sql else literal(value, self.expr.type))

    comparator_factory = Comparator

    def __init__(self, kind: Any) -> None:
        super().__init__(none_as_null=True)
        self.kind = kind
        self.adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text() if dialect.name == "sqlite" else JSON(none_as_null=True)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return self.adapter.dump_json(value).decode()
        return self.adapter.dump_python(value, mode="json")

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        read = self.adapter.validate_json if dialect.name == "sqlite" else self.adapter.validate_python
        try:
            return read(value)
        except ValidationError as error:
            kind = getattr(self.kind, "__name__", str(self.kind))
            raise UnreadableResult(kind=kind, problems=problems_of(error)) from None  # it shows the value


_last_text: tuple[datetime, str] | None = None
"""The moment of a transaction goes into many columns."""


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with six digits, so that text order is time order."""
    global _last_text
    last = _last_text
    if last is not None and last[0] is moment:
        return last[1]
    text = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat("T", "microseconds")
    _last_text = (moment, text)
    return text


def without_none(annotation: Any) -> Any:
    """The annotation with `| None` and `Annotated` taken off."""
    if get_origin(annotation) is Annotated:
        return without_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [arm for arm in get_args(annotation) if arm is not type(None)]
        return without_none(rest[0]) if len(rest) == 1 else annotation
    return annotation


def is_moment(kind: Any) -> bool:
    """Whether the type is `datetime`; where time is frozen, the name stands for another class."""
    return isinstance(kind, type) and issubclass(kind, datetime)


def named(annotation: Any) -> str:
    """The annotation as it is written."""
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def admits_none(annotation: Any) -> bool:
    """Whether `None` is a value of the annotation."""
    if get_origin(annotation) is Annotated:
        return admits_none(get_args(annotation)[0])
    return annotation is None or type(None) in get_args(annotation)


_PLAIN: Sequence[tuple[type, type[TypeEngine[Any]]]] = (
    (bool, Boolean),
    (int, BigInteger),
    (str, Text),
    (float, Float),
    (bytes, LargeBinary),
)


def column_type(annotation: Any, metadata: Iterable[Any] = ()) -> TypeEngine[Any] | None:
    """The column type that keeps values of `annotation`, or None if there is none.

    `metadata` is what the field says beside its annotation: of a Decimal, how many `decimal_places` it has.
    """
    if isinstance(annotation, str):
        return Text()  # until it is refused, when an App is built
    kind = without_none(annotation)
    if kind is Any or get_origin(kind) in (dict, list, tuple, Mapping, Sequence):
        return Structured(kind)
    if not isinstance(kind, type):
        supertype = getattr(kind, "__supertype__", None)
        return Structured(kind) if supertype is None else column_type(supertype)
    if issubclass(kind, Enum):
        return EnumText(kind)
    if issubclass(kind, BaseModel) or kind in (dict, list):
        return Structured(kind)
    if issubclass(kind, UUID):
        return Uuid()
    if issubclass(kind, datetime):
        return UtcDateTime()
    if issubclass(kind, date):
        return Date()
    if issubclass(kind, timedelta):
        return Duration()
    if issubclass(kind, Decimal):
        places = places_of(annotation, metadata)
        return None if places is None or not 0 <= places <= DIGITS else FixedPoint(places)
    plain = next((column() for plain, column in _PLAIN if issubclass(kind, plain)), None)
    return Structured(kind) if plain is None and _knows_its_json(kind) else plain


def _knows_its_json(kind: type) -> bool:
    """Whether pydantic can write values of the class as JSON and check them on reading."""
    return is_dataclass(kind) or hasattr(kind, "__get_pydantic_core_schema__")
