"""Many records by a criterion: read by one statement, changed and deleted some at a time."""

from typing import Any

from sqlalchemy import ColumnElement, inspect

from framework.errors import DispatchError
from framework.model.record import Record
from framework.plan.shape import Shape
from framework.runtime.asking import asking
from framework.runtime.change import Change
from framework.runtime.comparing import check_comparisons
from framework.runtime.errors import NotACriterion
from framework.runtime.seen import seen
from framework.runtime.work import Work
from framework.storage.criteria import selection_where
from framework.storage.membership import views_in
from framework.storage.statements import Lock


class ViewInCriterion(DispatchError):
    """The criterion speaks of {view}, and would hold of records of the table {table} that are no members,
    too. Say in it what makes a member, or look them up before, by `ids = app.query(select({view}.id))`, and
    say `.in_(ids)`.
    """


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
        _refuse_other_views(criterion, model)
    work.untold.tell()
    sql, parameters = selection_where(work.statements[shape], criteria, lock)
    with asking():
        rows = work.connection.rows(sql, parameters)
    found = [work.adopt(shape, values) for values in rows]
    if lock is Lock.REFERENCE:
        work.held.update(found)
    lens = None if model is shape.model else shape.views[model]
    return [change for change in found if seen(change, lens).after is not None]


def _refuse_other_views(criterion: ColumnElement[Any], model: type[Record]) -> None:
    """Those of which the class itself is none; within a SELECT, all but the class itself, whose records are
    looked for.
    """
    for view, is_within in views_in(criterion):
        if view is not model and (is_within or not issubclass(model, view)):
            raise ViewInCriterion(view=view.__name__, table=inspect(view).local_table.name)
