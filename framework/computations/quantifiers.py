"""Whether all do, whether one does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, overload

from sqlalchemy import ColumnElement, case, false, true

from framework.computations.aggregate import Additive, G, K, R, State, T


@dataclass(frozen=True, eq=False)
class Every(Additive[R, T]):
    """Whether `where` holds for all records; of nothing, emptied or never filled: `empty`."""

    where: Callable[..., object]
    empty: bool = True
    reads: tuple[str, ...] | None = None
    states: ClassVar[tuple[str, ...]] = ("misses", "count")
    functions: ClassVar[tuple[str, ...]] = ("where", "by")

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: "Every[R, bool]",
            records: Sequence[R] | type[R],
            where: Callable[[R], object],
            empty: bool = True,
            *,
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Every[R, bool]",
            records: Sequence[R] | type[R],
            where: Callable[[R, G], object],
            empty: bool = True,
            *,
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Every[R, dict[K, bool]]",
            records: Sequence[R] | type[R],
            where: Callable[[R], object],
            empty: bool = True,
            *,
            by: Callable[[R], K | None],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Every[R, dict[K, bool]]",
            records: Sequence[R] | type[R],
            where: Callable[[R, G], object],
            empty: bool = True,
            *,
            by: Callable[[R, G], K | None],
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        def __init__(self, *positional: Any, **named: Any) -> None: ...

    @property
    def initial(self) -> Any:
        return self.empty if self.by is None else {}

    def counted(self, record: R) -> State:
        return (0, 1) if self.where(record) else (1, 1)

    def value(self, state: State) -> bool:
        misses, count = state
        return misses == 0 if count else self.empty

    def expression(self, states: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        misses, count = states
        return case((count == 0, true() if self.empty else false()), (misses == 0, true()), else_=false())


@dataclass(frozen=True, eq=False)
class Some(Additive[R, T]):
    """Whether `where` holds for at least one record; of nothing: False."""

    where: Callable[..., object]
    reads: tuple[str, ...] | None = None
    states: ClassVar[tuple[str, ...]] = ("hits",)
    functions: ClassVar[tuple[str, ...]] = ("where", "by")

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: "Some[R, bool]",
            records: Sequence[R] | type[R],
            where: Callable[[R], object],
            *,
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Some[R, bool]",
            records: Sequence[R] | type[R],
            where: Callable[[R, G], object],
            *,
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Some[R, dict[K, bool]]",
            records: Sequence[R] | type[R],
            where: Callable[[R], object],
            *,
            by: Callable[[R], K | None],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Some[R, dict[K, bool]]",
            records: Sequence[R] | type[R],
            where: Callable[[R, G], object],
            *,
            by: Callable[[R, G], K | None],
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        def __init__(self, *positional: Any, **named: Any) -> None: ...

    @property
    def initial(self) -> Any:
        return False if self.by is None else {}

    def counted(self, record: R) -> State:
        return (1,) if self.where(record) else (0,)

    def value(self, state: State) -> bool:
        return state[0] > 0

    def expression(self, states: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        return case((states[0] > 0, true()), else_=false())
