"""Spreads: a machine of a record of a tree that moves as well when those next to it have moved."""

from dataclasses import dataclass
from typing import Any

from tests.engine.declared_at_random.rounds import Cause, Move
from tests.engine.declared_at_random.seen import Reference
from tests.engine.declared_at_random.values import Row


@dataclass(frozen=True)
class Stirred:
    """A yes or no about a record: whether its machine is stirred."""

    field: str
    needs_dial = False

    def source(self, record: str) -> str:
        return f"{record}.{self.field} is Stir.STIRRED"

    def of(self, row: Row, level: int = 0) -> bool:
        return bool(row[self.field] == "stirred")


@dataclass(frozen=True)
class Spread:
    """A state that goes up when a property says so of the children, or else down from the parent. It is never
    left: so whoever has been told of it is in it.
    """

    along: Reference
    machine: str
    of_children: str | None

    @property
    def moves(self) -> list[Move]:
        return [("still", "stirred", "moved"), ("still", "stirred", "spread")]

    def when(self, cause: Cause) -> str:
        """The trigger of those next to it."""
        if self.of_children is not None:
            return f"became({self.of_children}, True)"
        return f"became({self.along.to_one}, {self.machine!r}, Stir.STIRRED)"

    def has_come(self, row: Row, others: dict[Any, Row]) -> bool:
        """Whether it has come to the record from others, which are what they are already."""
        if self.of_children is not None:
            return bool(row[self.of_children])
        parent = row[self.along.key]
        return parent is not None and bool(others[parent][self.machine] == "stirred")
