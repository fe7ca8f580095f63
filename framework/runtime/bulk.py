"""Many records by a criterion: read by one statement, changed and deleted some at a time.

A criterion sees what the transaction has done so far, and views are their members. If it speaks of what is
computed, and some of that is due, it is asked ahead of the end of the transaction.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement

from framework.model.record import Record
from framework.plan.plan import Plan
from framework.plan.shape import Shape
from framework.runtime.ahead import ahead
from framework.runtime.asking import asking
from framework.runtime.change import Change
from framework.runtime.errors import NotACriterion
from framework.runtime.spoken import Spoken, spoken_of
from framework.runtime.work import Work
from framework.storage.criteria import selection_where
from framework.storage.of_members import member_of, of_members
from framework.storage.statements import Lock

_SOME = 500
"""So many records are asked for by their ids in one statement."""


def matching(
    work: Work, shape: Shape, model: type[Record], criteria: tuple[Any, ...], lock: Lock
) -> list[Change]:
    """All records of a class, or of a view of it, that meet the criteria, with all that the database is told
    now.
    """
    for criterion in criteria:
        if not isinstance(criterion, ColumnElement):
            raise NotACriterion(model=shape.name, given=criterion)
    plan, wanted, behind = work.database.plan, list[Any](), 0
    for criterion in criteria:
        spoken = spoken_of(criterion, plan.by_table)
        spoken.check(plan.by_table)
        behind |= _behind(plan, spoken)
        if spoken.views:
            criterion = of_members(criterion, shape.table, plan.column_of_members)
        wanted.append(criterion)
    if model is not shape.model:
        column = shape.views[model].column
        behind |= plan.behind(shape, column)
        wanted.append(member_of(shape.table, column))
    if not work.due.has_any_of(behind):
        work.untold.tell()
        return _selected(work, shape, wanted, lock)
    while True:
        with ahead(work) as then:
            seen = {one.id: one.before_row for one in _selected(then, shape, wanted, Lock.NONE)}
        found = _of_ids(work, shape, [*seen], lock)
        if all(one.before_row == seen[one.id] for one in found):
            return found
        # others have changed some before these were locked: they are asked about again


def _of_ids(work: Work, shape: Shape, ids: list[UUID], lock: Lock) -> list[Change]:
    parts = (ids[start : start + _SOME] for start in range(0, len(ids), _SOME))
    return [one for part in parts for one in _selected(work, shape, [shape.table.c.id.in_(part)], lock)]


def _behind(plan: Plan, spoken: Spoken) -> int:
    """The steps on which it depends whom a criterion finds; none, if it speaks of facts alone."""
    read = [(plan.by_table.get(column.table), column.name) for column in spoken.columns]
    read += [(plan.shape(view, "This criterion"), plan.column_of_members(view)) for view in spoken.views]
    if not any(shape is not None and shape.is_derived(name) for shape, name in read):
        return 0
    read += [(plan.by_table.get(table), None) for table in spoken.tables]
    behind = 0
    for shape, name in read:
        behind |= 0 if shape is None else plan.behind(shape, name)
    return behind


def _selected(work: Work, shape: Shape, criteria: list[Any], lock: Lock) -> list[Change]:
    sql, parameters = selection_where(work.statements[shape], criteria, lock)
    with asking():
        rows = work.connection.rows(sql, parameters)
    found = [work.adopt(shape, values) for values in rows]
    if lock is Lock.REFERENCE:
        work.held.update(found)
    return [change for change in found if change.after_row is not None]
