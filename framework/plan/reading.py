"""What callbacks read, as fields of the shapes they are given."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType
from typing import Any

from framework.model.record import Record
from framework.plan.mistakes import RelationRead, Unfollowable, UnknownRead
from framework.plan.reads import reads_of
from framework.plan.shape import Shape

Read = tuple[Shape, str | None]


def read_fields(
    shape: Shape,
    callbacks: Iterable[Callable[..., Any]],
    declared: Sequence[str] | None,
    place: str,
    model: type[Record] | None = None,
    argument: int = 0,
) -> frozenset[Read]:
    """The fields of `shape` that callbacks read: as declared, or as found in their code.

    They are given its record as their first parameter, or as the one of the number `argument`, and take it
    for a `model`, where that is a view.
    """
    reads: set[Read] = set()
    followed: set[str] = set()
    pending = [(callback, declared, place, argument) for callback in callbacks]
    while pending:
        callback, names, where, number = pending.pop()
        for name in names if names is not None else sorted(reads_of(callback, where, number)):
            if name in shape.fields:
                reads.add((shape, name))
            elif name in shape.model.__sqlmodel_relationships__ or name in shape.model.__views__:
                raise RelationRead(place=where, model=shape.name, field=name)
            elif name not in followed:
                followed.add(name)
                behind = _code_behind(shape, model or shape.model, name, where)
                if behind is not None:
                    pending.append((behind, None, f"{shape.name}.{name}", 0))
    return frozenset(reads)


def _code_behind(shape: Shape, model: type[Record], name: str, place: str) -> Callable[..., Any] | None:
    """The function of a method or Python property of the record class; None where no record is read."""
    lines = (model.__mro__, shape.model.__mro__)
    bases = [base for line in lines for base in line[: line.index(Record)]]
    attribute = next((vars(base)[name] for base in bases if name in vars(base)), Record)
    match attribute:
        case FunctionType():
            return attribute
        case property(fget=FunctionType() as function):
            return function
        case staticmethod() | classmethod():
            return None  # it is not given the record
    if attribute is Record or name.startswith("__"):
        raise UnknownRead(place=place, model=shape.name, field=name, fields=", ".join(shape.fields))
    if inspect.isdatadescriptor(attribute) or hasattr(attribute, "__get__"):
        raise Unfollowable(place=place, reason=f"{shape.name}.{name} is a {type(attribute).__name__}")
    return None  # a constant of the class
