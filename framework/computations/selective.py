"""Computations that select one record: the least, the greatest, the newest, the oldest.

Each source record keeps, in a column of its own, what it offers to the selection; an index on the route
and that column makes the next candidate one look-up away when the selected record leaves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

from framework.computations.aggregate import Aggregate, G, R

V = TypeVar("V")


@dataclass(frozen=True, eq=False)
class Selective(Aggregate[R, V | None], Generic[R, V]):
    """`of` the record that the order puts first, among those where it is not None and `where` holds; of
    nothing: None.
    """

    of: Callable[..., Any]
    where: Callable[..., object] | None = None
    reads: tuple[str, ...] | None = None
    functions: ClassVar[tuple[str, ...]] = ("of", "where")

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            records: Sequence[R] | type[R],
            of: Callable[[R], V | None],
            where: Callable[[R], object] | None = None,
            *,
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self,
            records: Sequence[R] | type[R],
            of: Callable[[R, G], V | None],
            where: Callable[[R, G], object] | None = None,
            *,
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        def __init__(self, *positional: Any, **named: Any) -> None: ...

    def offer(self, record: R) -> Any:
        """What the record offers, or None if it takes no part."""
        if self.where is not None and not self.where(record):
            return None
        return self.of(record)


@dataclass(frozen=True, eq=False)
class Extreme(Selective[R, V]):
    """The offers are values that are compared with each other; `missing` is one in the place of None."""

    missing: Any = field(default=None, kw_only=True)
    descending: ClassVar[bool]

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            records: Sequence[R] | type[R],
            of: Callable[[R], V | None],
            where: Callable[[R], object] | None = None,
            *,
            missing: V | None = None,
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self,
            records: Sequence[R] | type[R],
            of: Callable[[R, G], V | None],
            where: Callable[[R, G], object] | None = None,
            *,
            missing: V | None = None,
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        def __init__(self, *positional: Any, **named: Any) -> None: ...

    def offer(self, record: R) -> Any:
        if self.where is not None and not self.where(record):
            return None
        value = self.of(record)
        return self.missing if value is None else value

    def beats(self, one: Any, other: Any) -> bool:
        """Whether `one` is selected rather than `other`."""
        return bool(one > other) if self.descending else bool(one < other)


class Min(Extreme[R, V]):
    """The least value of `of`; of nothing: None."""

    descending: ClassVar[bool] = False


class Max(Extreme[R, V]):
    """The greatest value of `of`; of nothing: None."""

    descending: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class Collect(Aggregate[R, list[V]], Generic[R, V]):
    """`of` the newest `limit` records for which it is not None, the newest first; of nothing: []."""

    of: Callable[..., Any]
    limit: int
    reads: tuple[str, ...] | None = None
    functions: ClassVar[tuple[str, ...]] = ("of",)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            records: Sequence[R] | type[R],
            of: Callable[[R], V | None],
            limit: int,
            *,
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self,
            records: Sequence[R] | type[R],
            of: Callable[[R, G], V | None],
            limit: int,
            *,
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        def __init__(self, *positional: Any, **named: Any) -> None: ...

    @property
    def initial(self) -> Any:
        return []

    def offer(self, record: R) -> Any:
        """What the record offers, or None if it takes no part."""
        return self.of(record)


class Recency(Selective[R, V]):
    """The records are ordered by the moment of their creation."""

    newest: ClassVar[bool]


class Latest(Recency[R, V]):
    """`of` the newest record for which it is not None; of nothing: None."""

    newest: ClassVar[bool] = True


class First(Recency[R, V]):
    """`of` the oldest record for which it is not None; of nothing: None."""

    newest: ClassVar[bool] = False
