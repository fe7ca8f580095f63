"""The mean of a value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, overload

from sqlalchemy import BigInteger, ColumnElement, Float, case, cast, func, literal_column, null
from sqlalchemy.sql.operators import mul

from framework.computations.aggregate import Additive, G, K, R, State, T
from framework.model.decimals import divided


@dataclass(frozen=True, eq=False)
class Average(Additive[R, T]):
    """The mean of the values that are not None, or with `missing` counted in their place; of nothing: None.

    The state is an exact sum and a count, so the mean does not drift. A mean that is a Decimal is rounded
    once, half away from zero, to the places of its property.
    """

    of: Callable[..., Any]
    where: Callable[..., object] | None = None
    missing: Any = None
    reads: tuple[str, ...] | None = None
    states: ClassVar[tuple[str, ...]] = ("sum", "count")
    functions: ClassVar[tuple[str, ...]] = ("of", "where", "by")

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: "Average[R, float | None]",
            records: Sequence[R] | type[R],
            of: Callable[[R], int | None],
            where: Callable[[R], object] | None = None,
            missing: int | None = None,
            *,
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Average[R, Decimal | None]",
            records: Sequence[R] | type[R],
            of: Callable[[R], Decimal | None],
            where: Callable[[R], object] | None = None,
            missing: Decimal | None = None,
            *,
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Average[R, float | None]",
            records: Sequence[R] | type[R],
            of: Callable[[R, G], int | None],
            where: Callable[[R, G], object] | None = None,
            missing: int | None = None,
            *,
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Average[R, Decimal | None]",
            records: Sequence[R] | type[R],
            of: Callable[[R, G], Decimal | None],
            where: Callable[[R, G], object] | None = None,
            missing: Decimal | None = None,
            *,
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Average[R, dict[K, float]]",
            records: Sequence[R] | type[R],
            of: Callable[[R], int | None],
            where: Callable[[R], object] | None = None,
            missing: int | None = None,
            *,
            by: Callable[[R], K | None],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Average[R, dict[K, Decimal]]",
            records: Sequence[R] | type[R],
            of: Callable[[R], Decimal | None],
            where: Callable[[R], object] | None = None,
            missing: Decimal | None = None,
            *,
            by: Callable[[R], K | None],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Average[R, dict[K, float]]",
            records: Sequence[R] | type[R],
            of: Callable[[R, G], int | None],
            where: Callable[[R, G], object] | None = None,
            missing: int | None = None,
            *,
            by: Callable[[R, G], K | None],
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Average[R, dict[K, Decimal]]",
            records: Sequence[R] | type[R],
            of: Callable[[R, G], Decimal | None],
            where: Callable[[R, G], object] | None = None,
            missing: Decimal | None = None,
            *,
            by: Callable[[R, G], K | None],
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        def __init__(self, *positional: Any, **named: Any) -> None: ...

    @property
    def initial(self) -> Any:
        return None if self.by is None else {}

    def counted(self, record: R) -> State | None:
        if self.where is not None and not self.where(record):
            return None
        value = self.of(record)
        if value is None:
            value = self.missing
        return None if value is None else (self.exact(value), 1)

    def value(self, state: State) -> Any:
        total, count = state
        if not count:
            return None
        return total / count if self.places is None else self.plain(divided(total, count))

    def expression(self, states: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        total, count = states
        if self.places is None:
            return case((count == 0, null()), else_=cast(total, Float) / count)
        return case((count == 0, null()), else_=_divided(total, count))


def _divided(total: ColumnElement[Any], count: ColumnElement[Any]) -> ColumnElement[Any]:
    """`divided` in SQL, where a division of whole numbers cuts off, and its rest has the sign of the sum."""
    total, count = total.self_group(mul), count.self_group(mul)  # of several parts they are sums
    quotient = total.op("/")(count)
    rest = total.op("%")(count)
    one = literal_column("1", BigInteger)
    away = case((2 * func.abs(rest) < count, 0 * one), (total < 0, -one), else_=one)
    return quotient + away
