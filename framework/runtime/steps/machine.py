"""State machines: each change that a trigger waits for moves each record that it reaches, once, on record."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from framework.computations.statemachine import Transition
from framework.computations.triggers import LinkTrigger, Occasion
from framework.plan.node import MachineNode, TriggerPlan
from framework.runtime.change import Change
from framework.runtime.doomed import doom
from framework.runtime.errors import AmbiguousMove
from framework.runtime.recomputation import Difference, Expectation, Recomputation
from framework.runtime.seen import Seen, seen
from framework.runtime.steps.cause import cause_of
from framework.runtime.steps.entry import enter, starting_values, values_of
from framework.runtime.steps.route import host_of
from framework.runtime.work import ADOPTED, DELETED, Work


def step(node: MachineNode, work: Work) -> None:
    """Move every record by the changes that concern it, in the order in which they came.

    One change may be what several triggers wait for: still one transition fires; two that could are an error.
    """
    fired = _fired(node, work)
    work.find_in_order(node.host, {id for _, id in fired})
    for (cause, id), plans in fired.items():
        host = work.find(node.host, id)
        if host is None or host.after_row is None:
            continue  # the record is gone, and its state with it
        state = host.after_row[node.property]
        taken = _taken(node, work, plans, host, cause)
        if taken is None:
            label = " and ".join(plan.label for plan in plans)
            work.moved(node, id, label, cause.id, state, None)
        else:
            plan, transition = taken
            target = transition.target
            work.set(host, node.property, target)
            entered = enter(node, work, host, target, cause_of(plan, cause))
            work.moved(node, id, plan.label, cause.id, state, target, entered)
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


def _fired(node: MachineNode, work: Work) -> dict[tuple[Change, UUID], list[TriggerPlan]]:
    """Which change concerns which record by which triggers, in the order in which the changes came."""
    fired: dict[tuple[Change, UUID], list[TriggerPlan]] = {}
    for plan in node.triggers:
        for change in work.changes(plan.source):
            host = concerned(plan, change)
            if host is not None:
                fired.setdefault((change, host), []).append(plan)
    return dict(sorted(fired.items(), key=lambda item: item[0][0].position)) if len(fired) > 1 else fired


def concerned(plan: TriggerPlan, change: Change) -> UUID | None:
    """The record that the change concerns, if it is what the trigger waits for."""
    noticed = seen(change, plan.route.lens)
    return _host(plan, noticed) if plan.trigger.fires(noticed.before, noticed.after) else None


def _host(plan: TriggerPlan, change: Change | Seen) -> UUID | None:
    old, new = host_of(plan.route, change.before_row), host_of(plan.route, change.after_row)
    if plan.trigger.occasion not in (Occasion.ENTERED, Occasion.LEFT):
        return old if change.after_row is None else new
    if isinstance(plan.trigger, LinkTrigger):  # a link that leads nowhere has nobody in it
        old = None if change.before_row is None or change.before_row[plan.trigger.far_key] is None else old
        new = None if change.after_row is None or change.after_row[plan.trigger.far_key] is None else new
    if old == new:
        return None
    return new if plan.trigger.occasion is Occasion.ENTERED else old


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
        taken.append(cause_of(plan, cause))
    if asked.given is not None:
        taken.append(work.parameters.now(asked.given))
    return bool(asked.guard(*taken))
