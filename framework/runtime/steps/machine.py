"""State machines: each trigger that fires moves each record that it reaches, once, and is written down."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from framework.computations.statemachine import Transition
from framework.plan.shape import MachineNode, TriggerPlan
from framework.runtime.change import Change
from framework.runtime.errors import AmbiguousMove
from framework.runtime.work import Work


def step(node: MachineNode, work: Work) -> None:
    """Move every record by the triggers that fired for it, in the order in which their causes came."""
    for plan, cause, host in _fired(node, work):
        change = work.find(node.host, host)
        if change is None:
            continue  # the record is gone, and its state with it
        assert change.after_row is not None
        state = change.after_row[node.property]
        taken = _taken(node, plan, change, state)
        work.moved(node, change.id, plan.label, cause.id, state, None if taken is None else taken.target)
        if taken is not None:
            work.set(change, node.property, taken.target)


def _fired(node: MachineNode, work: Work) -> Iterator[tuple[TriggerPlan, Change, UUID]]:
    for plan in node.triggers:
        for change in work.changes(plan.source):
            if plan.trigger.fires(change.before, change.after):
                row: dict[str, Any] | None = change.after_row or change.before_row
                host = None if row is None else change.id if plan.key is None else row[plan.key]
                if host is not None:
                    yield plan, change, host


def _taken(node: MachineNode, plan: TriggerPlan, change: Change, state: Any) -> Transition[Any] | None:
    open_ones = [
        transition
        for transition in plan.transitions
        if transition.source == state and (transition.guard is None or transition.guard(change.after))
    ]
    if len(open_ones) > 1:
        targets = ", ".join(str(one.target) for one in open_ones)
        raise AmbiguousMove(machine=node.name, state=str(state), trigger=plan.label, targets=targets)
    return open_ones[0] if open_ones else None
