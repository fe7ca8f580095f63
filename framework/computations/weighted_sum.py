"""The sum of weighted values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, overload

from sqlalchemy import ColumnElement

from framework.computations.aggregate import Additive, G, K, R, State, T
from framework.computations.sum import N


@dataclass(frozen=True, eq=False)
class WeightedSum(Additive[R, T]):
    """The sum of weight times value where `where` holds; of nothing: 0.

    A record without a weight is skipped, and so is one without a value, unless `missing` stands for it.
    """

    of: Callable[..., Any]
    weight: Callable[..., Any]
    where: Callable[..., object] | None = None
    missing: Any = None
    reads: tuple[str, ...] | None = None
    functions: ClassVar[tuple[str, ...]] = ("of", "weight", "where", "by")

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: "WeightedSum[R, N]",
            records: Sequence[R] | type[R],
            of: Callable[[R], N | None],
            weight: Callable[[R], N | int | None],
            where: Callable[[R], object] | None = None,
            missing: N | None = None,
            *,
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "WeightedSum[R, N]",
            records: Sequence[R] | type[R],
            of: Callable[[R, G], N | None],
            weight: Callable[[R, G], N | int | None],
            where: Callable[[R, G], object] | None = None,
            missing: N | None = None,
            *,
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "WeightedSum[R, dict[K, N]]",
            records: Sequence[R] | type[R],
            of: Callable[[R], N | None],
            weight: Callable[[R], N | int | None],
            where: Callable[[R], object] | None = None,
            missing: N | None = None,
            *,
            by: Callable[[R], K | None],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "WeightedSum[R, dict[K, N]]",
            records: Sequence[R] | type[R],
            of: Callable[[R, G], N | None],
            weight: Callable[[R, G], N | int | None],
            where: Callable[[R, G], object] | None = None,
            missing: N | None = None,
            *,
            by: Callable[[R, G], K | None],
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        def __init__(self, *positional: Any, **named: Any) -> None: ...

    @property
    def initial(self) -> Any:
        return 0 if self.by is None else {}

    def counted(self, record: R) -> State | None:
        if self.where is not None and not self.where(record):
            return None
        value, weight = self.of(record), self.weight(record)
        if value is None:
            value = self.missing
        return None if value is None or weight is None else (self.exact(value, weight),)

    def value(self, state: State) -> Any:
        return self.plain(state[0])

    def expression(self, states: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        return states[0]
