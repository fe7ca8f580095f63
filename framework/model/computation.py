"""The word `computed`: a property that is defined, not set."""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

from framework.errors import DeclarationError
from framework.model.words import Word

T = TypeVar("T")


class InClassBody:
    """A declaration that names what stands above it in its class body.

    `relations` maps the places of the declaration where a relation was named in the class body to the names
    of those relations, `fields` those where a field or another computed property was.
    """

    relations: Mapping[int, str] = {}
    fields: Mapping[int, str] = {}

    def bind(self, relations: Mapping[int, str], fields: Mapping[int, str]) -> None:
        """Remember what the relations and fields named in the class body are called; called once, by the
        class.
        """
        object.__setattr__(self, "relations", relations)
        object.__setattr__(self, "fields", fields)

    def made_of(self) -> Iterator[object]:
        """What the declaration was given; a declaration that stands within it may be among that."""
        for value in vars(self).values():
            yield from value if isinstance(value, tuple) else (value,)

    def relation_name(self, records: object) -> str | None:
        """The name of the relation object that the declaration was given."""
        return self.relations.get(id(records))

    def field_name(self, field: object) -> str | None:
        """The name of a field of the same class, given as its name or as what stands in the class body."""
        return self.fields.get(id(field), field if type(field) is str else None)


class Computation(InClassBody, Generic[T], metaclass=Word):
    """A value defined by other records; `T` is the type of the property it fills.

    An inert value: nothing happens until an App compiles it into a plan. With `given`, a `Global`, all its
    callbacks take the row of that Global after their record.
    """

    initial: Any = None  # subclasses may fix it, or compute it
    functions: ClassVar[tuple[str, ...]] = ()  # the names of its callbacks
    reads: Any
    given: Any = None

    def callbacks(self) -> tuple[Callable[..., Any], ...]:
        """The callbacks that the declaration gave."""
        found = (getattr(self, name) for name in self.functions)
        return tuple(callback for callback in found if callback is not None)

    def declared_reads(self) -> tuple[str, ...] | None:
        """The fields that the callbacks read, where the declaration says so."""
        return getattr(self, "reads", None)

    def wrapped(self, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Self:
        """The same computation, with each of its callbacks wrapped."""
        twin = copy.copy(self)
        for name in self.functions:
            callback = getattr(self, name)
            if callback is not None:
                object.__setattr__(twin, name, wrap(callback))
        return twin

    def with_parameters(self, parameters: Any) -> Self:
        """The same computation with what it is given, so that its callbacks take records alone."""
        return self.wrapped(lambda callback: lambda *records: callback(*records, parameters))


class NotAComputation(DeclarationError):
    """`computed(...)` takes a computation, and was given {given!r}. What follows from the record itself is
    `computed(Formula(lambda record: ...))`.
    """


def computed(computation: Computation[T], *, init: Literal[False] = False) -> T:
    """Declare that a property *is* `computation`: readable everywhere, settable nowhere.

    The type of the property is the type of the computation, and mypy holds the annotation against it.
    """
    if not isinstance(computation, Computation):
        raise NotAComputation(given=computation)
    return computation  # type: ignore[return-value]  # the class turns the declaration into a column of type T
