"""Between Python values and what a driver takes, for one table; the ORM reads the same columns the same
way.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property, lru_cache, partial
from itertools import filterfalse
from operator import attrgetter
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Boolean, Column, Date, Dialect, Float, Uuid
from sqlalchemy.types import TypeEngine

from framework.model.columns import (
    Duration,
    EnumText,
    Structured,
    UtcDateTime,
    finite,
    microseconds,
    span,
    utc_text,
)
from framework.model.decimals import FixedPoint, decimal_of, fixed
from framework.model.identity import digits, uuid_of
from framework.model.problems import problems_of
from framework.storage.errors import UnreadableValue
from framework.storage.fitting import Convert, fitting, json_of

Row = dict[str, Any]

_NOT_OF_ITS_TYPE = (ValueError, TypeError, KeyError, ArithmeticError)
"""What converters raise of a value that another program has stored; SQLite keeps any in any column."""


class Codec:
    """Rows as dictionaries of Python values on one side, as sequences of driver values on the other."""

    def __init__(
        self, columns: Sequence[Column[Any]], dialect: Dialect, *, given: Collection[str] = ()
    ) -> None:
        """`given` are the columns whose values nobody has validated."""
        self.names = tuple(column.name for column in columns)
        self._table = columns[0].table.name
        converters = [converters_of(column.type, dialect, _place(column)) for column in columns]
        self.encoder = {
            name: encode for name, (encode, _) in zip(self.names, converters, strict=True) if encode
        }
        for column in columns:
            if column.name in given:
                encode = self.encoder.get(column.name)
                self.encoder[column.name] = fitting(column.type, encode, _place(column))
        self._decoder = {
            name: decode for name, (_, decode) in zip(self.names, converters, strict=True) if decode
        }

    def decode(self, values: Sequence[Any]) -> Row:
        """The row of what the driver read; raises UnreadableValue."""
        try:
            return self._decode(values)
        except _NOT_OF_ITS_TYPE as error:
            raise self._unreadable(values, error) from error

    @cached_property
    def _decode(self) -> Callable[[Sequence[Any]], Row]:
        codes, scope = _conversions("values", range(len(self.names)), map(self._decoder.get, self.names))
        row = ", ".join(f"{name!r}: {code}" for name, code in zip(self.names, codes, strict=True))
        return eval(f"lambda values: {{{row}}}", scope)  # type: ignore[no-any-return]  # of this type

    def _unreadable(self, values: Sequence[Any], error: Exception) -> UnreadableValue:
        """What an error of decoding means, without the value: it may be private."""
        id = self.decode_one("id", values[self.names.index("id")]) if "id" in self.names else "?"
        match error:
            case ValidationError():
                problems = problems_of(error)
            case _:
                problems = "it is no value of its type"
        column = next(filterfalse(partial(self._is_readable, values), self.names))
        return UnreadableValue(column=column, table=self._table, id=id, problems=problems)

    def _is_readable(self, values: Sequence[Any], name: str) -> bool:
        try:
            self.decode_one(name, values[self.names.index(name)])
        except _NOT_OF_ITS_TYPE:
            return False
        return True

    def encode_one(self, name: str, value: Any) -> Any:
        encode = self.encoder.get(name)
        return value if value is None or encode is None else encode(value)

    def decode_one(self, name: str, value: Any) -> Any:
        decode = self._decoder.get(name)
        return value if value is None or decode is None else decode(value)


class Parameters:
    """Takes the named values of a row, in the order and the form of one statement."""

    def __init__(self, names: Sequence[str], encoders: Mapping[str, Convert]) -> None:
        self._names = names
        self._encoders = encoders

    @cached_property
    def of(self) -> Callable[[Mapping[str, Any]], list[Any]]:
        """Gives the values of a row, as the driver takes them."""
        codes, scope = _conversions("row", self._names, map(self._encoders.get, self._names))
        return eval(f"lambda row: [{', '.join(codes)}]", scope)  # type: ignore[no-any-return]  # of this type


def _conversions(
    source: str, keys: Iterable[str | int], converters: Iterable[Convert | None]
) -> tuple[list[str], dict[str, Any]]:
    """Code for each value of `source`, converted unless it is None, and the scope of that code.

    A loop over the columns would cost twice as much, for every row that is read or written.
    """
    codes: list[str] = []
    scope: dict[str, Any] = {}
    for key, convert in zip(keys, converters, strict=True):
        code = f"{source}[{key!r}]"
        if convert is not None:
            name = f"convert_{len(scope)}"
            scope[name] = convert
            code = f"None if (value := {code}) is None else {name}(value)"
        codes.append(code)
    return codes, scope


def converters_of(
    kind: TypeEngine[Any], dialect: Dialect, place: str
) -> tuple[Convert | None, Convert | None]:
    """How a value of the column type is written and read; None where the driver needs no help."""
    match kind:
        case EnumText():
            return attrgetter("_value_"), {member.value: member for member in kind.kind}.__getitem__
        case Structured():
            return json_of(kind, place), kind.adapter.validator.validate_json
        case FixedPoint(places=places):
            return partial(fixed, places=places, place=place), partial(decimal_of, places=places)
        case Duration():
            return microseconds, span
        case Float():
            return partial(finite, place=place), None
        case _ if dialect.name != "sqlite":
            return None, None
        case Uuid():
            return digits, _uuid
        case UtcDateTime():
            return utc_text, datetime.fromisoformat
        case Boolean():
            return int, bool  # the driver asks around for who adapts a bool, and finds nobody
        case Date():
            return date.isoformat, date.fromisoformat
        case _:
            return None, None


def _place(column: Column[Any]) -> str:
    return f"{column.table.name}.{column.name}"


@lru_cache(maxsize=8192)
def _uuid(text: str) -> UUID:
    """The id of its 32 digits; hot rows are asked for again and again."""
    return uuid_of(int(text, 16))
