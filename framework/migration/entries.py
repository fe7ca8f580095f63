"""Values on entry that are new, or computed otherwise: what has happened gives them, too, if it is on record.

The record as it was when it entered the state is not kept. So this is done where the value is made of the
cause alone, and the cause is an event or the end of a call, which stay as they are.
"""

import json
from collections.abc import Collection
from typing import Any

from framework.migration.history import is_on_record
from framework.migration.quiet import QuietWork
from framework.plan.node import EntryPlan, MachineNode, TriggerPlan
from framework.plan.shape import Kind
from framework.plan.view import view_of
from framework.runtime.reach import Slice
from framework.runtime.recomputation import Recomputation
from framework.runtime.steps.entry import value_of


def renewable(node: MachineNode, entry: EntryPlan) -> bool:
    """Whether the value is computed for what has happened, as far as that is on record."""
    return not entry.own and any(
        is_on_record(plan) and any(one.target == entry.computation.state for one in plan.transitions)
        for plan in node.triggers
    )


def renew(
    node: MachineNode, work: QuietWork, facts: Recomputation, part: Slice, roots: Collection[str]
) -> None:
    """Compute the values of a machine anew that a task names, for each entry of the records of a part."""
    for state, plans in node.entries.items():
        stale = [
            plan for plan in plans if f"{node.host.name}.{plan.property}" in roots and renewable(node, plan)
        ]
        if stale:
            _renew(node, work, facts, part, state, stale)


def _renew(
    node: MachineNode,
    work: QuietWork,
    facts: Recomputation,
    part: Slice,
    state: Any,
    stale: Collection[EntryPlan],
) -> None:
    labels = {plan.label: plan for plan in node.triggers if is_on_record(plan)}
    books, first, last = work.database.bookkeeping, part.own.first, part.own.last
    for position, id, trigger, cause_id, entered in books.entries(
        work.connection, node.name, str(state), first, last
    ):
        row = facts.expected[node.host].get(id)
        if row is None:
            continue
        host, cause = work.hold_row(node.host, row), _cause(facts, labels.get(trigger), cause_id)
        written = json.loads(entered or "{}")
        for plan in stale:
            if cause is not None:
                value = value_of(node, plan, host, state, cause)
                written[plan.property] = plan.adapter.dump_python(value, mode="json")
                work.set(host, plan.property, value)
            elif plan.property in written:  # what it was made of is gone, and what it gave stays
                work.set(host, plan.property, plan.adapter.validate_python(written[plan.property]))
        work.connection.run(books.enter_anew, [json.dumps(written), position])


def _cause(facts: Recomputation, plan: TriggerPlan | None, id: Any) -> Any:
    """The event, or the call, as the trigger sees it."""
    if plan is None or plan.source.kind not in (Kind.EVENT, Kind.CALL):
        return None
    row = facts.expected[plan.source].get(id)
    if row is None:
        return None
    lens = plan.route.lens
    return view_of(plan.source.view if lens is None else lens.view, row)
