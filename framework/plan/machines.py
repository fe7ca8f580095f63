"""State machines: their transitions by trigger, and the mistakes that can be seen without data."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Any

from framework.computations.statemachine import StateMachine, Transition
from framework.computations.triggers import Occasion, Trigger
from framework.model.apicall import FromEvents
from framework.plan.builders.annotations import check_annotation
from framework.plan.builders.carried import carried_lens, carried_trigger
from framework.plan.chosen import chosen_trigger
from framework.plan.entries import entries_of, reads_of_entry
from framework.plan.guards import guards_of
from framework.plan.lens import presence
from framework.plan.mistakes import AmbiguousTransitions, NotAMachine, UnlistedState, UnreachableState
from framework.plan.node import LookupNode, MachineNode, Node, TriggerPlan
from framework.plan.shape import Kind, Route, Shape
from framework.plan.shapes import Shapes
from framework.plan.triggers import TriggerPlanner


def machine_node(
    shapes: Shapes, shape: Shape, name: str, machine: StateMachine[Any], *, strict_reads: bool = False
) -> list[Node]:
    """The steps of a checked state machine, and of what its triggers look up."""
    _check_parts(shape, name, machine)
    _check_states(shape, name, machine)
    planner = TriggerPlanner(shapes, shape, name, machine)
    grouped: dict[tuple[Any, ...], list[Transition[Any]]] = defaultdict(list)
    plans: dict[tuple[Any, ...], tuple[Trigger, Route]] = {}
    for transition in machine.transitions:
        for trigger, route in planner.resolved(transition.when):
            way = (route.source, route.key, route.far, route.lens, route.ends)
            identity = (*way, trigger.occasion, trigger.field, repr(trigger.value))
            plans.setdefault(identity, (trigger, route))
            grouped[identity].append(transition)
    triggers = []
    carriers: list[LookupNode] = []
    reads: set[tuple[Shape, str | None]] = {(shape, None)}
    for identity, transitions in grouped.items():
        trigger, declared = plans[identity]
        route = declared
        if route.far is not None:
            trigger, carried = carried_trigger(route, name, trigger)
            lens, seen = carried_lens(route, name)
            route = replace(route, far=None, lens=lens)
            carriers += [*carried, *seen]
        if route.ends:
            trigger, carried = chosen_trigger(route, trigger)
            carriers += carried
        label = trigger.describe(declared.title)
        _check_ambiguity(shape, name, transitions, label)
        plan = TriggerPlan(trigger, route, tuple(transitions), label, declared)
        reads |= {(one, field if one.kind is not Kind.EVENT else None) for one, field in plan.wakes}
        if route.lens is not None or not _is_outcome(trigger, route.source):
            reads |= presence(route.source, route.lens)
        triggers.append(plan)
    entries = entries_of(shape, name, machine, strict_reads=strict_reads)
    writes = {(shape, name)} | {(shape, entry.property) for plans in entries.values() for entry in plans}
    asked = {
        read
        for plans in entries.values()
        for entry in plans
        for read in reads_of_entry(shape, entry, triggers)
    }
    guards = guards_of(shapes, shape, name, machine, triggers)
    for guard in guards.values():
        asked |= guard.own | guard.of_cause | (guard.given.reads if guard.given else frozenset())
    node = MachineNode(
        name=f"{shape.name}.{name}",
        reads=frozenset(reads | (asked - writes)),  # what it has written itself, it may look at
        writes=frozenset(writes),
        host=shape,
        property=name,
        machine=machine,
        triggers=tuple(triggers),
        entries=entries,
        guards=guards,
    )
    return [*carriers, node]


def _is_outcome(trigger: Trigger, source: Shape) -> bool:
    """Whether the trigger waits for what integration events say of a call: no call comes to be with that."""
    return (
        source.kind is Kind.CALL
        and trigger.occasion is Occasion.BECAME
        and isinstance(source.model.__computed__.get(trigger.field or ""), FromEvents)
        and trigger.value != trigger.start
    )


def _check_parts(shape: Shape, name: str, machine: StateMachine[Any]) -> None:
    for given, kind, wanted, example in _parts_of(machine):
        if not isinstance(given, kind):
            raise NotAMachine(model=shape.name, property=name, given=given, wanted=wanted, example=example)
    check_annotation(shape, name, machine, type(machine.initial))


def _parts_of(machine: StateMachine[Any]) -> Iterator[tuple[Any, type, str, str]]:
    """What a machine is made of, each with what it has to be, in words, and an example."""
    states = '`class Status(StrEnum): OPEN = "open"`, and `StateMachine(Status.OPEN, ...)`'
    transitions = "`StateMachine(Status.OPEN, Transition(Status.OPEN, Status.DONE, when=...), ...)`"
    triggers = "`when=on(Paid)`, `created(items)`, `completed(charges)`, or another trigger"
    yield machine.initial, StrEnum, "state", states
    for one in machine.transitions:
        yield one, Transition, "transition", transitions
        yield one.when, Trigger, "trigger", triggers


def _check_states(shape: Shape, name: str, machine: StateMachine[Any]) -> None:
    states = set(machine.states)
    enum = type(machine.initial).__name__
    reached = {machine.initial}
    for transition in machine.transitions:
        for state in (transition.source, transition.target):
            if type(state) is not type(machine.initial) or state not in states:
                raise UnlistedState(
                    model=shape.name, property=name, transition=f"{transition.source} -> {transition.target}",
                    state=str(state), enum=enum,
                )  # fmt: skip
    growing = True
    while growing:
        more = {one.target for one in machine.transitions if one.source in reached} - reached
        reached |= more
        growing = bool(more)
    for state in machine.states:
        if state not in reached:
            raise UnreachableState(
                model=shape.name, property=name, state=str(state), initial=str(machine.initial), enum=enum
            )


def _check_ambiguity(shape: Shape, name: str, transitions: list[Transition[Any]], label: str) -> None:
    for transition in transitions:
        rivals = [one for one in transitions if one.source == transition.source and one.guard is None]
        if len(rivals) > 1:
            targets = " and ".join(str(one.target) for one in rivals)
            raise AmbiguousTransitions(
                model=shape.name, property=name, state=str(transition.source), trigger=label, targets=targets
            )
