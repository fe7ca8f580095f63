"""Decimals of a fixed scale: whole numbers of units of their last place, in a column and in sums."""

from collections.abc import Iterable
from decimal import Decimal
from math import prod
from typing import Annotated, Any, get_args, get_origin

from sqlalchemy import BigInteger, Dialect
from sqlalchemy.sql import operators
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from framework.errors import DispatchError

DIGITS = 18
"""So many digits fit into 64 bits, whatever they are."""


_SCALING = (operators.mul, operators.floordiv)


class DoesNotFit(DispatchError):
    """{value} does not fit into {place}, which keeps {places} decimal places of at most 18 digits. Round it
    where it is made: `round(value, {places})`.
    """


class FixedPoint(TypeDecorator[Decimal]):
    """A Decimal as a whole number of units of its last place: a database compares and adds it exactly."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places

    class Comparator(TypeDecorator.Comparator[Decimal]):
        """What can be done with a column: a multiple of a price is a price."""

        def _adapt_expression(self, op: Any, other: Any) -> Any:
            if op in _SCALING and not isinstance(other.type, FixedPoint):
                return op, self.type
            return super()._adapt_expression(op, other)

    comparator_factory = Comparator

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> TypeEngine[Any]:
        """A factor is a plain number: twice a price is a price."""
        if isinstance(value, int) and op in _SCALING:
            return BigInteger()
        return self

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else fixed(value, self.places, "the column")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else decimal_of(int(value), self.places)


def fixed(value: Decimal | int, places: int, place: str) -> int:
    """The value in units of its last place; raises DoesNotFit."""
    number = scaled([value], places)
    if number is None or abs(number) >= 10**DIGITS:
        raise DoesNotFit(value=value, place=place, places=places)
    return number


def scaled(factors: Iterable[Decimal | int], places: int) -> int | None:
    """The product in units of the last place, or None if it has more places; never rounded."""
    try:
        ratios = [factor.as_integer_ratio() for factor in factors]
    except (AttributeError, ValueError, OverflowError):  # no number, not a number, or infinite
        return None
    above, below = (prod(part) for part in zip(*ratios, strict=True))
    number, rest = divmod(above * 10**places, below)
    return None if rest else number


def decimal_of(number: int, places: int) -> Decimal:
    """The Decimal of so many units of its last place."""
    return Decimal(number).scaleb(-places)


def divided(total: int, count: int) -> int:
    """The quotient, rounded half away from zero, as the database does it too."""
    quotient, rest = divmod(abs(total), count)
    quotient += 2 * rest >= count
    return quotient if total >= 0 else -quotient


def places_of(annotation: Any, metadata: Iterable[Any] = ()) -> int | None:
    """The declared `decimal_places` of an annotation with what its field says besides."""
    found = [place for one in metadata if (place := getattr(one, "decimal_places", None)) is not None]
    if found:
        return int(found[-1])
    if get_origin(annotation) is Annotated:
        inner, *said = get_args(annotation)
        return places_of(inner, [part for one in said for part in (one, *getattr(one, "metadata", ()))])
    for argument in get_args(annotation):
        place = places_of(argument)
        if place is not None:
            return place
    return None
