"""Guards: of events, whether they can be asked; of transitions, what each takes and reads."""

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from framework.computations.admission import Guard
from framework.computations.statemachine import StateMachine, Transition
from framework.model.apicall import IntegrationEvent
from framework.plan.callbacks import check_answer
from framework.plan.causes import reads_of_causes, reads_of_own, takes_cause
from framework.plan.given import given_to
from framework.plan.mistakes import GuardOfNoEvent, UnaskableCondition
from framework.plan.node import GuardPlan, TriggerPlan
from framework.plan.shape import Kind, Shape
from framework.plan.shapes import Shapes


def guards_of(
    shapes: Shapes, shape: Shape, name: str, machine: StateMachine[Any], triggers: Sequence[TriggerPlan]
) -> dict[Transition[Any], GuardPlan]:
    """The guards of a machine, by the transitions that they are of."""
    guards = {}
    for transition in machine.transitions:
        if transition.guard is not None:
            waiting = [one for one in triggers if transition in one.transitions]
            guards[transition] = _guard(shapes, shape, name, transition, waiting)
    return guards


def take_guard(shape: Shape, guard: Guard) -> None:
    """Let a condition be asked of all events of a class; raises where it never would be, or could not be."""
    asked = guard.condition
    if shape.kind is not Kind.EVENT or shape.model is IntegrationEvent:
        raise GuardOfNoEvent(condition=asked.name, model=shape.name)
    check_answer(asked.test, f"the condition {asked.name}")
    signature = inspect.signature(asked.test)
    try:
        signature.bind(None, None)
    except TypeError as error:
        raise UnaskableCondition(condition=asked.name, signature=str(signature)) from error
    shape.guards += (guard,)


def _guard(
    shapes: Shapes, shape: Shape, name: str, transition: Transition[Any], triggers: Iterable[TriggerPlan]
) -> GuardPlan:
    guard: Any = transition.guard
    place = f"the guard of {shape.name}.{name}"
    causal = takes_cause(guard, transition.given)
    taken = ("record", "cause") if causal else ("record",)
    given, declared = given_to(shapes, transition.given, [guard], transition.reads, place, taken=taken)
    own = reads_of_own(shape, guard, declared, place)
    of_cause = reads_of_causes(triggers, guard, declared, place) if causal else frozenset()
    return GuardPlan(guard, causal, given, own, of_cause)
