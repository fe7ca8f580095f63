"""Values that are computed when a machine enters a state: which they are, and what they read."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from framework.computations.on_entry import OnEntry
from framework.computations.statemachine import StateMachine
from framework.model.columns import admits_none, without_none
from framework.model.storable import storable
from framework.plan.builders.annotations import annotation_of
from framework.plan.callbacks import check_callback
from framework.plan.causes import reads_of_causes, reads_of_own
from framework.plan.mistakes import DeadEntry, WrongAnnotation
from framework.plan.node import EntryPlan, TriggerPlan
from framework.plan.reading import Read
from framework.plan.shape import Shape
from framework.plan.strict import watched

_AS_TEXT = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


def entries_of(
    shape: Shape, name: str, machine: StateMachine[Any], *, strict_reads: bool = False
) -> Mapping[Any, tuple[EntryPlan, ...]]:
    """The values that the machine computes, by the state whose entry they wait for."""
    found: dict[Any, list[EntryPlan]] = defaultdict(list)
    for property, computation in shape.model.__computed__.items():
        if isinstance(computation, OnEntry) and computation.field_name(computation.machine) == name:
            if not isinstance(computation.state, type(machine.initial)) or not any(
                one.target == computation.state for one in machine.transitions
            ):
                reason = f"no transition of {shape.name}.{name} leads to it. Name a state that is entered."
                raise _dead(shape, property, computation, reason)
            held: Any = watched(computation, f"{shape.name}.{property}") if strict_reads else computation
            check_callback(held.of, f"{shape.name}.{property}", ("record", "cause"))
            own = reads_of_own(shape, held.of, computation.reads, f"{shape.name}.{property}")
            found[computation.state].append(EntryPlan(property, held, _adapter(shape, property), own))
    return {state: tuple(plans) for state, plans in found.items()}


def check_entry(shape: Shape, property: str, computation: OnEntry[Any]) -> None:
    """Raises DeadEntry for the entry of no machine, and WrongAnnotation if the first value may not be."""
    name = computation.field_name(computation.machine)
    if not isinstance(shape.model.__computed__.get(name or ""), StateMachine):
        reason = f"it names no state machine of {shape.name}. Name one that stands above in the class body."
        raise _dead(shape, property, computation, reason)
    annotation = annotation_of(shape, property)
    if computation.initial is None and annotation is not Any and not admits_none(annotation):
        kind = getattr(annotation, "__name__", annotation)
        raise WrongAnnotation(
            model=shape.name, property=property, computation="OnEntry", gives=f"{kind} | None",
            annotation=kind, remedy=f"Annotate it as {kind} | None, or give it an `initial`.",
        )  # fmt: skip


def reads_of_entry(shape: Shape, entry: EntryPlan, triggers: Iterable[TriggerPlan]) -> set[Read]:
    """What the value reads: of the record, and of every record that can make the machine enter the state."""
    computation = entry.computation
    place = f"{shape.name}.{entry.property}"
    leading = [one for one in triggers if any(to.target == computation.state for to in one.transitions)]
    return {*entry.own, *reads_of_causes(leading, computation.of, computation.reads, place)}


def _adapter(shape: Shape, property: str) -> TypeAdapter[Any]:
    annotation = annotation_of(shape, property)
    kind = storable(annotation, shape.model.model_fields[property].metadata)
    return TypeAdapter(kind, config=_AS_TEXT if without_none(annotation) is bytes else None)


def _dead(shape: Shape, property: str, computation: OnEntry[Any], reason: str) -> DeadEntry:
    return DeadEntry(model=shape.name, property=property, state=str(computation.state), reason=reason)
