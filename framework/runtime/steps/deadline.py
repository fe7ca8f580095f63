"""Deadlines: the value by the clock of the transaction, and when it will turn."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from framework.computations.deadline import Deadline
from framework.plan.node import DeadlineNode
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.parameters import bound_to, has_changed
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.sweep import claimed, untouched
from framework.runtime.work import Work
from framework.storage.codec import Row

_TURNING = object()


def turn(node: DeadlineNode, work: Work, change: Change) -> None:
    """The time of a record has come. What has to turn because of that does so in a transaction of its own."""
    work.notes[_TURNING] = True
    work.set(change, node.property, node.computation.after)
    work.set(change, node.turns_at, None)


def step(node: DeadlineNode, work: Work) -> None:
    """Set the property of every touched record by its moment, and remember the moment if it is still to
    come. If a parameter changed, of every record. What is due since before is left to the timer, which turns
    one after the other.
    """
    computation = bound_to(work, node.computation, node.given)
    by_timer = _TURNING in work.notes
    changes = [change for change in work.changes(node.host) if change.after_row is not None]
    if has_changed(work, node.given):
        for rows in untouched(work, node.host):
            stale = [
                row
                for row in rows
                if (row[node.property], row[node.turns_at])
                != _standing(
                    node, computation, row, view_of(node.host.view, row), work.now, by_timer=by_timer
                )
            ]
            changes += claimed(work, node.host, stale)
    for change in changes:
        assert change.after_row is not None, "who is gone has no moment"
        value, turns_at = _standing(
            node, computation, change.after_row, change.after, work.now, by_timer=by_timer
        )
        work.set(change, node.property, value)
        work.set(change, node.turns_at, turns_at)


def expected(node: DeadlineNode, facts: Recomputation) -> Iterator[Expectation]:
    """A deadline that is due and has not turned yet is not wrong: its timer has yet to run."""
    computation = facts.bound(node.computation, node.given)
    for row, record in list(facts.views(node.host)):
        at = computation.moment(record, node.name)
        waits = at is not None and row[node.turns_at] == at
        turned = at is not None and at <= facts.work.now and not waits
        yield (
            node.host,
            row["id"],
            node.property,
            node.computation.after if turned else node.computation.before,
        )
        yield node.host, row["id"], node.turns_at, None if turned else at


def _standing(
    node: DeadlineNode, computation: Deadline[Any], row: Row, record: Any, now: datetime, *, by_timer: bool
) -> tuple[Any, datetime | None]:
    """The value, and when it will turn."""
    at = computation.moment(record, node.name)
    waits = at == row[node.turns_at] or (by_timer and row[node.property] != computation.after)
    if at is None or at > now or waits:
        return computation.before, at
    return computation.after, None
