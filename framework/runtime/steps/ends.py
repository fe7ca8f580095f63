"""The one record that a to-one relation, or a view of such relations, leads to."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from framework.plan.shape import Far
from framework.plan.view import view_of
from framework.runtime.recomputation import Recomputation
from framework.storage.codec import Row


def record_at(ends: Iterable[Far], row: Row, at: Callable[[Far, UUID], Any]) -> Any:
    """The record at the first end that leads to one, as it is seen there; `at` finds it by its id
    (of the ends with the same key it finds the same).
    """
    for end in ends:
        id = row[end.key]
        record = None if id is None else end.shown(at(end, id))
        if record is not None and (not end.before or record_at(end.before, row, at) is None):
            return record
    return None


def record_in(ends: Iterable[Far], row: Row, facts: Recomputation) -> Any:
    """The same, as it should be."""

    def at(end: Far, id: UUID) -> Any:
        found = facts.expected[end.shape].get(id)
        return None if found is None else view_of(end.shape.view, found)

    return record_at(ends, row, at)
