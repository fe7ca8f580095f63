"""Whether all do, whether one does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, case, false, true

from framework.computations.aggregate import Additive, R, State, given


@dataclass(frozen=True, eq=False)
class Every(Additive[R, bool]):
    """Whether `where` holds for all records; of nothing, emptied or never filled: `empty`."""

    where: Callable[[R], object]
    empty: bool = True
    reads: tuple[str, ...] | None = None
    states: ClassVar[tuple[str, ...]] = ("misses", "count")

    @property
    def initial(self) -> Any:
        return self.empty

    def callbacks(self) -> tuple[Callable[[Any], Any], ...]:
        return given(self.where)

    def contribution(self, record: R) -> State:
        return (0, 1) if self.where(record) else (1, 1)

    def value(self, state: State) -> bool:
        misses, count = state
        return misses == 0 if count else self.empty

    def expression(self, states: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        misses, count = states
        return case((count == 0, true() if self.empty else false()), (misses == 0, true()), else_=false())


@dataclass(frozen=True, eq=False)
class Some(Additive[R, bool]):
    """Whether `where` holds for at least one record; of nothing: False."""

    where: Callable[[R], object]
    reads: tuple[str, ...] | None = None
    initial: Any = field(default=False, init=False)
    states: ClassVar[tuple[str, ...]] = ("hits",)

    def callbacks(self) -> tuple[Callable[[Any], Any], ...]:
        return given(self.where)

    def contribution(self, record: R) -> State:
        return (1,) if self.where(record) else (0,)

    def value(self, state: State) -> bool:
        return state[0] > 0

    def expression(self, states: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        return case((states[0] > 0, true()), else_=false())
