"""The sum of weighted values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from framework.computations.aggregate import Additive, R, State, given
from framework.computations.sum import whole


@dataclass(frozen=True, eq=False)
class WeightedSum(Additive[R, int]):
    """The sum of weight times value where `where` holds; a None among them adds nothing; of nothing: 0."""

    of: Callable[[R], int | None]
    weight: Callable[[R], int | None]
    where: Callable[[R], object] | None = None
    reads: tuple[str, ...] | None = None
    initial: Any = field(default=0, init=False)

    def callbacks(self) -> tuple[Callable[[Any], Any], ...]:
        return given(self.of, self.weight, self.where)

    def contribution(self, record: R) -> State:
        if self.where is not None and not self.where(record):
            return (0,)
        value, weight = self.of(record), self.weight(record)
        if value is None or weight is None:
            return (0,)
        return (whole(value, "WeightedSum") * whole(weight, "WeightedSum"),)

    def value(self, state: State) -> int:
        return state[0]
