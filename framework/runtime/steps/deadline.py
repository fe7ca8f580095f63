"""Deadlines: the value by the clock of the transaction, and when it will turn."""

from collections.abc import Iterator

from framework.plan.node import DeadlineNode
from framework.runtime.recomputation import Expectation, Recomputation
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


def expected(node: DeadlineNode, facts: Recomputation) -> Iterator[Expectation]:
    """A deadline that is due and has not turned yet is not wrong: its timer has yet to run."""
    for row, record in list(facts.views(node.host)):
        at = node.computation.at(record)
        waits = at is not None and row[node.turns_at] == at
        turned = at is not None and at <= facts.work.now and not waits
        yield (
            node.host,
            row["id"],
            node.property,
            node.computation.after if turned else node.computation.before,
        )
        yield node.host, row["id"], node.turns_at, None if turned else at
