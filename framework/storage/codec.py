"""Between Python values and what a driver takes, for one table; the ORM reads the same columns the same
way.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache, partial
from operator import attrgetter, itemgetter
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

Convert = Callable[[Any], Any]
Row = dict[str, Any]


class Codec:
    """Rows as dictionaries of Python values on one side, as sequences of driver values on the other."""

    def __init__(self, columns: Sequence[Column[Any]], dialect: Dialect) -> None:
        self.names = tuple(column.name for column in columns)
        self._table = columns[0].table.name
        converters = [converters_of(column.type, dialect, _place(column)) for column in columns]
        self.encoder = {
            name: encode for name, (encode, _) in zip(self.names, converters, strict=True) if encode
        }
        self._decoder = {
            name: decode for name, (_, decode) in zip(self.names, converters, strict=True) if decode
        }
        self._decoders = [(index, decode) for index, (_, decode) in enumerate(converters) if decode]

    def decode(self, values: Sequence[Any]) -> Row:
        row = list(values)
        index = 0
        try:
            for index, decode in self._decoders:
                value = row[index]
                if value is not None:
                    row[index] = decode(value)
        except (ValueError, KeyError) as error:
            raise self._unreadable(values, index, error) from error
        return dict(zip(self.names, row, strict=True))

    def _unreadable(self, values: Sequence[Any], index: int, error: Exception) -> UnreadableValue:
        """What an error of decoding means, without the value: it may be private."""
        id = self.decode_one("id", values[self.names.index("id")]) if "id" in self.names else "?"
        match error:
            case ValidationError():
                problems = problems_of(error)
            case _:
                problems = "it is no value of its type"
        return UnreadableValue(column=self.names[index], table=self._table, id=id, problems=problems)

    def encode_one(self, name: str, value: Any) -> Any:
        encode = self.encoder.get(name)
        return value if value is None or encode is None else encode(value)

    def decode_one(self, name: str, value: Any) -> Any:
        decode = self._decoder.get(name)
        return value if value is None or decode is None else decode(value)


class Parameters:
    """Takes the named values of a row, in the order and the form of one statement."""

    def __init__(self, names: Sequence[str], codec: Codec) -> None:
        self._pick = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
        self._encoders = [
            (index, codec.encoder[name]) for index, name in enumerate(names) if name in codec.encoder
        ]

    def of(self, row: Mapping[str, Any]) -> list[Any]:
        values = list(self._pick(row))
        for index, encode in self._encoders:
            value = values[index]
            if value is not None:
                values[index] = encode(value)
        return values


def converters_of(
    kind: TypeEngine[Any], dialect: Dialect, place: str
) -> tuple[Convert | None, Convert | None]:
    """How a value of the column type is written and read; None where the driver needs no help."""
    match kind:
        case EnumText():
            return attrgetter("_value_"), {member.value: member for member in kind.kind}.__getitem__
        case Structured():
            adapter = kind.adapter
            return lambda value: adapter.dump_json(value).decode(), adapter.validate_json
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
            return None, bool
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
