"""State machines: each change that a trigger waits for moves each record that it reaches, once, on record."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from framework.computations.statemachine import Transition
from framework.computations.triggers import LinkTrigger, Occasion, OneTrigger
from framework.plan.chosen import is_of_before
from framework.plan.node import MachineNode, TriggerPlan
from framework.plan.shape import Far
from framework.runtime.change import Change
from framework.runtime.doomed import doom
from framework.runtime.errors import AmbiguousMove
from framework.runtime.recomputation import Difference, Expectation, Recomputation
from framework.runtime.seen import Seen, seen
from framework.runtime.steps.cause import cause_of, chosen_by
from framework.runtime.steps.entry import adopted_values, enter, starting_values, values_of
from framework.runtime.steps.route import host_of
from framework.runtime.work import ADOPTED, DELETED, Work
from framework.storage.codec import Row

Fired = tuple[Change, UUID, bool, tuple[Far, UUID] | None]
"""A change, the record that it concerns, whether that is the second thing that it may say of it, and whom it
is about, where that is the one record that it leads to.
"""

Place = tuple[UUID | None, UUID | None]


def step(node: MachineNode, work: Work) -> None:
    """Move every record by the changes that concern it, in the order in which they came.

    One change may be what several triggers wait for: still one transition fires; two that could are an error.
    """
    fired = _fired(node, work)
    work.find_in_order(node.host, (id for _, id, _, _ in fired))
    for (cause, id, _, chosen), plans in fired.items():
        host = work.find(node.host, id)
        if host is None or host.after_row is None:
            continue  # the record is gone, and its state with it
        state = host.after_row[node.property]
        by = cause.id if chosen is None else chosen[1]
        taken = _taken(node, work, plans, host, cause)
        if taken is None:
            label = " and ".join(plan.label for plan in plans)
            work.moved(node, id, label, by, state, None)
        else:
            plan, transition = taken
            target = transition.target
            work.set(host, node.property, target)
            entered = enter(node, work, host, target, cause_of(plan, cause, work))
            work.moved(node, id, plan.label, by, state, target, entered)
            if target == node.machine.erases:
                doom(work, node, id)


def expected(node: MachineNode, facts: Recomputation) -> Iterator[Expectation]:
    """Replay what was written down: each move must start where the last one ended."""
    initial, kind = node.machine.initial, type(node.machine.initial)
    start = starting_values(node)
    states = dict.fromkeys(facts.expected[node.host], initial)
    values = dict.fromkeys(states, start)
    legal = {(t.source, t.target, plan.label) for plan in node.triggers for t in plan.transitions}
    for id, trigger, source, target, entered in facts.work.database.bookkeeping.moves_of(
        facts.work.connection, node.name
    ):
        if id not in states or target is None:
            continue
        if trigger == DELETED:
            states[id], values[id] = initial, start
            continue
        if trigger == ADOPTED:
            states[id] = kind(target)
            values[id] = start | adopted_values(node, entered)
            continue
        if kind(source) != states[id] or (kind(source), kind(target), trigger) not in legal:
            facts.found.append(
                Difference(
                    node.host.model, id, node.property, f"{source} -> {target} by {trigger}", states[id]
                )
            )
            continue
        states[id] = kind(target)
        if entered is not None:
            values[id] = values[id] | values_of(node, states[id], entered)
    for id, state in states.items():
        yield node.host, id, node.property, state
        yield from ((node.host, id, name, value) for name, value in values[id].items())


def _fired(node: MachineNode, work: Work) -> dict[Fired, list[TriggerPlan]]:
    """Which change concerns which record by which triggers, in the order in which the changes came; of a link
    that is pointed at another record, that one left comes before all else.
    """
    fired: dict[Fired, list[TriggerPlan]] = {}
    for plan in node.triggers:
        changes = work.changes(plan.route.source)
        staying = _staying(plan, changes) if isinstance(plan.trigger, LinkTrigger) else ()
        for change in changes:
            host = concerned(plan, change)
            if host is not None and not (staying and _noticed_at(plan, change) in staying):
                chosen = chosen_by(plan, change)
                fired.setdefault((change, host, not _is_first(plan, change), chosen), []).append(plan)
    if len(fired) < 2:
        return fired
    return dict(sorted(fired.items(), key=lambda item: (item[0][0].position, item[0][2])))


def concerned(plan: TriggerPlan, change: Change) -> UUID | None:
    """The record that the change concerns, if it is what the trigger waits for."""
    noticed = seen(change, plan.route.lens)
    return _host(plan, noticed) if plan.trigger.fires(noticed.before, noticed.after) else None


def _host(plan: TriggerPlan, change: Change | Seen) -> UUID | None:
    if plan.trigger.occasion not in (Occasion.ENTERED, Occasion.LEFT):
        return host_of(plan.route, change.before_row if change.after_row is None else change.after_row)
    was, now = _place(plan, change.before_row), _place(plan, change.after_row)
    if was == now:
        return None
    host, _ = now if plan.trigger.occasion is Occasion.ENTERED else was
    return host


def _staying(plan: TriggerPlan, changes: Sequence[Change]) -> set[Place]:
    """Who is in a relation through links as before, although perhaps by another link: they neither enter nor
    leave it.
    """
    if len(changes) < 2 or plan.trigger.occasion not in (Occasion.ENTERED, Occasion.LEFT):
        return set()
    noticed = [seen(change, plan.route.lens) for change in changes]
    before = {_place(plan, one.before_row) for one in noticed}
    return before & {_place(plan, one.after_row) for one in noticed}


def _noticed_at(plan: TriggerPlan, change: Change) -> Place:
    """Where somebody entered, or left."""
    noticed = seen(change, plan.route.lens)
    entered = plan.trigger.occasion is Occasion.ENTERED
    return _place(plan, noticed.after_row if entered else noticed.before_row)


def _place(plan: TriggerPlan, row: Row | None) -> Place:
    """Where a record is, and through a link, who is there: in a link that leads nowhere, nobody."""
    host = host_of(plan.route, row)
    if row is None or not isinstance(plan.trigger, LinkTrigger):
        return host, None
    far = row[plan.trigger.far_key]
    return (None if far is None else host), far


def _is_first(plan: TriggerPlan, change: Change) -> bool:
    """Whether the trigger waits for who left a link that leads to another record now, or is no longer the one
    that the machine's own record leads to.
    """
    if isinstance(plan.trigger, OneTrigger):
        return is_of_before(plan.trigger)
    if plan.trigger.occasion is not Occasion.LEFT or not isinstance(plan.trigger, LinkTrigger):
        return False
    far = plan.trigger.far_key
    ends = {None if row is None else row[far] for row in (change.before_row, change.after_row)}
    return None not in ends and len(ends) > 1


def _taken(
    node: MachineNode, work: Work, plans: list[TriggerPlan], host: Change, cause: Change
) -> tuple[TriggerPlan, Transition[Any]] | None:
    assert host.after_row is not None, "what is gone is moved no more"
    state = host.after_row[node.property]
    could = [
        (plan, one)
        for plan in plans
        for one in plan.transitions
        if one.source == state and _is_let_through(node, work, plan, one, host, cause)
    ]
    if len(could) > 1:
        raise AmbiguousMove(
            machine=node.name,
            state=str(state),
            trigger=" and ".join(dict.fromkeys(plan.label for plan, _ in could)),
            targets=", ".join(str(one.target) for _, one in could),
        )
    return could[0] if could else None


def _is_let_through(
    node: MachineNode,
    work: Work,
    plan: TriggerPlan,
    transition: Transition[Any],
    host: Change,
    cause: Change,
) -> bool:
    asked = node.guards.get(transition)
    if asked is None:
        return True
    taken = [host.after]
    if asked.takes_cause:
        taken.append(cause_of(plan, cause, work))
    if asked.given is not None:
        taken.append(work.parameters.now(asked.given))
    return bool(asked.guard(*taken))
