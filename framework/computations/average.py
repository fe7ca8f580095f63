"""The mean of a value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Float, case, cast, null

from framework.computations.aggregate import Additive, R, State, given
from framework.computations.sum import whole


@dataclass(frozen=True, eq=False)
class Average(Additive[R, float | None]):
    """The mean of the values that are not None, or with `missing` counted in their place; of nothing: None.

    The state is an exact sum and a count, so the mean does not drift.
    """

    of: Callable[[R], int | None]
    where: Callable[[R], object] | None = None
    missing: int | None = None
    reads: tuple[str, ...] | None = None
    states: ClassVar[tuple[str, ...]] = ("sum", "count")

    def callbacks(self) -> tuple[Callable[[Any], Any], ...]:
        return given(self.of, self.where)

    def contribution(self, record: R) -> State:
        if self.where is not None and not self.where(record):
            return (0, 0)
        value = self.of(record)
        if value is None:
            value = self.missing
        return (0, 0) if value is None else (whole(value, "Average"), 1)

    def value(self, state: State) -> float | None:
        total, count = state
        return total / count if count else None

    def expression(self, states: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        total, count = states
        return case((count == 0, null()), else_=cast(total, Float) / count)
