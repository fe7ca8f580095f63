"""The picture of a state machine, in Mermaid."""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from transitions.extensions import GraphMachine

from framework.computations.deadline import Deadline
from framework.computations.statemachine import Transition
from framework.plan.node import MachineNode, TriggerPlan

_WORDS = {"as", "choice", "class", "classdef", "click", "default", "direction", "end", "fork", "hide", "href",
          "join", "note", "scale", "state", "statediagram", "style"}  # fmt: skip
"""What Mermaid does not take for the name of a state."""


def statechart(node: MachineNode) -> str:
    """A state machine as a Mermaid state diagram, drawn by the `transitions` library.

    Triggers have their guards in brackets, states list what is computed on their entry, and one that deletes
    its record leads to the end.
    """
    drawn = SimpleNamespace()
    names = _names(map(str, node.machine.states))
    GraphMachine(
        model=drawn,
        states=list(names.values()),
        initial=names[str(node.machine.initial)],
        transitions=[
            {"trigger": _label(plan, one), "source": names[str(one.source)], "dest": names[str(one.target)]}
            for plan in node.triggers
            for one in plan.transitions
        ],
        auto_transitions=False,
        graph_engine="mermaid",
        title=node.name,
    )
    chart = str(drawn.get_graph().source).rstrip()
    for state, name in names.items():
        if state and name != state:
            chart = chart.replace(f'state "{name}" as {name}\n', f'state "{_text(state)}" as {name}\n')
    return "\n".join([chart, *_notes(node, names)])


def _names(states: Iterable[str]) -> dict[str, str]:
    """By state, what Mermaid can call it: a word, and none of its own."""
    names: dict[str, str] = {}
    for state in states:
        name = re.sub(r"\W", "_", state, flags=re.ASCII) or "_"
        while name in names.values() or name.lower() in _WORDS:
            name += "_"
        names[state] = name
    return names


def _text(label: str) -> str:
    """A label in which nothing ends it."""
    return re.sub(r"[:;#%\"\n]", lambda found: f"#{ord(found.group())};", label)


def _label(plan: TriggerPlan, transition: Transition[Any]) -> str:
    deadline = isinstance(plan.source.model.__computed__.get(plan.trigger.field), Deadline)
    label = f"{plan.label} (in time)" if deadline else plan.label
    if transition.guard is None:
        return _text(label)
    name = getattr(transition.guard, "__name__", "guard")
    return _text(f"{label} [{'guarded' if name == '<lambda>' else name}]")


def _notes(node: MachineNode, names: Mapping[str, str]) -> Iterator[str]:
    for entered, plans in node.entries.items():
        yield f"  {names[str(entered)]}: entry / {', '.join(plan.property for plan in plans)}"
    if node.machine.erases is not None:
        yield f"  {names[str(node.machine.erases)]} --> [*]: deleted"
