"""Keys: what is dispatched under a key is dispatched once, and comes again as it was."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json

from framework.model.entity import Event
from framework.plan.shape import Shape
from framework.runtime.errors import ConflictingKey, NotText, UnusableKey
from framework.runtime.receipt import ChangeKind, NetChange
from framework.runtime.work import Work
from framework.storage.codec import Row

LONGEST_KEY = 500
"""So many characters fit into the index of every database."""

SAID_BY_EVENT = ""
"""In place of a fingerprint, where the event has another form now: the stored event says what it was."""

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Keyed:
    """An event that comes under a key, with its valid facts and a digest of what the caller said."""

    key: str
    event: Event
    facts: Row
    content: str

    def refuse_unless_same(self, other: "Keyed") -> None:
        """Raises ConflictingKey if the other says something else."""
        self.refuse_unless(is_same=other.content == self.content, there=type(other.event).__name__)

    def refuse_unless(self, *, is_same: bool, there: str) -> None:
        """Raises ConflictingKey if what is there is of another class, or not the same."""
        called = type(self.event).__name__
        if there != called:
            difference = f"it was a {there}, this is a {called}"
            raise ConflictingKey(key=self.key, event="event", difference=difference)
        if not is_same:
            raise ConflictingKey(key=self.key, event=called, difference="its content differs")


class Known(NamedTuple):
    """What came of a key when it was used: the event as it is stored, and what changed with it."""

    row: Row
    changes: list[NetChange]


def keyed(key: str, event: Event, facts: Row) -> Keyed:
    """The event under a key; raises UnusableKey."""
    _check(key)
    return Keyed(key, event, facts, fingerprint(event, facts))


def known(work: Work, shape: Shape, said: Keyed) -> Known | None:
    """What the key stands for, None if it is new; raises ConflictingKey. Nobody else uses it until the
    transaction ends.
    """
    work.hold("dispatch", said.key)
    bookkeeping = work.database.bookkeeping
    values = work.connection.row(bookkeeping.find_dispatch, [said.key])
    if values is None:
        return None
    there = bookkeeping.dispatch_row(values)
    said.refuse_unless(is_same=True, there=there["event"])
    stored = work.find(shape, there["event_id"])
    row = None if stored is None else stored.after_row
    if there["fingerprint"] == SAID_BY_EVENT:
        is_same = row is None or _says_the_same(shape, said, row)
    else:
        is_same = there["fingerprint"] == said.content
    said.refuse_unless(is_same=is_same, there=there["event"])
    if row is None:  # it went with what it referred to; the caller has said again what it said
        row = said.facts | {"id": there["event_id"]}
    models = {one.name: one.model for one in work.database.plan.shapes.values()}
    changes = [
        NetChange(ChangeKind(kind), models[name], UUID(hex=id))
        for kind, name, id in json.loads(there["changes"])
        if name in models  # a class may be gone since then
    ]
    return Known(row, changes)


def remember(work: Work, said: Keyed, changes: Sequence[NetChange]) -> None:
    """Note what came of a key."""
    sql, parameters = work.database.bookkeeping.dispatch
    row: dict[str, Any] = {
        "key": said.key,
        "fingerprint": said.content,
        "event": type(said.event).__name__,
        "event_id": said.event.id,
        "changes": json.dumps([(change.kind, change.model.__name__, change.id.hex) for change in changes]),
        "at": work.now,
    }
    work.connection.tell(sql, parameters.of(row))


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


def _says_the_same(shape: Shape, said: Keyed, stored: Row) -> bool:
    """Whether what the caller says is what the stored event says, but for what has let go of it since."""
    facts = [name for name in _said(said.event) if not (name in shape.references and stored[name] is None)]
    return _content(said.event, facts, said.facts) == _content(said.event, facts, stored)


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
