"""What callbacks read, as fields of the shapes they are given."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from framework.plan.mistakes import RelationRead, UnknownRead
from framework.plan.reads import reads_of
from framework.plan.shape import Shape

Read = tuple[Shape, str | None]


def read_fields(
    shape: Shape, callbacks: Iterable[Callable[..., Any]], declared: Sequence[str] | None, place: str
) -> frozenset[Read]:
    """The fields of `shape` that callbacks read: as declared, or as found in their code."""
    reads: set[Read] = set()
    for callback in callbacks:
        for name in declared if declared is not None else sorted(reads_of(callback, place)):
            if name in shape.fields:
                reads.add((shape, name))
            elif name in shape.model.__sqlmodel_relationships__:
                raise RelationRead(place=place, model=shape.name, field=name)
            elif not hasattr(shape.model, name):
                raise UnknownRead(place=place, model=shape.name, field=name, fields=", ".join(shape.fields))
            else:
                reads |= read_fields(shape, _code_behind(shape, name), None, f"{shape.name}.{name}")
    return frozenset(reads)


def _code_behind(shape: Shape, name: str) -> Iterator[Callable[..., Any]]:
    """The function of a method or Python property of the record class."""
    attribute = getattr(shape.model, name)
    if isinstance(attribute, property) and attribute.fget is not None:
        yield attribute.fget
    elif callable(attribute):
        yield attribute
