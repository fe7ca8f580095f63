"""Many records by a criterion: read by one statement, changed and deleted some at a time."""

from typing import Any

from sqlalchemy import ColumnElement

from framework.model.record import Record
from framework.plan.shape import Shape
from framework.runtime.asking import asking
from framework.runtime.change import Change
from framework.runtime.comparing import check_comparisons
from framework.runtime.errors import NotACriterion
from framework.runtime.seen import seen
from framework.runtime.work import Work
from framework.storage.criteria import selection_where
from framework.storage.statements import Lock


def matching(
    work: Work, shape: Shape, model: type[Record], criteria: tuple[Any, ...], lock: Lock
) -> list[Change]:
    """All records of a class, or of a view of it, that meet the criteria, with all that the database is told
    now.

    Derived properties are as they were before this transaction: they follow at its end.
    """
    for criterion in criteria:
        if not isinstance(criterion, ColumnElement):
            raise NotACriterion(model=shape.name, given=criterion)
    for criterion in criteria:
        check_comparisons(criterion, work.database.plan.by_table)
    work.untold.tell()
    sql, parameters = selection_where(work.statements[shape], criteria, lock)
    with asking():
        rows = work.connection.rows(sql, parameters)
    found = [work.adopt(shape, values) for values in rows]
    if lock is Lock.REFERENCE:
        work.held.update(found)
    lens = None if model is shape.model else shape.views[model]
    return [change for change in found if seen(change, lens).after is not None]
