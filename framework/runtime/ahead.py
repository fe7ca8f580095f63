"""Ahead: what would follow if a transaction ended now, for a criterion that asks about it.

1. All that was done so far is copied, and goes on within a savepoint: everything follows from it, and the
   database is told.
2. The criterion is asked there.
3. The savepoint is rolled back. What was copied is as it was: what follows in the end follows from all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

from framework.runtime.change import Change
from framework.runtime.waves import follow
from framework.runtime.work import Work


@contextmanager
def ahead(work: Work) -> Iterator[Work]:
    """The working set as it would be if the transaction ended now; what is raised by what follows so far is
    raised here.
    """
    work.flush()
    with work.connection.taken_back():
        yield _followed(_twin(work))


def _followed(twin: Work) -> Work:
    try:
        follow(twin, complete=False)
        twin.finish()
        twin.connection.settle()
    except Exception as error:
        error.add_note(
            "This was raised by what follows from what the transaction has done so far, which a criterion "
            "asks about."
        )
        raise
    return twin


def _twin(work: Work) -> Work:
    """A copy that shares nothing that changes."""
    twin = Work(work.connection, work.database, work.doors, work.now)
    twin.due = work.due.twin()
    twin.wake = twin.due.wake
    twins = {change: _copy(change) for known in work.rows.values() for change in known.values()}
    twin.rows = {shape: {id: twins[one] for id, one in known.items()} for shape, known in work.rows.items()}
    twin.held = {twins[one] for one in work.held if one in twins}
    twin.expired = {twins[one] for one in work.expired if one in twins}
    twin.let_go = set(work.let_go)
    return twin


def _copy(change: Change) -> Change:
    row = change.after_row
    twin = Change(change.shape, change.id, change.before_row, deepcopy(row), stored=change.stored)
    twin.position, twin.told, twin.held = change.position, change.told, change.held
    twin.dirty = dict(change.dirty)
    return twin
