"""State machines: their transitions by trigger, and the mistakes that can be seen without data."""

from collections import defaultdict
from typing import Any

from framework.computations.statemachine import StateMachine, Transition
from framework.computations.triggers import Trigger
from framework.plan.mistakes import AmbiguousTransitions, UnlistedState, UnreachableState
from framework.plan.node import MachineNode, TriggerPlan
from framework.plan.reading import read_fields
from framework.plan.shape import Kind, Shape
from framework.plan.shapes import Shapes
from framework.plan.triggers import TriggerPlanner


def machine_node(shapes: Shapes, shape: Shape, name: str, machine: StateMachine[Any]) -> MachineNode:
    """The step of a state machine, after its definition has been checked."""
    _check_states(shape, name, machine)
    planner = TriggerPlanner(shapes, shape, name, machine)
    grouped: dict[tuple[Any, ...], list[Transition[Any]]] = defaultdict(list)
    plans: dict[tuple[Any, ...], tuple[Trigger, Shape, str | None]] = {}
    for transition in machine.transitions:
        trigger, source, key = planner.resolved(transition.when)
        identity = (source, key, trigger.occasion, trigger.field, repr(trigger.value))
        plans.setdefault(identity, (trigger, source, key))
        grouped[identity].append(transition)
    triggers = []
    reads: set[tuple[Shape, str | None]] = {(shape, None)}
    for identity, transitions in grouped.items():
        trigger, source, key = plans[identity]
        label = trigger.describe(source.name)
        _check_ambiguity(shape, name, transitions, label)
        reads.add((source, trigger.field if trigger.field and source.kind is not Kind.EVENT else None))
        reads.add((source, None))
        triggers.append(TriggerPlan(trigger, source, key, tuple(transitions), label))
    for transition in machine.transitions:
        if transition.guard is not None:
            place = f"the guard of {shape.name}.{name}"
            reads |= read_fields(shape, [transition.guard], transition.reads, place)
    return MachineNode(
        name=f"{shape.name}.{name}",
        reads=frozenset(reads),
        writes=frozenset({(shape, name)}),
        host=shape,
        property=name,
        machine=machine,
        triggers=tuple(triggers),
    )


def _check_states(shape: Shape, name: str, machine: StateMachine[Any]) -> None:
    states = set(machine.states)
    enum = type(machine.initial).__name__
    reached = {machine.initial}
    for transition in machine.transitions:
        for state in (transition.source, transition.target):
            if state not in states or type(state) is not type(machine.initial):
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
