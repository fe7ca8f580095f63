"""The word `computed`: a property that is defined, not set."""

from collections.abc import Mapping
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")


class Computation(Generic[T]):
    """A value defined by other records; `T` is the type of the property it fills.

    An inert value: nothing happens until an App compiles it into a plan. `relations` maps the places of the
    declaration where a relation was named in the class body to the names of those relations, `fields` those
    where a field or another computed property was.
    """

    initial: Any = None  # subclasses may fix it, or compute it
    relations: Mapping[int, str] = {}
    fields: Mapping[int, str] = {}

    def bind(self, relations: Mapping[int, str], fields: Mapping[int, str]) -> None:
        """Remember what the relations and fields named in the class body are called; called once, by the
        class.
        """
        object.__setattr__(self, "relations", relations)
        object.__setattr__(self, "fields", fields)

    def relation_name(self, records: object) -> str | None:
        """The name of the relation object that the declaration was given."""
        return self.relations.get(id(records))

    def field_name(self, field: object) -> str | None:
        """The name of a field of the same class, given as its name or as what stands in the class body."""
        return self.fields.get(id(field), field if type(field) is str else None)


def computed(computation: Computation[T], *, init: Literal[False] = False) -> T:
    """Declare that a property *is* `computation`: readable everywhere, settable nowhere.

    The type of the property is the type of the computation, and mypy holds the annotation against it.
    """
    return computation  # type: ignore[return-value]  # the class turns the declaration into a column of type T
