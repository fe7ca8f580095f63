"""What databases demand of a value beside its type."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from pydantic import AwareDatetime, GetCoreSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core.core_schema import decimal_schema, int_schema, no_info_after_validator_function

from framework.model.columns import admits_none, without_none
from framework.model.decimals import DIGITS, places_of


class _Int64:
    """A whole number that a column can keep."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return int_schema(ge=-(2**63), lt=2**63)


class _FixedDecimal:
    """A number that a column of so many decimal places can keep, with just as many."""

    def __init__(self, places: int) -> None:
        self.schema = no_info_after_validator_function(
            partial(_with_places, Decimal(1).scaleb(-places)),
            decimal_schema(max_digits=DIGITS, decimal_places=places, allow_inf_nan=False),
        )

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return self.schema


def _with_places(unit: Decimal, value: Decimal) -> Decimal:
    return value.quantize(unit)


_STORABLE: Mapping[Any, Any] = {datetime: AwareDatetime, int: _Int64}
"""What databases demand of a type: a time zone, and no more than 64 bits."""


def storable(annotation: Any, metadata: Iterable[Any] = ()) -> Any:
    """The annotation, with what its field says besides, held to what a column can keep."""
    plain = without_none(annotation)
    plain = getattr(plain, "__supertype__", plain)
    kind = _STORABLE.get(plain)
    if plain is Decimal:
        places = places_of(annotation, metadata)
        assert places is not None, "shapes_of has checked the types of all fields"
        kind = Annotated[Decimal, _FixedDecimal(places)]
    if kind is None:
        return annotation
    return kind | None if admits_none(annotation) else kind
