"""A value through a to-one relation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from framework.model.computation import Computation

R = TypeVar("R")
V = TypeVar("V")


@dataclass(frozen=True, eq=False)
class Lookup(Computation[V | None], Generic[R, V]):
    """`of` the record at the end of a to-one relation; of nothing: None."""

    record: R | None
    of: Callable[[R], V | None]
    reads: tuple[str, ...] | None = None

    def callbacks(self) -> tuple[Callable[[Any], Any], ...]:
        return (self.of,)

    def declared_reads(self) -> tuple[str, ...] | None:
        return self.reads
