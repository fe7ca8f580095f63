"""Deadlines: the value by the clock of the transaction, and when it will turn."""

from framework.plan.shape import DeadlineNode
from framework.runtime.work import Work


def step(node: DeadlineNode, work: Work) -> None:
    """Set the property of every touched record by its moment, and remember the moment if it is still to
    come.
    """
    for change in work.changes(node.host):
        if change.after is not None:
            at = node.computation.at(change.after)
            coming = at is not None and at > work.now
            turned = at is not None and not coming
            work.set(change, node.property, node.computation.after if turned else node.computation.before)
            work.set(change, node.turns_at, at if coming else None)
