"""What a class body says about its fields."""

import re
from typing import Any, ClassVar

from sqlalchemy import Text
from sqlmodel import Field
from sqlmodel.main import FieldInfo, FieldInfoMetadata

from framework.model.columns import column_type

UNDEFINED = Field().default
"""The mark of a field without a default."""


def table_name(class_name: str) -> str:
    """`OrderPlaced` is kept in the table `order_placed`, `APICall` in `api_call`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name).lower()


def typed(value: Any, annotation: Any) -> Any:
    """The field with the column type of its annotation, and an index where it refers to another record."""
    field = value if isinstance(value, FieldInfo) else Field() if value is UNDEFINED else Field(default=value)
    if field.sa_type is UNDEFINED and field.sa_column is UNDEFINED:
        kind = column_type(annotation, field.metadata)
        _say(field, "sa_type", kind or Text())  # a type without a column is refused when an App is built
    if annotation is Any and field.nullable is UNDEFINED:
        _say(field, "nullable", True)
    if field.foreign_key is not UNDEFINED and field.index is UNDEFINED:
        _say(field, "index", True)
    return field


def _say(field: FieldInfo, name: str, value: Any) -> None:
    """Set an option of a field in both places where SQLModel may read it."""
    for place in (field, *(item for item in field.metadata if isinstance(item, FieldInfoMetadata))):
        setattr(place, name, value)


def default_of(value: Any) -> Any:
    """The default that a value in a class body gives its field, or undefined."""
    return value.default if isinstance(value, FieldInfo) else value


def is_class_variable(annotation: Any) -> bool:
    return annotation is ClassVar or getattr(annotation, "__origin__", None) is ClassVar


def facts(model: Any) -> dict[str, Any]:
    """The facts of a model with their defaults: a value, a factory, or undefined."""
    return {
        name: field.default_factory or field.default
        for name, field in model.model_fields.items()
        if name not in model.__computed__
    }
