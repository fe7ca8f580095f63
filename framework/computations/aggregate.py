"""What all computations over many records share, and the algebra of those that add up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import ColumnElement

from framework.model.computation import Computation

R = TypeVar("R")
T = TypeVar("T")
State = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Aggregate(Computation[T], Generic[R, T]):
    """A value over the records of a relation, or on a `Global` over all records of a class."""

    records: Sequence[R] | type[R]

    def callbacks(self) -> tuple[Callable[[Any], Any], ...]:
        """The functions of a related record that the value is made from."""
        raise NotImplementedError

    def declared_reads(self) -> tuple[str, ...] | None:
        """The fields that the callbacks read, where the declaration says so."""
        return getattr(self, "reads", None)


@dataclass(frozen=True, eq=False)
class Additive(Aggregate[R, T]):
    """An aggregate whose state is a vector of integers to which every record adds its contribution.

    States are kept in columns of the host's row, and changed by relative updates. `states` names them; the
    empty name is the property itself. Where no state is the property, the database derives the property
    from the states (`expression`), by the rule that `value` states in Python.
    """

    states: ClassVar[tuple[str, ...]] = ("",)

    def contribution(self, record: R) -> State:
        raise NotImplementedError

    def value(self, state: State) -> T:
        raise NotImplementedError

    def expression(self, states: Sequence[ColumnElement[Any]]) -> ColumnElement[Any] | None:
        """The property in SQL, from its state columns; None where a state is the property."""
        return None

    def in_sql(self, states: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        """`expression`, where there is one."""
        expression = self.expression(states)
        assert expression is not None, "a state is the property, or the database derives it"
        return expression


def given(*callbacks: Callable[[Any], Any] | None) -> tuple[Callable[[Any], Any], ...]:
    """The callbacks that a declaration gave."""
    return tuple(callback for callback in callbacks if callback is not None)
