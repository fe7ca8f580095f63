"""Quiet transactions: what they write wakes nobody, because all that reads it is recomputed afterwards."""

from datetime import datetime
from typing import Any
from uuid import UUID

from framework.plan.node import MachineNode, Node
from framework.plan.shape import Shape
from framework.runtime.change import Change
from framework.runtime.engine import Engine
from framework.runtime.transaction import Transaction
from framework.runtime.work import Work
from framework.storage.codec import Row
from framework.storage.database import Connection


class QuietWork(Work):
    """A working set whose changes have no consequences."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.wake = _nobody

    def hold_row(self, shape: Shape, row: Row) -> Change:
        """A record whose row has been read already."""
        known = self.rows.setdefault(shape, {})
        if row["id"] not in known:
            known[row["id"]] = Change(shape, row["id"], row.copy(), row.copy(), stored=True)
        return known[row["id"]]

    def moved_at(
        self,
        at: datetime,
        node: MachineNode,
        id: UUID,
        trigger: str,
        cause: UUID,
        source: Any,
        target: Any,
        entered: str | None = None,
    ) -> None:
        """Write down a move at the moment at which it would have been made."""
        self.moved(node, id, trigger, cause, source, target, entered)
        self._moves[-1]["at"] = at


class QuietEngine(Engine):
    """An engine whose transactions are quiet."""

    def open(self, connection: Connection) -> Transaction:
        self.database.enter(connection)
        work = QuietWork(connection, self.database, self.doors, self.clock.now())
        work.closers = self.closers
        return Transaction(self.plan, work)


def _nobody(node: Node) -> None:
    """Nothing is due."""
