"""The sum of a value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from sqlalchemy import ColumnElement

from framework.computations.aggregate import Additive, G, K, R, State, T

N = TypeVar("N", bound=int | Decimal)


@dataclass(frozen=True, eq=False)
class Sum(Additive[R, T]):
    """The sum of `of(record)` where `where` holds; a None is skipped, or counted as `missing`; of nothing:
    0.
    """

    of: Callable[..., Any]
    where: Callable[..., object] | None = None
    missing: Any = None
    reads: tuple[str, ...] | None = None
    functions: ClassVar[tuple[str, ...]] = ("of", "where", "by")

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            records: Sequence[R] | type[R],
            of: Callable[[R], T | None],
            where: Callable[[R], object] | None = None,
            missing: T | None = None,
            *,
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self,
            records: Sequence[R] | type[R],
            of: Callable[[R, G], T | None],
            where: Callable[[R, G], object] | None = None,
            missing: T | None = None,
            *,
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Sum[R, dict[K, N]]",
            records: Sequence[R] | type[R],
            of: Callable[[R], N | None],
            where: Callable[[R], object] | None = None,
            missing: N | None = None,
            *,
            by: Callable[[R], K | None],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Sum[R, dict[K, N]]",
            records: Sequence[R] | type[R],
            of: Callable[[R, G], N | None],
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
        value = self.of(record)
        if value is None:
            value = self.missing
        return None if value is None else (self.exact(value),)

    def value(self, state: State) -> Any:
        return self.plain(state[0])

    def expression(self, states: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        return states[0]
