"""The sum of a value."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from framework.computations.aggregate import Additive, R, State, given
from framework.errors import DispatchError


class InexactContribution(DispatchError):
    """{computation} was given {value!r}. Sums and averages take whole numbers, so that they never drift:
    use minor units such as cents.
    """


@dataclass(frozen=True, eq=False)
class Sum(Additive[R, int]):
    """The sum of `of(record)` where `where` holds; None adds nothing; of nothing: 0."""

    of: Callable[[R], int | None]
    where: Callable[[R], object] | None = None
    reads: tuple[str, ...] | None = None
    initial: Any = field(default=0, init=False)

    def callbacks(self) -> tuple[Callable[[Any], Any], ...]:
        return given(self.of, self.where)

    def contribution(self, record: R) -> State:
        if self.where is not None and not self.where(record):
            return (0,)
        value = self.of(record)
        return (0,) if value is None else (whole(value, "Sum"),)

    def value(self, state: State) -> int:
        return state[0]


def whole(value: Any, computation: str) -> int:
    """The value as an exact integer; anything that could drift is refused."""
    if type(value) is int:
        return value
    if isinstance(value, int):
        return int(value)
    raise InexactContribution(computation=computation, value=value)
