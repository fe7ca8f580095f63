"""The word `takeover`: a unique value that goes to whoever takes it last."""

from typing import Any, TypeVar

from sqlmodel.main import FieldInfo

from framework.errors import DeclarationError
from framework.model.words import word

T = TypeVar("T")


class NotAField(DeclarationError):
    """`takeover(...)` takes a field, and was given {given!r}. Write
    `takeover(Field(default=None, foreign_key="holder.id", unique=True))`.
    """


class Takeover:
    """The mark of a field whose value may be taken over."""


@word
def takeover(field: T) -> T:
    """Let a record take a unique value that another has, which is left with None.

    `holder_id: UUID | None = takeover(Field(default=None, foreign_key="holder.id", unique=True))`: who takes
    an occupied seat gets it, and the seat that the holder had is free. Without it, the value is refused.
    """
    if not isinstance(field, FieldInfo):
        raise NotAField(given=field)
    field.metadata.append(Takeover())
    return field


def may_be_taken(field: Any) -> bool:
    return any(isinstance(mark, Takeover) for mark in field.metadata)
