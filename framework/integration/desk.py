"""A desk: where the calls of one class are carried out, by which handlers, under which policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from framework.computations.triggers import Occasion
from framework.integration.handlers import CallHandlers
from framework.integration.integration import Integration
from framework.integration.policy import Policy
from framework.model.apicall import CallStatus, FromEvents
from framework.observe import Metrics
from framework.plan.node import MachineNode
from framework.plan.shape import Shape
from framework.plan.view import view_of
from framework.runtime.transaction import Transaction


@dataclass(frozen=True, eq=False)
class Desk:
    """One call class and the integration that serves it."""

    integration: Integration[Any]
    handlers: CallHandlers
    shape: Shape
    metrics: Metrics

    @property
    def policy(self) -> Policy:
        return self.handlers.policy

    def enrol(self, row: dict[str, Any]) -> None:
        """Let a new call enter the outbox: it is due at once, in the order of its key."""
        policy, created_at = self.handlers.policy, row["created_at"]
        row["_due_at"] = created_at
        row["_deadline_at"] = created_at + policy.deadline
        if policy.ordering_key is not None:
            row["_ordering_key"] = policy.ordering_key(view_of(self.shape.view, row))

    @cached_property
    def is_moved_by_events_alone(self) -> bool:
        """Whether nothing but integration events moves the properties of the calls."""
        return all(isinstance(one, FromEvents) for one in self.shape.model.__computed__.values())

    def moved(self, row: dict[str, Any], status: CallStatus) -> tuple[Shape, UUID] | None:
        """The record that is moved when a call gets this status, if it is known beforehand, and one."""
        found = {(host, row[key]) for host, key in self._movable.get(status, ()) if row[key] is not None}
        return found.pop() if len(found) == 1 else None

    @cached_property
    def _movable(self) -> Mapping[CallStatus, set[tuple[Shape, str]]]:
        """The classes whose state machines wait for a status of the calls, with the key that leads there."""
        movable: dict[CallStatus, set[tuple[Shape, str]]] = {}
        machines = (one for one in self.shape.readers.get("status", ()) if isinstance(one, MachineNode))
        for node, plan in ((machine, trigger) for machine in machines for trigger in machine.triggers):
            route, trigger = plan.route, plan.trigger
            direct = route.source is self.shape and route.lens is None and route.key is not None
            if direct and trigger.occasion is Occasion.BECAME and trigger.field == "status":
                movable.setdefault(trigger.value, set()).add((node.host, str(route.key)))
        return movable

    @property
    def is_delivered_to(self) -> bool:
        """Whether the vendor says something of calls that we did not ask about."""
        return bool(self.handlers.webhooks) or self.handlers.reconcile is not None

    def make_known(self, transaction: Transaction, name: str) -> None:
        """Write down whose call the vendor knows by this name, where records have tenants."""
        work = transaction.work
        if work.tenant is not None and self.is_delivered_to:
            work.database.tenants.make_known(work.connection, self.shape.name, name, work.tenant)

    def next_look(self, row: dict[str, Any], now: datetime) -> datetime:
        """When to look after a call that the vendor has: at the next poll, at the latest at its deadline."""
        deadline: datetime = row["_deadline_at"]
        if self.handlers.poll is None:
            return deadline
        return min(now + self.policy.poll.wait(row["_polls"]), deadline)
