"""State machines: a new one is moved by what has happened, a changed one goes on from where it is."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, Row, Table, exists, insert, select, update

from framework.computations.statemachine import Transition
from framework.computations.triggers import Occasion, Trigger
from framework.migration.quiet import QuietWork
from framework.plan.node import MachineNode, TriggerPlan
from framework.plan.shape import Kind
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.reach import WHOLE, Slice, Span
from framework.runtime.recomputation import Recomputation
from framework.runtime.steps.entry import Values, enter, starting_values
from framework.runtime.steps.route import host_of
from framework.runtime.work import ADOPTED, DELETED
from framework.storage.tables import Tables

FORMER = "before a migration"
"""What is added to the name of a machine under which moves are kept that are not its own any more."""

_AT_ONCE = 500


def replayable(node: MachineNode) -> bool:
    """Whether all that moves a machine is on record, events and the ends of calls, and its guards and its
    values on entry ask for nothing else.
    """
    if node.machine.erases is not None or not all(map(is_on_record, node.triggers)):
        return False
    entries = [entry for plans in node.entries.values() for entry in plans]
    guarded = any(guard.own or guard.given for guard in node.guards.values())
    return not guarded and not any(entry.own for entry in entries)


def is_on_record(plan: TriggerPlan) -> bool:
    if type(plan.trigger) is not Trigger:  # who was linked to whom, and when, is not
        return False
    if plan.source.kind is Kind.EVENT:
        return plan.trigger.occasion is Occasion.CREATED
    return (
        plan.source.kind is Kind.CALL
        and plan.trigger.occasion is Occasion.BECAME
        and plan.trigger.field == "status"
    )


def replay(node: MachineNode, work: QuietWork, facts: Recomputation, part: Slice) -> None:
    """Move the records of one part by what has happened, in its order, and write the moves down."""
    states = {row["id"]: row for row in facts.read(node.host, part.own if part is not WHOLE else WHOLE.own)}
    happened = sorted(_happened(node, facts, part), key=lambda one: one[:3])
    for (at, cause, id), plans in _together(happened).items():
        if id not in states:
            continue
        host = work.hold_row(node.host, states[id])
        assert host.after_row is not None, "nothing is deleted here"
        state = host.after_row[node.property]
        taken = [
            (plan, one, record)
            for plan, record in plans
            for one in plan.transitions
            if one.source == state and _lets_through(node, one, host, record)
        ]
        if not taken:
            work.moved_at(at, node, id, " and ".join(plan.label for plan, _ in plans), cause, state, None)
            continue
        plan, transition, record = taken[0]
        work.set(host, node.property, transition.target)
        entered = enter(node, work, host, transition.target, record)
        work.moved_at(at, node, id, plan.label, cause, state, transition.target, entered)


def _lets_through(node: MachineNode, transition: Transition[Any], host: Change, cause: Any) -> bool:
    """What the guard says, which looks at the cause alone."""
    asked = node.guards.get(transition)
    return asked is None or bool(asked.guard(*([host.after, cause] if asked.takes_cause else [host.after])))


def _happened(
    node: MachineNode, facts: Recomputation, part: Slice
) -> Iterator[tuple[datetime, UUID, UUID, tuple[TriggerPlan, Any]]]:
    """When which cause concerned which record, by which trigger, and how that sees the cause."""
    for plan in node.triggers:
        key, lens = plan.route.key, plan.route.lens
        span = WHOLE.own if key is None else Span(key, part.own.first, part.own.last)
        for row in facts.read(plan.source, span):
            host = host_of(plan.route, row)
            at = row["completed_at"] if plan.source.kind is Kind.CALL else row["at"]
            record = view_of(plan.source.view, row) if lens is None else lens.see(row)
            if host is not None and at is not None and plan.trigger.fires(None, record):
                yield at, row["id"], host, (plan, record)


def _together(happened: list[Any]) -> dict[tuple[datetime, UUID, UUID], list[tuple[TriggerPlan, Any]]]:
    """What one change is to several triggers is one move."""
    found: dict[tuple[datetime, UUID, UUID], list[tuple[TriggerPlan, Any]]] = {}
    for at, cause, host, plan in happened:
        found.setdefault((at, cause, host), []).append(plan)
    return found


def set_aside(connection: Connection, tables: Tables, machine: str) -> None:
    """Keep the moves of a machine under another name: they are of another machine now, or of none."""
    moves = tables.moves
    connection.execute(
        update(moves).where(moves.c.machine == machine).values(machine=f"{machine} ({FORMER})")
    )


def adopt(connection: Connection, tables: Tables, node: MachineNode, now: datetime) -> None:
    """Let a machine that is another now begin at the states that are stored, with what their entries gave,
    unless its moves lead there.
    """
    host, moves = tables.of[node.host], tables.moves
    state = host.c[node.property]
    legal = {(t.source.value, t.target.value, plan.label) for plan in node.triggers for t in plan.transitions}
    made = select(moves.c.source, moves.c.target, moves.c.trigger).distinct()
    made = made.where(moves.c.machine == node.name, moves.c.target.is_not(None))
    moved = exists().where(
        moves.c.machine == node.name, moves.c.record_id == host.c.id, moves.c.target.is_not(None)
    )
    elsewhere = state != node.machine.initial
    if (
        all(move.trigger in (ADOPTED, DELETED) or tuple(move) in legal for move in connection.execute(made))
        and not connection.execute(select(host.c.id).where(elsewhere, ~moved).limit(1)).first()
    ):
        return
    set_aside(connection, tables, node.name)
    for rows in _pages(connection, host, state, starting_values(node)):
        adopted = [row for one in rows if (row := _adopted(node, now, one)) is not None]
        if adopted:
            connection.execute(insert(moves), adopted)


def _pages(
    connection: Connection, host: Table, state: Column[Any], start: Values
) -> Iterator[Sequence[Row[Any]]]:
    """The records of a machine, by id: the state, and what entries have given."""
    own, last = select(host.c.id, state, *(host.c[name] for name in start)), None
    while True:
        following = own if last is None else own.where(host.c.id > last)
        rows = connection.execute(following.order_by(host.c.id).limit(_AT_ONCE)).all()
        yield rows
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1].id


def _adopted(node: MachineNode, now: datetime, row: Sequence[Any]) -> dict[str, Any] | None:
    """The move that says where a record begins; None if that is where it would begin anyway."""
    id, state, *given = row
    adapters = {plan.property: plan.adapter for plans in node.entries.values() for plan in plans}
    start = starting_values(node).items()
    values = {
        name: adapters[name].dump_python(value, mode="json")
        for (name, initial), value in zip(start, given, strict=True)
        if value != initial
    }
    if state == node.machine.initial and not values:
        return None
    return {
        "machine": node.name,
        "record_id": id,
        "trigger": ADOPTED,
        "cause_id": id,
        "source": str(state.value),
        "target": str(state.value),
        "entered": json.dumps(values) if values else None,
        "at": now,
    }
