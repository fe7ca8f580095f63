"""State machines: their routes, and the mistakes that can be seen without data."""

from collections import defaultdict
from typing import Any

from sqlalchemy.orm import RelationshipDirection

from framework.computations.statemachine import StateMachine, Transition
from framework.computations.triggers import Occasion, Trigger
from framework.model.entity import Event
from framework.plan.mistakes import (
    AmbiguousTransitions,
    DeadTrigger,
    UnknownRead,
    UnknownRelation,
    UnlistedState,
    UnreachableState,
)
from framework.plan.node import MachineNode, TriggerPlan
from framework.plan.reading import read_fields
from framework.plan.shape import Kind, Shape
from framework.plan.shapes import Shapes, relation_target


def machine_node(shapes: Shapes, shape: Shape, name: str, machine: StateMachine[Any]) -> MachineNode:
    """The step of a state machine, after its definition has been checked."""
    _check_states(shape, name, machine)
    grouped: dict[tuple[Any, ...], list[Transition[Any]]] = defaultdict(list)
    plans: dict[tuple[Any, ...], tuple[Trigger, Shape, str | None]] = {}
    for transition in machine.transitions:
        source, key = _route(shapes, shape, name, machine, transition.when)
        trigger = transition.when
        identity = (source, key, trigger.occasion, trigger.field, trigger.value)
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


def _route(
    shapes: Shapes, shape: Shape, name: str, machine: StateMachine[Any], trigger: Trigger
) -> tuple[Shape, str | None]:
    if isinstance(trigger.records, type):
        return _route_of_event(shapes, shape, name, trigger)
    relation = machine.relation_name(trigger.records)
    if relation is None:
        raise UnknownRelation(
            model=shape.name, property=name, computation="StateMachine", remedy=", or use `on(EventClass)`"
        )
    source, key, direction = relation_target(shapes, shape, relation)
    label = trigger.describe(source.name)
    if direction is not RelationshipDirection.ONETOMANY:
        reason = (
            f"{shape.name}.{relation} leads to one record; a trigger needs a relation to many, "
            "whose key names this one."
        )
        raise DeadTrigger(model=shape.name, property=name, trigger=label, reason=reason)
    if trigger.occasion is Occasion.BECAME and source.kind is not Kind.CALL:
        raise DeadTrigger(
            model=shape.name,
            property=name,
            trigger=label,
            reason=f"{source.name} is no APICall. Use created, deleted or changed.",
        )
    if trigger.field is not None and trigger.field not in source.fields:
        raise UnknownRead(
            place=f"{shape.name}.{name}",
            model=source.name,
            field=trigger.field,
            fields=", ".join(source.fields),
        )
    if trigger.occasion is Occasion.CHANGED and (
        trigger.field == "id" or (source.kind is Kind.CALL and trigger.field in source.facts)
    ):
        reason = f"{source.name}.{trigger.field} never changes. Name a field that does."
        raise DeadTrigger(model=shape.name, property=name, trigger=label, reason=reason)
    if trigger.occasion in (Occasion.CHANGED, Occasion.DELETED) and source.kind is Kind.EVENT:
        reason = f"{source.name} is an event, and events never change. Use created."
        raise DeadTrigger(model=shape.name, property=name, trigger=label, reason=reason)
    return source, key


def _route_of_event(shapes: Shapes, shape: Shape, name: str, trigger: Trigger) -> tuple[Shape, str | None]:
    model = trigger.records
    label = trigger.describe(model.__name__)
    source = shapes.get(model)
    if source is None or not issubclass(model, Event):
        reason = f"{model.__name__} is not an event of this App. Add it to the App's modules."
        raise DeadTrigger(model=shape.name, property=name, trigger=label, reason=reason)
    keys = [key for key, target in source.references.items() if target is shape]
    if not keys and shape.kind is Kind.GLOBAL:
        return source, None  # there is one row: no route is needed
    if len(keys) == 1:
        return source, keys[0]
    reason = (
        f"{source.name} has no foreign key to {shape.name}. Add one, such as `{shape.table.name}_id`."
        if not keys
        else f"{source.name} has {len(keys)} foreign keys to {shape.name}. "
        "Name the route by a relation and `created(...)`."
    )
    raise DeadTrigger(model=shape.name, property=name, trigger=label, reason=reason)
