"""One record as a transaction finds and leaves it."""

from itertools import count
from typing import Any
from uuid import UUID

from framework.plan.shape import Shape
from framework.plan.view import view_of
from framework.storage.codec import Row

_positions = count()


class Change:
    """A record that a transaction has touched: its row before (None: new) and after (None: gone)."""

    __slots__ = (
        "_after",
        "_before",
        "after_row",
        "before_row",
        "dirty",
        "held",
        "id",
        "position",
        "shape",
        "stored",
        "told",
    )

    def __init__(
        self, shape: Shape, id: UUID, before: Row | None, after: Row | None, *, stored: bool
    ) -> None:
        self.shape = shape
        self.id = id
        self.position = next(_positions)  # the order in which a transaction comes upon its records
        self.before_row = before
        self.after_row = after
        self.stored = stored  # whether the database has the row, perhaps in an earlier form
        self.told = False  # whether the database has been told of a change, so that it has not what was found
        self.held: dict[str, Any] | None = None  # the unique values that the database was told of
        self.dirty: dict[str, None] = {}  # columns that the database has yet to be told of
        self._before: Any = None
        self._after: Any = None

    @property
    def before(self) -> Any:
        """The record as the transaction found it, or None."""
        if self._before is None and self.before_row is not None:
            self._before = view_of(self.shape.view, self.before_row)
        return self._before

    @property
    def after(self) -> Any:
        """The record as it is now, or None."""
        if self.after_row is None:
            return None
        if self._after is None:
            self._after = view_of(self.shape.view, self.after_row)
        return self._after

    def go_on(self, later: "Change") -> None:
        """What a later wave of the transaction left of the record is what the transaction leaves."""
        self.after_row, self._after, self.stored = later.after_row, None, later.stored
        self.told = self.told or later.told

    def differs(self, names: frozenset[str] | set[str]) -> bool:
        """Whether one of the fields has another value than the transaction found."""
        before, after = self.before_row, self.after_row
        if before is None or after is None:
            return before is not after
        return any(before[name] != after[name] for name in names)
