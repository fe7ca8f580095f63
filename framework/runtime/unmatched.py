"""What reached a state machine, and no transition took."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from framework.model.record import Record
from framework.plan.mistakes import UnknownMachine
from framework.plan.node import MachineNode
from framework.plan.plan import Plan
from framework.runtime.asking import shortened
from framework.runtime.uses import require
from framework.storage.database import Database


@dataclass(frozen=True)
class Unmatched:
    """In this state of `model.property`, no transition took this trigger: so often, and last then."""

    model: type[Record]
    property: str
    state: Any
    trigger: str
    count: int
    last_at: datetime

    def __str__(self) -> str:
        place = f"{self.model.__name__}.{self.property} in the state {str(self.state)!r}"
        times = f"{self.count} times, last at {self.last_at:%Y-%m-%d %H:%M:%S}"
        return f"{place}: no transition took {self.trigger!r}, {times}"


def machine_of(plan: Plan, model: type[Record], property: str | None) -> MachineNode:
    """The node of a state machine; raises UnknownMachine."""
    for node in machines_of(plan, model):
        if node.property == property:
            return node
    raise UnknownMachine(model=getattr(model, "__name__", shortened(model)), property=property)


def machines_of(plan: Plan, model: type[Record] | None = None) -> list[MachineNode]:
    """All state machines of a class, or of all classes."""
    return [
        node
        for node in plan.nodes
        if isinstance(node, MachineNode) and (model is None or node.host.model is model)
    ]


def unmatched(
    plan: Plan, database: Database, model: type[Record] | None = None, property: str | None = None
) -> list[Unmatched]:
    """What no transition took: of one machine, of all of a class, or of all; raises UnknownMachine."""
    fits = property is None or model is not None
    require(fits, property, "app.unmatched", "a class before a property", 'app.unmatched(Order, "status")')
    if model is not None:
        plan.shape(model)
    nodes = (
        machines_of(plan, model) if model is None or property is None else [machine_of(plan, model, property)]
    )
    with database.reading() as connection:
        return [
            Unmatched(node.host.model, node.property, type(node.machine.initial)(state), trigger, count, at)
            for node in nodes
            for state, trigger, count, at in database.bookkeeping.unmatched(connection, node.name)
        ]
