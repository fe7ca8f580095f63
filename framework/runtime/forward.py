"""New records that refer to newer ones: their keys lead nowhere until those are there."""

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from framework.plan.shape import Shape
from framework.runtime.change import Change


class PutOff(NamedTuple):
    """A key that the database is told of later."""

    change: Change
    key: str
    value: Any


class Newer:
    """The new records that the database does not have yet, in the order in which it is told of them."""

    __slots__ = ("_rest",)

    def __init__(self, new: Iterable[Change]) -> None:
        self._rest: set[tuple[Shape, UUID]] = {(change.shape, change.id) for change in new}

    def put_off(self, batch: Iterable[Change]) -> list[PutOff]:
        """Take from the rows of the next batch the keys that lead to records which come after them."""
        found: list[PutOff] = []
        for change in batch:
            self._rest.discard((change.shape, change.id))
            row = change.after_row
            for key, target in change.shape.forward:
                if row is not None and (target, row[key]) in self._rest:
                    found.append(PutOff(change, key, row[key]))
                    row[key] = None
        return found
