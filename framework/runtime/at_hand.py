"""Records at hand by the value of a field, for transactions that touch many."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any
from uuid import UUID

from framework.plan.shape import Shape
from framework.runtime.change import Change

Known = Mapping[UUID, Change]


class AtHand:
    """Indexes of what a transaction has touched, made when they are asked for and then kept up."""

    __slots__ = ("_indexes",)

    def __init__(self) -> None:
        self._indexes: dict[tuple[Shape, str], _Index] = {}

    def having(self, shape: Shape, key: str, value: Any, known: Known) -> Iterable[Change]:
        """Of `known`, all records at hand of a class, those that have the value, and some that had it."""
        index = self._indexes.get((shape, key))
        if index is None:
            index = self._indexes[shape, key] = _Index(key)
        return index.having(value, known)

    def note(self, change: Change, key: str, value: Any) -> None:
        """A field of a record has taken a value."""
        index = self._indexes.get((change.shape, key))
        if index is not None:
            index.changes[value].append(change)


class _Index:
    __slots__ = ("_key", "_seen", "changes")

    def __init__(self, key: str) -> None:
        self._key = key
        self._seen = 0  # so many of the known ones, which are never fewer than before
        self.changes: dict[Any, list[Change]] = defaultdict(list)

    def having(self, value: Any, known: Known) -> Iterable[Change]:
        for change in islice(known.values(), self._seen, None):
            if change.after_row is not None:
                self.changes[change.after_row[self._key]].append(change)
        self._seen = len(known)
        return dict.fromkeys(self.changes.get(value, ()))
