"""A change as it is seen through the lens of a view: to enter is to come to be, to leave is to go."""

from typing import Any
from uuid import UUID

from framework.plan.lens import Lens
from framework.runtime.change import Change
from framework.storage.codec import Row


class Seen:
    """What a change is to somebody who sees members alone: before counts if it was one, after if it is."""

    __slots__ = ("_change", "after", "after_row", "before", "before_row")

    def __init__(self, change: Change, lens: Lens) -> None:
        self._change = change
        self.before: Any = lens.see(change.before_row)
        self.after: Any = lens.see(change.after_row)
        self.before_row: Row | None = None if self.before is None else change.before_row
        self.after_row: Row | None = None if self.after is None else change.after_row

    @property
    def id(self) -> UUID:
        return self._change.id

    @property
    def position(self) -> int:
        return self._change.position


def seen(change: Change, lens: Lens | None) -> Change | Seen:
    """The change itself, where nothing is between."""
    return change if lens is None else Seen(change, lens)
