"""Computations that select one record: the least, the greatest, the newest, the oldest.

Each source record keeps, in a column of its own, what it offers to the selection; an index on the route
and that column makes the next candidate one look-up away when the selected record leaves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from framework.computations.aggregate import Aggregate, R, given

V = TypeVar("V")


@dataclass(frozen=True, eq=False)
class Selective(Aggregate[R, V | None], Generic[R, V]):
    """`of` the record that the order puts first, among those where it is not None and `where` holds."""

    of: Callable[[R], V | None]
    where: Callable[[R], object] | None = None
    reads: tuple[str, ...] | None = None

    def callbacks(self) -> tuple[Callable[[Any], Any], ...]:
        return given(self.of, self.where)

    def offer(self, record: R) -> V | None:
        """What the record offers, or None if it takes no part."""
        if self.where is not None and not self.where(record):
            return None
        return self.of(record)


@dataclass(frozen=True, eq=False)
class Extreme(Selective[R, V]):
    """The offers are values that are compared with each other."""

    descending: ClassVar[bool]

    def beats(self, one: Any, other: Any) -> bool:
        """Whether `one` is selected rather than `other`."""
        return bool(one > other) if self.descending else bool(one < other)


@dataclass(frozen=True, eq=False)
class Min(Extreme[R, V]):
    """The least value of `of`; of nothing: None."""

    descending: ClassVar[bool] = False


@dataclass(frozen=True, eq=False)
class Max(Extreme[R, V]):
    """The greatest value of `of`; of nothing: None."""

    descending: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class Collect(Aggregate[R, list[V]], Generic[R, V]):
    """`of` the newest `limit` records for which it is not None, the newest first; of nothing: []."""

    of: Callable[[R], V | None]
    limit: int
    reads: tuple[str, ...] | None = None

    @property
    def initial(self) -> Any:
        return []

    def callbacks(self) -> tuple[Callable[[Any], Any], ...]:
        return given(self.of)

    def offer(self, record: R) -> V | None:
        """What the record offers, or None if it takes no part."""
        return self.of(record)


@dataclass(frozen=True, eq=False)
class Recency(Selective[R, V]):
    """The records are ordered by the moment of their creation."""

    newest: ClassVar[bool]


@dataclass(frozen=True, eq=False)
class Latest(Recency[R, V]):
    """`of` the newest record for which it is not None; of nothing: None."""

    newest: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class First(Recency[R, V]):
    """`of` the oldest record for which it is not None; of nothing: None."""

    newest: ClassVar[bool] = False
