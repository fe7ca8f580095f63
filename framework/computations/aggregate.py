"""What all computations over many records share, and the algebra of those that add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import ColumnElement

from framework.errors import DispatchError
from framework.model.computation import Computation
from framework.model.decimals import decimal_of, scaled

R = TypeVar("R")
T = TypeVar("T")
G = TypeVar("G")  # the Global that callbacks are given
K = TypeVar("K")  # the keys of a grouped computation
State = tuple[int, ...]
Groups = Mapping[Any, Sequence[int]]
"""By key, how many records count, and their state."""


class InexactContribution(DispatchError):
    """{computation} was given {value!r}. Sums and averages are exact, so that they never drift: give whole
    numbers, such as cents, or Decimals for a property of type Decimal whose `decimal_places` hold them.
    """


@dataclass(frozen=True, eq=False)
class Aggregate(Computation[T], Generic[R, T]):
    """A value over the records of a relation, or on a `Global` over all records of a class."""

    records: Sequence[R] | type[R]
    given: Any = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class Additive(Aggregate[R, T]):
    """An aggregate whose state is a vector of integers to which every record adds its contribution.

    States are kept in columns of the host's row, and changed by relative updates. `states` names them; the
    empty name is the property itself. Where no state is the property, the database derives the property
    from the states (`expression`), by the rule that `value` states in Python.

    With `by`, there is one value for each key that `by(record)` gives, and the property is a dictionary: a
    key is there while a record counts for it. A record whose key is None counts for no key.
    """

    by: Any = field(default=None, kw_only=True)
    places: int | None = field(default=None, init=False)  # of a property of type Decimal; the plan knows
    states: ClassVar[tuple[str, ...]] = ("",)

    @property
    def nothing(self) -> State:
        """The state of no records."""
        return (0,) * len(self.states)

    def counted(self, record: R) -> State | None:
        """What the record contributes, or None if it takes no part."""
        raise NotImplementedError

    def contribution(self, record: R) -> State:
        """What the record contributes to the state."""
        state = self.counted(record)
        return self.nothing if state is None else state

    def value(self, state: State) -> Any:
        """The property, or with `by` the value of one key."""
        raise NotImplementedError

    def by_key(self, groups: Groups) -> dict[Any, Any]:
        """The property, from its groups."""
        return {key: self.value(tuple(state)) for key, (_, *state) in groups.items()}

    def expression(self, states: Sequence[ColumnElement[Any]]) -> ColumnElement[Any] | None:
        """The property in SQL, from its state columns; None where a state is the property."""
        return None

    def in_sql(self, states: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        """`expression`, where there is one."""
        expression = self.expression(states)
        assert expression is not None, "a state is the property, or the database derives it"
        return expression

    def exact(self, *factors: Any) -> int:
        """The product of the factors as a whole number, of units of the last place where the property is a
        Decimal; anything that could drift is refused.
        """
        if self.places is None and len(factors) == 1 and type(factors[0]) is int:
            return factors[0]
        kinds = int if self.places is None else (int, Decimal)
        if all(isinstance(factor, kinds) for factor in factors):
            number = scaled(factors, self.places or 0)
            if number is not None:
                return number
        shown = factors[0] if len(factors) == 1 else factors
        raise InexactContribution(computation=type(self).__name__, value=shown)

    def plain(self, number: int) -> Any:
        """What `exact` made a whole number of."""
        return number if self.places is None else decimal_of(number, self.places)
