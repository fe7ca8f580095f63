"""What is asked for: ids however they are written, and values that no column keeps."""

from collections.abc import Iterator
from contextlib import contextmanager
from reprlib import Repr
from typing import Any
from uuid import UUID

from framework.model.entity import GLOBAL_ID
from framework.plan.shape import Kind, Shape
from framework.runtime.errors import NoSuchRecord, NotAnId, NotText, NumberTooLarge, WhichRecord
from framework.storage.violation import Constraint, Violation

_SHORT = Repr()
_SHORT.maxother = 60


def shortened(thing: Any) -> str:
    """What was given, as an error shows it."""
    return _SHORT.repr(thing)


def id_of(shape: Shape, id: Any) -> UUID:
    """The id as a UUID; of a Global without one, its own. Raises NoSuchRecord for what is no id."""
    if id is None and shape.kind is Kind.GLOBAL:
        return GLOBAL_ID
    if id is None:
        raise WhichRecord(model=shape.name)
    found = uuid_or_none(id)
    if found is None:
        kind = NoSuchRecord if isinstance(id, str) else NotAnId
        raise kind(model=shape.name, id=id if isinstance(id, str) else shortened(id))
    return found


def uuid_or_none(id: Any) -> UUID | None:
    """An id as users give it, which may be its text; None for what is no id."""
    if isinstance(id, UUID):
        return id
    try:
        return UUID(id) if isinstance(id, str) else None
    except ValueError:
        return None


@contextmanager
def asking() -> Iterator[None]:
    """Say what is wrong with a value that the database is asked for."""
    try:
        yield
    except UNKEPT as error:
        meaning = meaning_of(error)
        if meaning is error:
            raise
        raise meaning from error


UNKEPT = (OverflowError, UnicodeEncodeError, Violation)
"""How drivers and databases say that they do not keep a value."""


def meaning_of(error: Exception) -> Exception:
    """What one of these says of the value; any other error as it is."""
    match error:
        case OverflowError() | Violation(constraint=Constraint.NUMBER):
            return NumberTooLarge(reason=str(error))
        case UnicodeEncodeError():
            return NotText(reason=error.reason)
        case Violation(constraint=Constraint.TEXT):
            return NotText(reason=str(error))
        case _:
            return error
