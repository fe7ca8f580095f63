"""The record that made a machine move, as callbacks see it."""

from typing import Any
from uuid import UUID

from framework.computations.triggers import OneTrigger
from framework.plan.chosen import is_of_before, located
from framework.plan.node import TriggerPlan
from framework.plan.shape import Far
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.work import Work


def cause_of(plan: TriggerPlan, change: Change, work: Work) -> Any:
    """The record as it is now; as it was, if it is gone. Of a trigger that waits for a view, as its view."""
    chosen = chosen_by(plan, change)
    if chosen is not None:
        end, id = chosen
        there = work.find(end.shape, id) or work.rows[end.shape][id]  # it may have gone just now
        change, lens = there, end.lens
    else:
        lens = plan.route.lens
    if lens is None:
        return change.before if change.after_row is None else change.after
    row = change.before_row if change.after_row is None else change.after_row
    return None if row is None else view_of(lens.view, row)


def chosen_by(plan: TriggerPlan, change: Change) -> tuple[Far, UUID] | None:
    """The one record that a trigger over what leads to one is about, by its end and its id; of other triggers
    None.
    """
    if not isinstance(plan.trigger, OneTrigger):
        return None
    row = change.before_row if is_of_before(plan.trigger) else change.after_row
    assert row is not None, "a record that is moved is there"
    return located(plan.route, row[plan.trigger.far_key])
