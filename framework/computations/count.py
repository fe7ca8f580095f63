"""How many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, overload

from framework.computations.aggregate import Additive, G, K, R, State, T


@dataclass(frozen=True, eq=False)
class Count(Additive[R, T]):
    """How many records there are for which `where` holds; of nothing: 0."""

    where: Callable[..., object] | None = None
    reads: tuple[str, ...] | None = None
    functions: ClassVar[tuple[str, ...]] = ("where", "by")

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: "Count[R, int]",
            records: Sequence[R] | type[R],
            where: Callable[[R], object] | None = None,
            *,
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Count[R, int]",
            records: Sequence[R] | type[R],
            where: Callable[[R, G], object],
            *,
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Count[R, dict[K, int]]",
            records: Sequence[R] | type[R],
            where: Callable[[R], object] | None = None,
            *,
            by: Callable[[R], K | None],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Count[R, dict[K, int]]",
            records: Sequence[R] | type[R],
            where: Callable[[R, G], object] | None = None,
            *,
            by: Callable[[R, G], K | None],
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        def __init__(self, *given: Any, **named: Any) -> None: ...

    @property
    def initial(self) -> Any:
        return 0 if self.by is None else {}

    def counted(self, record: R) -> State | None:
        return (1,) if self.where is None or self.where(record) else None

    def value(self, state: State) -> int:
        return state[0]
