"""A value that turns with time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from framework.model.computation import Computation

V = TypeVar("V")


@dataclass(frozen=True, eq=False)
class Deadline(Computation[V]):
    """`before` until the moment `at(record)`, then `after`; while `at` is None: `before`.

    It turns once, at its time, by the App's timer: in `app.run()`, `app.settle()` or `app.tick()`. Moving the
    moment into the future turns it back.
    """

    at: Callable[[Any], datetime | None]
    before: V
    after: V
    reads: tuple[str, ...] | None = None

    @property
    def initial(self) -> Any:
        return self.before

    def callbacks(self) -> tuple[Callable[[Any], Any], ...]:
        return (self.at,)

    def declared_reads(self) -> tuple[str, ...] | None:
        return self.reads
