"""The working set of one transaction: what it has touched, what is still to be told to the database."""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from heapq import heappop, heappush
from typing import Any
from uuid import UUID

from framework.errors import InvariantBroken
from framework.plan.node import AdditiveNode, MachineNode, Node
from framework.plan.shape import Kind, Shape
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.door import Door
from framework.runtime.errors import (
    AlreadyExists,
    DeletedHere,
    MissingReference,
    NotText,
    NumberTooLarge,
    StillReferenced,
)
from framework.storage.codec import Row
from framework.storage.database import Connection, Database
from framework.storage.errors import TransactionInterrupted
from framework.storage.statements import Lock
from framework.storage.violation import Constraint, Violation

DELETED = "the record was deleted"
"""The trigger that ends what a state machine remembers of a record."""

Amounts = dict[AdditiveNode, Sequence[int]]
"""What is to be added to one record, by the steps that say so."""


_FEW = 16
"""So many new rows go into one statement; of more, each is told on its own, so that statements stay few in
kind.
"""


_MANY = 256
"""So much that the database has yet to be told is looked through for each question; more is told first."""


class Work:
    """Rows by class and id, amounts to be added to rows that nobody has read, and the steps that are due.

    Writes are held back and merged: one INSERT or one UPDATE of a record per transaction, however many inputs
    changed. A row that only sums change is never read: the database adds to it, and returns it if a
    further step needs its value.
    """

    def __init__(
        self, connection: Connection, database: Database, doors: dict[Shape, Door], now: datetime
    ) -> None:
        self.connection = connection
        self.statements = database.statements
        self.database = database
        self.concurrent = database.concurrent
        self.doors = doors
        self.now = now
        self.rows: dict[Shape, dict[UUID, Change]] = {}
        self._amounts: dict[Shape, dict[UUID, Amounts]] = {}
        self._new: list[Change] = []
        self._dirty: dict[Change, None] = {}
        self.closers: Sequence[Callable[[Work], None]] = ()  # what layers above write at the end
        self.notes: dict[object, Any] = {}  # what layers above remember within the transaction
        self._moves: list[Row] = []
        self._due: list[int] = []
        self._queued: set[int] = set()
        self._nodes: dict[int, Node] = {}
        self._running = -1
        self._going: set[Change] = set()
        self._absent: dict[tuple[Shape, UUID], None] = {}
        self._held: set[Change] = set()

    def insert(self, shape: Shape, row: Row) -> Change:
        """A record comes to be."""
        id = row["id"]
        known = self.rows.setdefault(shape, {})
        earlier = known.get(id)
        if earlier is not None:
            if earlier.after_row is not None:
                raise AlreadyExists(model=shape.name, columns="id", values=repr(str(id)))
            if (
                earlier.before_row is not None
            ):  # what counted for the old record does not count for the new one
                raise DeletedHere(model=shape.name, id=id)
        if shape.unique and self._dirty:
            self._make_room(shape)
        change = Change(shape, id, None, row, stored=False)
        known[id] = change
        self._new.append(change)
        for node in shape.watchers:
            self.wake(node)
        return change

    def set(self, change: Change, name: str, value: Any) -> bool:
        """A column of a record takes a value; whether it is another one."""
        row = change.after_row
        assert row is not None, "a deleted record takes no values"
        if row[name] == value:
            return False
        row[name] = value
        if change.stored:
            change.dirty[name] = None
            self._dirty[change] = None
        for node in change.shape.readers.get(name, ()):
            self.wake(node)
        return True

    def add(self, node: AdditiveNode, id: UUID, amounts: Sequence[int]) -> None:
        """Amounts are added to the states of a record, by the database if nobody has read the row."""
        shape = node.route.host
        known = self.rows.get(shape)
        change = known.get(id) if known else None
        if change is None:
            held = self._amounts.setdefault(shape, {}).setdefault(id, {})
            earlier = held.get(node)
            held[node] = amounts if earlier is None else list(map(operator.add, earlier, amounts))
        elif change.after_row is not None:
            self._add_to_row(change, {node: amounts})
        for reader in node.readers:
            self.wake(reader)

    def remove(self, change: Change) -> None:
        """A record goes, and what refers to it by cascade; the rest must have let go of it."""
        if change.after_row is None or change in self._going:
            return
        shape = change.shape
        self._going.add(change)  # a circle of cascades comes back to it
        if self.concurrent and change.stored and shape.referrers and change not in self._held:
            self.connection.row(self.statements[shape].hold, [self.statements[shape].encode_id(change.id)])
        for referrer, key, ondelete in shape.referrers:
            if any(key in other.dirty for other in self._dirty if other.shape is referrer):
                self.tell_of(referrer)  # what has let go of the record must not go with it
            for other in self.where(referrer, key, change.id):
                if ondelete == "CASCADE":
                    self.remove(other)
                elif ondelete == "SET NULL":
                    self.set(other, key, None)
                elif other is not change:
                    raise StillReferenced(model=shape.name, id=change.id, referrer=referrer.name, field=key)
        if change.stored:
            self.connection.run(
                self.statements[shape].deletion, [self.statements[shape].encode_id(change.id)]
            )
            change.stored = False
        for machine in shape.machines:  # a record that comes back under this id starts anew
            state = change.after_row[machine.property]
            self.moved(machine, change.id, DELETED, change.id, state, machine.machine.initial)
        change.after_row = None
        change.dirty.clear()
        self._dirty.pop(change, None)
        for node in shape.watchers:
            self.wake(node)

    def find(self, shape: Shape, id: UUID, lock: Lock = Lock.CHANGE) -> Change | None:
        """The record with this id, read once and then remembered; None if there is none.

        Others can change it only after this transaction, so that what is computed from it stays true.
        """
        known = self.rows.setdefault(shape, {})
        change = known.get(id)
        if change is not None:
            return change if change.after_row is not None else None
        if self.concurrent and shape.kind is Kind.GLOBAL:
            self._lock_before_global()
        sql, parameters = self.statements[shape].selection(("id",), lock)
        found = self.connection.row(sql, parameters.of({"id": id}))
        if found is not None:
            change = self._remember(shape, found)
            if lock is Lock.REFERENCE:
                self._held.add(change)
            return change
        if self.concurrent:
            self._absent[shape, id] = None
        return None

    def find_in_order(self, shape: Shape, ids: Iterable[UUID]) -> None:
        """Find records that will be wanted, lowest id first: so two transactions do not wait for each
        other.
        """
        if self.concurrent:
            for id in sorted(ids):
                self.find(shape, id)

    def hold(self, *name: str) -> None:
        """Keep others from what goes by this name until the transaction ends: a record that is not there
        yet.
        """
        self.database.hold(self.connection, *name)

    def where(self, shape: Shape, key: str, value: Any) -> list[Change]:
        """All records whose field has the value.

        What the database has yet to be told is looked at here, so that each record is told once.
        """
        if len(self._new) + len(self._dirty) > _MANY:
            self.tell_of(shape)
        stored = self.stored(shape, key, value)
        found = [one for one in stored if one.after_row is not None and one.after_row[key] == value]
        known = set(found)
        return found + [one for one in self._untold(shape, key, value) if one not in known]

    def _untold(self, shape: Shape, key: str, value: Any) -> list[Change]:
        """Records whose field has the value, of which the database has yet to be told."""
        untold = dict.fromkeys((*self._new, *self._dirty))
        return [
            one
            for one in untold
            if one.shape is shape and one.after_row is not None and one.after_row[key] == value
        ]

    def stored(self, shape: Shape, key: str, value: Any) -> list[Change]:
        """All records whose field had the value when the database was last told."""
        sql, parameters = self.statements[shape].selection((key,), Lock.CHANGE)
        known = self.rows.setdefault(shape, {})
        found = []
        for values in self.connection.rows(sql, parameters.of({key: value})):
            id = self.statements[shape].codec.decode(values)["id"]
            found.append(known.get(id) or self._remember(shape, values))
        return found

    def look(self, shape: Shape, key: str, value: Any) -> list[Any]:
        """All records whose field has the value, to look at; others may be about to change them."""
        if not self.concurrent:
            return [one.after for one in self.where(shape, key, value)]
        if len(self._new) + len(self._dirty) > _MANY:
            self.tell_of(shape)
        sql, parameters = self.statements[shape].selection((key,))
        found: list[Any] = []
        known: set[Change] = set()
        for values in self.connection.rows(sql, parameters.of({key: value})):
            record, change = self.glance(shape, values)
            if change is None:
                found.append(record)
            elif change.after_row is not None and change.after_row[key] == value:
                known.add(change)
                found.append(record)
        return found + [one.after for one in self._untold(shape, key, value) if one not in known]

    def adopt(self, shape: Shape, values: Sequence[Any]) -> Change:
        """The record of a row that a statement of one's own has read."""
        id = self.statements[shape].codec.decode(values)["id"]
        return self.rows.setdefault(shape, {}).get(id) or self._remember(shape, values)

    def glance(self, shape: Shape, values: Sequence[Any]) -> tuple[Any, Change | None]:
        """A record as it is at hand, or else as a statement of one's own has read it, to look at."""
        row = self.statements[shape].codec.decode(values)
        known = self.rows.get(shape, {}).get(row["id"])
        return (view_of(shape.view, row), None) if known is None else (known.after, known)

    def changes(self, shape: Shape) -> Iterable[Change]:
        """All records of a class that the transaction has touched so far, in order."""
        if shape in self._amounts:
            self._settle_amounts(shape)
        known = self.rows.get(shape)
        return list(known.values()) if known else ()

    def moved(self, node: MachineNode, id: UUID, trigger: str, cause: UUID, source: Any, target: Any) -> None:
        """Write down that a trigger reached a state machine, and what it caused: nothing, where `target` is
        None.
        """
        self._moves.append(
            {
                "machine": node.name,
                "record_id": id,
                "trigger": trigger,
                "cause_id": cause,
                "source": str(source),
                "target": None if target is None else str(target),
                "at": self.now,
            }
        )

    def wake(self, node: Node) -> None:
        """A step is due, once, at its height."""
        if node.position in self._queued:
            return
        if node.position <= self._running:
            raise InvariantBroken(problem=f"{node.name} was woken after its turn")
        self._queued.add(node.position)
        self._nodes[node.position] = node
        heappush(self._due, node.position)

    def due(self) -> Iterator[Node]:
        """The steps that are due, lowest first, with those that they wake."""
        while self._due:
            position = heappop(self._due)
            self._running = position
            yield self._nodes[position]
            self._queued.discard(position)
        self._running = -1

    def flush(self) -> None:
        """Tell the database of all new and changed rows."""
        if self._new:
            self._insert_new()
        if self._dirty:
            self._update_dirty()

    def tell_of(self, shape: Shape) -> None:
        """Tell the database of all new rows, and of the changed ones of one class."""
        if self._new:
            self._insert_new()
        rest = {change: None for change in self._dirty if change.shape is not shape}
        self._dirty = {change: None for change in self._dirty if change.shape is shape}
        self._update_dirty()
        self._dirty = rest

    def _make_room(self, shape: Shape) -> None:
        """Tell the database of unique values that were given up, before another record takes them."""
        if any(change.shape is shape and change.dirty.keys() & shape.unique for change in self._dirty):
            self.tell_of(shape)

    def finish(self, *, complete: bool = False) -> None:
        """Tell the database of all, also of the amounts that no step needed back; of those too if
        `complete`.
        """
        if complete:
            for shape in list(self._amounts):
                self._settle_amounts(shape)
        self.flush()
        if self._moves:
            sql, parameters = self.database.bookkeeping.move
            self.connection.run_many(sql, [parameters.of(move) for move in self._moves])
            self._moves.clear()
        for shape, held in sorted(self._amounts.items(), key=_globals_last):
            statements = self.statements[shape]
            for id, amounts in _in_order(held):
                sql, _ = statements.adjustment(tuple(amounts))
                if not self.connection.run(sql, _parameters(amounts, statements.encode_id(id))):
                    raise self._missing(shape, id)
        self._amounts.clear()
        if self._absent:
            self._look_again()

    def _insert_new(self) -> None:
        new, self._new = self._new, []
        if len(new) > 1:
            new.sort(key=_depth)
        position = 0
        while position < len(new):
            shape = new[position].shape
            end = position
            while end < len(new) and new[end].shape is shape:
                end += 1
            batch = [change for change in new[position:end] if change.after_row is not None]
            sql, parameters = self.statements[shape].insertion
            try:
                if len(batch) == 1:
                    self.connection.run(sql, parameters.of(batch[0].after_row))  # type: ignore[arg-type]  # batch has rows
                elif 1 < len(batch) <= _FEW:
                    values = [value for change in batch for value in parameters.of(change.after_row)]  # type: ignore[arg-type]  # batch has rows
                    self.connection.run(self.statements[shape].insertion_of(len(batch)), values)
                elif batch:
                    self.connection.run_many(sql, [parameters.of(change.after_row) for change in batch])  # type: ignore[arg-type]  # batch has rows
            except Violation as violation:
                raise self._explained(violation, batch) from violation
            for change in batch:
                change.stored = True
                change.dirty.clear()
            position = end

    def _update_dirty(self) -> None:
        dirty, self._dirty = self._dirty, {}
        for change in dirty:
            changed = tuple(self._news_of(change))
            if changed and change.after_row is not None:
                sql, parameters = self.statements[change.shape].update(changed)
                try:
                    self.connection.run(sql, parameters.of(change.after_row))
                except Violation as violation:
                    raise self._explained(violation, [change]) from violation
            change.dirty.clear()
            change.told = True

    @staticmethod
    def _news_of(change: Change) -> Iterable[str]:
        """The columns whose value the database does not have."""
        before, after = change.before_row, change.after_row
        if after is None:
            return ()
        if before is None or change.told:
            return change.dirty
        return [name for name in change.dirty if before[name] != after[name]]

    def _settle_amounts(self, shape: Shape) -> None:
        """Bring rows with amounts into the working set: added to by the database, or read and added to
        here.
        """
        held = self._amounts.pop(shape)
        statements = self.statements[shape]
        known = self.rows.setdefault(shape, {})
        for id, amounts in _in_order(held):
            if not shape.relative:
                change = self.find(shape, id)
                if change is None:
                    raise self._missing(shape, id)
                self._add_to_row(change, amounts)
                continue
            _, sql = statements.adjustment(tuple(amounts))
            values = self.connection.row(sql, _parameters(amounts, statements.encode_id(id)))
            if values is None:
                raise self._missing(shape, id)
            row = statements.codec.decode(values)
            before = row.copy()
            for node, vector in amounts.items():
                for state, amount in zip(node.states, vector, strict=True):
                    before[state] -= amount
            for name, derive in shape.derive_old.items():
                if name in shape.readers:
                    before[name] = derive(before)
            change = known[id] = Change(shape, id, before, row, stored=True)
            change.told = True

    def _add_to_row(self, change: Change, amounts: Amounts) -> None:
        row = change.after_row
        assert row is not None, "amounts go to records that are there"
        for node, vector in amounts.items():
            for state, amount in zip(node.states, vector, strict=True):
                if amount:
                    row[state] += amount
                    if change.stored:
                        change.dirty[state] = None
                        self._dirty[change] = None
        for name, derive in change.shape.derive_old.items():
            row[name] = derive(row)

    def _remember(self, shape: Shape, values: Sequence[Any]) -> Change:
        row = self.statements[shape].codec.decode(values)
        change = Change(shape, row["id"], row.copy(), row, stored=True)
        self.rows.setdefault(shape, {})[change.id] = change
        held = self._amounts.get(shape)
        if held and change.id in held:
            self._add_to_row(change, held.pop(change.id))
        return change

    def _missing(self, shape: Shape, id: UUID) -> Exception:
        """The error for amounts that belong to a record that is not there: find who refers to it."""
        for referrer, key, _ in shape.referrers:
            for change in self.rows.get(referrer, {}).values():
                if change.after_row is not None and change.after_row[key] == id:
                    return MissingReference(model=referrer.name, field=key, target=shape.name, id=id)
        return InvariantBroken(problem=f"amounts for {shape.name} {id}, which does not exist")

    def _explained(self, violation: Violation, batch: list[Change]) -> Exception:
        """What a violated constraint means: a reference to nothing, or a value that must be unique."""
        explained: Exception | None = None
        if violation.constraint is Constraint.REFERENCE:
            explained = self._without_reference(violation, batch)
        elif violation.constraint is Constraint.UNIQUE:
            explained = self._not_unique(violation, batch)
        elif violation.constraint is Constraint.NUMBER:
            explained = NumberTooLarge(reason=str(violation))
        elif violation.constraint is Constraint.TEXT:
            explained = NotText(reason=str(violation))
        problem = f"the database refused a row of {batch[0].shape.name}: {violation}"
        return explained or InvariantBroken(problem=problem)

    def _without_reference(self, violation: Violation, batch: list[Change]) -> Exception | None:
        for change in batch:
            for key, target in change.shape.references.items():
                id = change.after_row[key] if change.after_row else None
                if id is not None and self._is_missing(violation, target, key, id):
                    return MissingReference(model=change.shape.name, field=key, target=target.name, id=id)
        return None

    def _is_missing(self, violation: Violation, target: Shape, key: str, id: UUID) -> bool:
        if violation.detail is not None:
            return violation.columns == (key,) and violation.blames({key: id})
        found = self.find(target, id)
        return found is None or not found.stored

    def _not_unique(self, violation: Violation, batch: list[Change]) -> Exception | None:
        columns = violation.columns
        for change in batch:
            row = change.after_row
            if row is None or not columns or not row.keys() >= set(columns):
                continue
            if len(batch) == 1 or violation.blames(row) or self._taken(violation, change):
                values = ", ".join(repr(str(row[column])) for column in columns)
                return AlreadyExists(model=change.shape.name, columns=", ".join(columns), values=values)
        return None

    def _taken(self, violation: Violation, change: Change) -> bool:
        if violation.detail is not None or change.after_row is None:
            return False
        columns = violation.columns
        sql, parameters = self.statements[change.shape].selection(columns)
        if self.connection.row(sql, parameters.of(change.after_row)):
            return True
        twins = [one for one in self.rows[change.shape].values() if one.after_row and one is not change]
        return any(
            all(twin.after_row[name] == change.after_row[name] for name in columns)
            for twin in twins
            if twin.after_row
        )

    def _lock_before_global(self) -> None:
        """Everybody wants a Global: what else this transaction locks, it locks before."""
        for shape in [shape for shape in self._amounts if shape.kind is not Kind.GLOBAL]:
            self._settle_amounts(shape)

    def _look_again(self) -> None:
        """Another transaction may have made, meanwhile, what this one did not find and went on without."""
        for shape, id in self._absent:
            change = self.rows.get(shape, {}).get(id)
            if change is not None and change.before_row is None:
                continue  # this transaction has made it itself
            sql, parameters = self.statements[shape].selection(("id",))
            if change is not None or self.connection.row(sql, parameters.of({"id": id})) is not None:
                raise TransactionInterrupted(reason=f"{shape.name} {id} came to be meanwhile")


def _depth(change: Change) -> int:
    return change.shape.depth


def _globals_last(held: tuple[Shape, Any]) -> bool:
    return held[0].kind is Kind.GLOBAL


def _in_order(held: dict[UUID, Amounts]) -> Iterable[tuple[UUID, Amounts]]:
    """Lowest id first: so two transactions that want the same records do not wait for each other."""
    return sorted(held.items(), key=_id) if len(held) > 1 else held.items()


def _id(held: tuple[UUID, Amounts]) -> UUID:
    return held[0]


def _parameters(amounts: Amounts, id: Any) -> list[Any]:
    """The amounts of all nodes in their order, then the encoded id."""
    parameters: list[Any] = []
    for vector in amounts.values():
        parameters += vector
    parameters.append(id)
    return parameters
