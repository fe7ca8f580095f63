"""Deadlines: the value by the clock of the transaction, and when it will turn."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from framework.computations.deadline import Deadline
from framework.plan.node import DeadlineNode
from framework.plan.view import view_of
from framework.runtime.parameters import bound_to, has_changed
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.sweep import claimed, untouched
from framework.runtime.work import Work


def step(node: DeadlineNode, work: Work) -> None:
    """Set the property of every touched record by its moment, and remember the moment if it is still to
    come. If a parameter changed, of every record.
    """
    computation = bound_to(work, node.computation, node.given)
    changes = [change for change in work.changes(node.host) if change.after is not None]
    if has_changed(work, node.given):
        for rows in untouched(work, node.host):
            stale = [
                row
                for row in rows
                if (row[node.property], row[node.turns_at])
                != _standing(computation, view_of(node.host.view, row), work.now)
            ]
            changes += claimed(work, node.host, stale)
    for change in changes:
        value, turns_at = _standing(computation, change.after, work.now)
        work.set(change, node.property, value)
        work.set(change, node.turns_at, turns_at)


def expected(node: DeadlineNode, facts: Recomputation) -> Iterator[Expectation]:
    """A deadline that is due and has not turned yet is not wrong: its timer has yet to run."""
    computation = facts.bound(node.computation, node.given)
    for row, record in list(facts.views(node.host)):
        at = computation.at(record)
        waits = at is not None and row[node.turns_at] == at
        turned = at is not None and at <= facts.work.now and not waits
        yield (
            node.host,
            row["id"],
            node.property,
            node.computation.after if turned else node.computation.before,
        )
        yield node.host, row["id"], node.turns_at, None if turned else at


def _standing(computation: Deadline[Any], record: Any, now: datetime) -> tuple[Any, datetime | None]:
    """The value, and when it will turn."""
    at = computation.at(record)
    if at is None or at > now:
        return computation.before, at
    return computation.after, None
