"""How many."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from framework.computations.aggregate import Additive, R, State, given


@dataclass(frozen=True, eq=False)
class Count(Additive[R, int]):
    """How many records there are for which `where` holds; of nothing: 0."""

    where: Callable[[R], object] | None = None
    reads: tuple[str, ...] | None = None
    initial: Any = field(default=0, init=False)

    def callbacks(self) -> tuple[Callable[[Any], Any], ...]:
        return given(self.where)

    def contribution(self, record: R) -> State:
        return (1,) if self.where is None or self.where(record) else (0,)

    def value(self, state: State) -> int:
        return state[0]
