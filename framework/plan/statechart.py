"""The picture of a state machine, in Mermaid."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from transitions.extensions import GraphMachine

from framework.computations.deadline import Deadline
from framework.computations.statemachine import Transition
from framework.plan.node import MachineNode, TriggerPlan


def statechart(node: MachineNode) -> str:
    """A state machine as a Mermaid state diagram, drawn by the `transitions` library.

    Triggers have their guards in brackets, states list what is computed on their entry, and one that deletes
    its record leads to the end.
    """
    drawn = SimpleNamespace()
    GraphMachine(
        model=drawn,
        states=[str(state) for state in node.machine.states],
        initial=str(node.machine.initial),
        transitions=[
            {"trigger": _label(plan, one), "source": str(one.source), "dest": str(one.target)}
            for plan in node.triggers
            for one in plan.transitions
        ],
        auto_transitions=False,
        graph_engine="mermaid",
        title=node.name,
    )
    return "\n".join([str(drawn.get_graph().source).rstrip(), *_notes(node)])


def _label(plan: TriggerPlan, transition: Transition[Any]) -> str:
    deadline = isinstance(plan.source.model.__computed__.get(plan.trigger.field), Deadline)
    label = f"{plan.label} (in time)" if deadline else plan.label
    if transition.guard is None:
        return label
    name = getattr(transition.guard, "__name__", "guard")
    return f"{label} [{'guarded' if name == '<lambda>' else name}]"


def _notes(node: MachineNode) -> Iterator[str]:
    for state, plans in node.entries.items():
        yield f"  {state}: entry / {', '.join(plan.property for plan in plans)}"
    if node.machine.erases is not None:
        yield f"  {node.machine.erases} --> [*]: deleted"
