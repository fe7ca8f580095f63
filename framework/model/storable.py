"""What databases demand of a value beside its type."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, GetCoreSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core.core_schema import int_schema

from framework.model.columns import admits_none, without_none


class _Int64:
    """A whole number that a column can keep."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return int_schema(ge=-(2**63), lt=2**63)


_STORABLE: Mapping[Any, Any] = {datetime: AwareDatetime, int: _Int64}
"""What databases demand of a type: a time zone, and no more than 64 bits."""


def storable(annotation: Any) -> Any:
    """The annotation, held to what a column can keep."""
    plain = without_none(annotation)
    kind = _STORABLE.get(getattr(plain, "__supertype__", plain))
    if kind is None:
        return annotation
    return kind | None if admits_none(annotation) else kind
