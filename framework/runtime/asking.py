"""What is asked for: ids however they are written, and values that no column keeps."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from framework.model.entity import GLOBAL_ID
from framework.plan.shape import Kind, Shape
from framework.runtime.errors import NoSuchRecord, NotText, NumberTooLarge
from framework.storage.violation import Constraint, Violation


def id_of(shape: Shape, id: Any) -> UUID:
    """The id as a UUID; of a Global without one, its own. Raises NoSuchRecord for what is no id."""
    match id:
        case UUID():
            return id
        case None if shape.kind is Kind.GLOBAL:
            return GLOBAL_ID
        case str():
            try:
                return UUID(id)
            except ValueError:
                pass
    raise NoSuchRecord(model=shape.name, id=id)


@contextmanager
def asking() -> Iterator[None]:
    """Say what is wrong with a value that the database is asked for."""
    try:
        yield
    except OverflowError as error:
        raise NumberTooLarge(reason=str(error)) from error
    except UnicodeEncodeError as error:
        raise NotText(reason=error.reason) from error
    except Violation as violation:
        match violation.constraint:
            case Constraint.NUMBER:
                raise NumberTooLarge(reason=str(violation)) from violation
            case Constraint.TEXT:
                raise NotText(reason=str(violation)) from violation
            case _:
                raise
