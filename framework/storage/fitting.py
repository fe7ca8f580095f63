"""What a callback gives for a column, held to the type that the property is declared with."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic_core import PydanticSerializationError
from sqlalchemy import BigInteger, Boolean, Date, Float, LargeBinary, Text, Uuid
from sqlalchemy.types import TypeEngine

from framework.computations.custom import Custom
from framework.computations.deadline import Deadline
from framework.computations.formula import Formula
from framework.computations.lookup import Lookup
from framework.computations.selective import Collect, Extreme, Recency
from framework.errors import DispatchError
from framework.model.columns import Duration, EnumText, Structured, UtcDateTime, is_moment
from framework.model.computation import Computation
from framework.model.decimals import FixedPoint

Convert = Callable[[Any], Any]

_GIVING = (Collect, Custom, Deadline, Extreme, Formula, Lookup, Recency)
"""The computations that give what their callback gives; what others give is known from their declaration."""


class WrongValue(DispatchError):
    """{place} would be a {given}, but is declared as {declared}. Let its computation give that, or annotate
    the property as what it gives.
    """


def given_by_callbacks(computations: Iterable[tuple[str, Computation[Any]]]) -> frozenset[str]:
    """The properties whose values come from callbacks as they are."""
    return frozenset(name for name, computation in computations if isinstance(computation, _GIVING))


def fitting(kind: TypeEngine[Any], convert: Convert | None, place: str) -> Convert:
    """`convert`, for values of the declared type alone; raises WrongValue for all others.

    What was stored all the same could not be read, or would be another value when it is read.
    """
    if isinstance(kind, Structured):
        return json_of(kind, place, given=True)
    kinds = _kinds(kind)
    wanted = kinds[0]
    moment = is_moment(wanted)

    def fit(value: Any) -> Any:
        if moment or type(value) is not wanted:
            _refuse_misfit(value, kinds, place)
        return value if convert is None else convert(value)

    return fit


def _refuse_misfit(value: Any, kinds: tuple[type, ...], place: str) -> None:
    fits = isinstance(value, kinds)
    match value:
        case bool():
            fits = bool in kinds
        case datetime():
            fits = is_moment(kinds[0]) and value.tzinfo is not None
    if not fits:
        naive = isinstance(value, datetime) and is_moment(kinds[0])
        given = "datetime without a time zone" if naive else type(value).__name__
        raise WrongValue(place=place, given=given, declared=kinds[0].__name__)


def json_of(kind: Structured, place: str, *, given: bool = False) -> Convert:
    """Writes values as JSON; what a callback has given, only if it is what the column is declared for.

    Raises WrongValue, or UnicodeEncodeError: in keys, pydantic puts other characters in place of surrogates.
    """
    dump, read = kind.adapter.serializer.to_json, kind.adapter.validator.validate_json
    kinds = kind.kind if given and isinstance(kind.kind, type) else object
    warnings: Literal["error"] | bool = (
        "error" if given else True
    )  # the word "warn" would cost five times True

    def write(value: Any) -> str:
        written = None
        try:
            if isinstance(value, kinds):
                written = dump(value, warnings=warnings)
        except PydanticSerializationError as error:
            if _SURROGATES in str(error):
                raise UnicodeEncodeError("utf-8", place, 0, 1, _SURROGATES) from error
        if written is None:
            declared = getattr(kind.kind, "__name__", str(kind.kind))
            raise WrongValue(place=place, given=type(value).__name__, declared=declared)
        if _REPLACEMENT in written and read(written) != value:
            raise UnicodeEncodeError("utf-8", place, 0, 1, _SURROGATES)
        return written.decode()

    return write


_SURROGATES = "surrogates not allowed"
_REPLACEMENT = "\ufffd".encode()


def _kinds(kind: TypeEngine[Any]) -> tuple[type, ...]:
    """The types of values that a column keeps, first the one that is declared."""
    match kind:
        case EnumText():
            return (kind.kind,)
        case FixedPoint():
            return (Decimal, int)
        case Float():
            return (float, int)
        case _:
            return next((plain,) for column, plain in _PLAIN if isinstance(kind, column))


_PLAIN: tuple[tuple[type[TypeEngine[Any]], type], ...] = (
    (UtcDateTime, datetime),
    (Duration, timedelta),
    (Date, date),
    (Uuid, UUID),
    (Boolean, bool),
    (BigInteger, int),
    (Text, str),
    (LargeBinary, bytes),
)
