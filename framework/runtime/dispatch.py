"""Dispatch: an event enters, once."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Set
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json

from framework.model.entity import Event
from framework.model.record import Record
from framework.plan.plan import Plan
from framework.plan.shape import Kind, Shape
from framework.runtime.asking import shortened
from framework.runtime.engine import Engine
from framework.runtime.errors import ConflictingKey, NotAnEvent, NotText, UnusableKey
from framework.runtime.present import detached
from framework.runtime.receipt import ChangeKind, NetChange, Receipt, net_changes
from framework.runtime.transaction import Transaction
from framework.storage.codec import Row

E = TypeVar("E", bound=Event)

LONGEST_KEY = 500
"""So many characters fit into the index of every database."""

SAID_BY_EVENT = ""
"""In place of a fingerprint, where the event has another form now: the stored event says what it was."""

_SURROGATE = re.compile("[\ud800-\udfff]")


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
    if key is not None:
        _check(key)
    content = None if key is None else fingerprint(event, valid)

    def operation(transaction: Transaction) -> Receipt[E]:
        if key is not None and content is not None:
            transaction.work.hold("dispatch", key)
            replayed = _replay(engine.plan, transaction, key, event, valid, content)
            if replayed is not None:
                return replayed
        transaction.dispatch(event, actor=actor, context=context)
        stored = transaction.work.rows[shape][event.id]
        row = stored.after_row
        transaction.finish(complete=True)
        changes = _changes(transaction)
        if key is not None and content is not None:
            _remember(transaction, key, event, content, changes)
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


def _check(key: object) -> None:
    match key:
        case str() if not 0 < len(key) <= LONGEST_KEY:
            raise UnusableKey(given=f"{len(key)} characters long", most=LONGEST_KEY)
        case str() if "\0" in key or _SURROGATE.search(key):
            raise UnusableKey(given=f"{key!r}, which has characters that no database keeps", most=LONGEST_KEY)
        case str():
            return
    raise UnusableKey(given=f"of the type {type(key).__name__}", most=LONGEST_KEY)


def fingerprint(event: Event, row: Row) -> str:
    """A digest of what the caller said: the class and the facts that were given or have fixed defaults."""
    return hashlib.sha256(_content(event, _said(event), row)).hexdigest()


def _said(event: Event) -> list[str]:
    """The facts that the caller said, or that have fixed defaults."""
    return [
        name
        for name, default in type(event).__facts__.items()
        if name in event.__pydantic_fields_set__ or not callable(default)
    ]


def _content(event: Event, facts: Iterable[str], row: Row) -> bytes:
    said = _in_order({name: row[name] for name in facts})
    try:
        return to_json({"event": type(event).__name__, "facts": said}, bytes_mode="base64")
    except PydanticSerializationError as error:
        raise NotText(reason=str(error)) from error


def _says_the_same(shape: Shape, event: Event, said: Row, stored: Row) -> bool:
    """Whether what the caller says is what the stored event says, but for what has let go of it since."""
    facts = [name for name in _said(event) if not (name in shape.references and stored[name] is None)]
    return _content(event, facts, said) == _content(event, facts, stored)


def _in_order(value: Any) -> Any:
    """The value, with an order where it has none: every process says the same in the same way."""
    match value:
        case BaseModel():
            return _in_order(value.model_dump(by_alias=True))
        case Mapping():
            return {key: _in_order(value[key]) for key in sorted(value, key=str)}
        case Set():
            return sorted(map(_in_order, value), key=to_json)
        case list() | tuple():
            return [*map(_in_order, value)]
        case _:
            return value


def _changes(transaction: Transaction) -> list[NetChange]:
    return net_changes(change for known in transaction.work.rows.values() for change in known.values())


def _replay(
    plan: Plan, transaction: Transaction, key: str, event: E, valid: Row, content: str
) -> Receipt[E] | None:
    bookkeeping = transaction.work.database.bookkeeping
    values = transaction.work.connection.row(bookkeeping.find_dispatch, [key])
    if values is None:
        return None
    known = bookkeeping.dispatch_row(values)
    if known["event"] != type(event).__name__:
        raise ConflictingKey(
            key=key, event="event", difference=f"it was a {known['event']}, this is a {type(event).__name__}"
        )
    shape = plan.shape(type(event))
    stored = transaction.work.find(shape, known["event_id"])
    row = None if stored is None else stored.after_row
    if known["fingerprint"] == SAID_BY_EVENT:
        is_same = row is None or _says_the_same(shape, event, valid, row)
    else:
        is_same = known["fingerprint"] == content
    if not is_same:
        raise ConflictingKey(key=key, event=known["event"], difference="its content differs")
    if row is None:  # it went with what it referred to; the caller has said again what it said
        row = valid | {"id": known["event_id"]}
    models = {one.name: one.model for one in plan.shapes.values()}
    changes = [
        NetChange(ChangeKind(kind), models[name], UUID(hex=id))
        for kind, name, id in json.loads(known["changes"])
        if name in models  # a class may be gone since then
    ]
    return Receipt(detached(shape, row, type(event)), changes, replayed=True)


def _remember(
    transaction: Transaction, key: str, event: Event, content: str, changes: list[NetChange]
) -> None:
    sql, parameters = transaction.work.database.bookkeeping.dispatch
    row: dict[str, Any] = {
        "key": key,
        "fingerprint": content,
        "event": type(event).__name__,
        "event_id": event.id,
        "changes": json.dumps([(change.kind, change.model.__name__, change.id.hex) for change in changes]),
        "at": transaction.now,
    }
    transaction.work.connection.tell(sql, parameters.of(row))
