"""A function of the row itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from framework.model.computation import Computation

V = TypeVar("V")


@dataclass(frozen=True, eq=False)
class Formula(Computation[V]):
    """`of` this row's own fields. The record's type is not known inside its own class body: annotate a
    named function to have it checked.
    """

    of: Callable[[Any], V]
    reads: tuple[str, ...] | None = None

    def callbacks(self) -> tuple[Callable[[Any], Any], ...]:
        return (self.of,)

    def declared_reads(self) -> tuple[str, ...] | None:
        return self.reads
