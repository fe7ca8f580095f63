"""Dispatch: an event enters, once."""

from collections.abc import Mapping
from typing import Any, TypeVar

from framework.model.entity import Event
from framework.model.record import Record
from framework.plan.plan import Plan
from framework.plan.shape import Kind, Shape
from framework.runtime.asking import shortened
from framework.runtime.engine import Engine
from framework.runtime.errors import NotAnEvent
from framework.runtime.keys import keyed, known, remember
from framework.runtime.present import detached
from framework.runtime.receipt import Receipt, changes_of
from framework.runtime.transaction import Transaction

E = TypeVar("E", bound=Event)


def dispatch(
    engine: Engine,
    event: E,
    *,
    key: str | None = None,
    actor: str | None = None,
    context: Mapping[str, Any] | None = None,
) -> Receipt[E]:
    """Store an event and all that follows from it; with a key, once for each key.

    The same key and the same content return the first receipt and do nothing; raises ConflictingKey if the
    content differs.
    """
    shape = event_shape(engine.plan, event)
    valid = engine.doors[shape].row(event, engine.clock.now())  # what is invalid opens no transaction
    said = None if key is None else keyed(key, event, valid)

    def operation(transaction: Transaction) -> Receipt[E]:
        if said is not None:
            there = known(transaction.work, shape, said)
            if there is not None:
                return Receipt(detached(shape, there.row, type(event)), there.changes, replayed=True)
        transaction.dispatch(event, actor=actor, context=context)
        stored = transaction.work.rows[shape][event.id]
        row = stored.after_row
        transaction.finish(complete=True)
        changes = changes_of(transaction.work.rows)
        if said is not None:
            remember(transaction.work, said, changes)
        row = stored.after_row or row  # it may be gone with what it referred to
        assert row is not None, "it was there when it had been dispatched"
        return Receipt(detached(shape, row, type(event)), changes)

    return engine.write(operation)


def event_shape(plan: Plan, event: Any) -> Shape:
    """What is known of the class of an event; raises NotAnEvent for anything else."""
    shape, _ = plan.home(type(event))
    if shape is None or shape.kind is not Kind.EVENT:
        if isinstance(event, Record):
            raise NotAnEvent(model=type(event).__name__, remedy="Use `tx.add` in `app.transaction()`")
        raise NotAnEvent(model=shortened(event), remedy="Make a record of an Event class: `OrderPlaced(...)`")
    return shape
