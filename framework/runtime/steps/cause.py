"""The record that made a machine move, as callbacks see it."""

from typing import Any

from framework.plan.node import TriggerPlan
from framework.plan.view import view_of
from framework.runtime.change import Change


def cause_of(plan: TriggerPlan, change: Change) -> Any:
    """The record as it is now; as it was, if it is gone. Of a trigger that waits for a view, as its view."""
    lens = plan.route.lens
    if lens is None:
        return change.before if change.after_row is None else change.after
    row = change.before_row if change.after_row is None else change.after_row
    return None if row is None else view_of(lens.view, row)
