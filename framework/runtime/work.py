"""The working set of one transaction: what it has touched, what is still to be told to the database."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID
from weakref import proxy

from framework.plan.node import AdditiveNode, MachineNode
from framework.plan.shape import Kind, Shape
from framework.plan.view import view_of
from framework.runtime.amounts import Amounts, Waiting, add_to_row, parameters_of
from framework.runtime.at_hand import AtHand
from framework.runtime.change import Change
from framework.runtime.door import Door
from framework.runtime.due import Due
from framework.runtime.errors import AlreadyExists, DeletedHere
from framework.runtime.followed import Followed
from framework.runtime.parameters import Parameters
from framework.runtime.refused import explained, missing, not_added
from framework.runtime.untold import Untold
from framework.storage.codec import Row
from framework.storage.database import Connection, Database
from framework.storage.errors import TransactionInterrupted
from framework.storage.statements import SOME, Lock
from framework.storage.violation import Violation

DELETED = "the record was deleted"
"""The trigger that ends what a state machine remembers of a record."""

ADOPTED = "the state was kept in a migration"
"""The trigger by which a state machine goes on from a state that it does not remember the way to."""


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
        self.tenant = connection.tenant  # whose rows these are
        self.rows: dict[Shape, dict[UUID, Change]] = {}
        self.untold = Untold(connection, self.statements, partial(explained, proxy(self)))
        self.due = Due(database.plan.nodes)
        self.wake = self.due.wake
        self._waiting = Waiting()
        self._parameters: Parameters | None = None
        self._at_hand: AtHand | None = None
        self.let_go: set[tuple[Shape, str]] = set()
        self.closers: Sequence[Callable[[Work], None]] = ()  # what layers above write at the end
        self.notes: dict[object, Any] = {}  # what layers above remember within the transaction
        self.expired: set[Change] = set()
        self._moves: list[Row] = []
        self.doomed: frozenset[Change] = frozenset()  # records that go together, whoever refers to whom
        self.going: set[Change] = set()
        self._absent: dict[tuple[Shape, UUID], None] = {}
        self.held: set[Change] = set()
        self.followed: list[Followed] = []

    @property
    def parameters(self) -> Parameters:
        """What the callbacks of this transaction are given."""
        if self._parameters is None:
            self._parameters = Parameters(self)
        return self._parameters

    def insert(self, shape: Shape, row: Row) -> Change:
        """A record comes to be."""
        id = row["id"]
        known = self.rows.get(shape)
        earlier = known.get(id) if known else None
        if earlier is not None:
            if earlier.after_row is not None:
                raise AlreadyExists(model=shape.name, columns="id", values=repr(str(id)), code="id_taken")
            if (
                earlier.before_row is not None
            ):  # what counted for the old record does not count for the new one
                raise DeletedHere(model=shape.name, id=id)
            self._at_hand = None
        change = Change(shape, id, None, row, stored=False)
        if shape.parameters:
            self.parameters.concern(shape)
        if shape.unique and self.untold.changed:
            self.untold.make_room(shape)
        self.rows.setdefault(shape, {})[id] = change
        self.untold.new.append(change)
        for node in shape.watchers:
            self.wake(node)
        return change

    def insert_all(self, shape: Shape, rows: Sequence[Row]) -> None:
        """Many records of one class come to be."""
        known = self.rows.setdefault(shape, {})
        changes = {row["id"]: Change(shape, row["id"], None, row, stored=False) for row in rows}
        if len(changes) < len(rows) or (known and not known.keys().isdisjoint(changes)):
            for row in rows:  # one of them will say what is wrong
                self.insert(shape, row)
            return
        if shape.parameters:
            self.parameters.concern(shape)
        if shape.unique and self.untold.changed:
            self.untold.make_room(shape)
        known.update(changes)
        self.untold.new += changes.values()
        for node in shape.watchers:
            self.wake(node)

    def set(self, change: Change, name: str, value: Any) -> bool:
        """A column of a record takes a value; whether it is another one."""
        row = change.after_row
        assert row is not None, "a deleted record takes no values"
        if row[name] == value:
            return False
        row[name] = value
        if name in change.shape.references:
            self.let_go.add((change.shape, name))
        if self._at_hand is not None:
            self._at_hand.note(change, name, value)
        if change.stored:
            change.dirty[name] = None
            self.untold.changed[change] = None
        for node in change.shape.readers.get(name, ()):
            self.wake(node)
        return True

    def add(self, node: AdditiveNode, id: UUID, amounts: Sequence[int]) -> None:
        """Amounts are added to the states of a record, by the database if nobody has read the row."""
        shape = node.route.host
        known = self.rows.get(shape)
        change = known.get(id) if known else None
        if change is None:
            self._waiting.add(shape, id, node, amounts)
        elif change.after_row is not None:
            self._add_to_row(change, {node: amounts})
        for reader in node.readers:
            self.wake(reader)

    def delete(self, changes: Sequence[Change]) -> None:
        """Tell the database, at once, that stored records of one class are gone."""
        if not changes:
            return
        statements = self.statements[changes[0].shape]
        ids = [statements.encode_id(change.id) for change in changes]
        if len(ids) == 1:
            self.connection.tell(statements.deletion, ids)
        else:
            self.connection.tell(statements.deletion_of_some, ids + ids[-1:] * (SOME - len(ids)))

    def gone(self, change: Change) -> None:
        """A record is no longer there, as the database has been told."""
        assert change.after_row is not None, "it is only now that it goes"
        for machine in change.shape.machines:  # a record that comes back under this id starts anew
            state = change.after_row[machine.property]
            self.moved(machine, change.id, DELETED, change.id, state, machine.machine.initial)
        change.stored = False
        change.after_row = None
        change.dirty.clear()
        self.untold.changed.pop(change, None)
        for node in change.shape.watchers:
            self.wake(node)

    def find(self, shape: Shape, id: UUID, lock: Lock = Lock.CHANGE) -> Change | None:
        """The record with this id, read once and then remembered; None if there is none.

        Others can change it only after this transaction, so that what is computed from it stays true.
        """
        known = self.rows.setdefault(shape, {})
        change = known.get(id)
        if change is not None:
            return change if change.after_row is not None else None
        if shape.parameters:
            self.parameters.concern(shape)
        if self.concurrent and shape.kind is Kind.GLOBAL:
            self._lock_before_global()
        statements = self.statements[shape]
        found = self.connection.row(statements.by_id(lock), [statements.encode_id(id)])
        if found is not None:
            change = self._remember(shape, found)
            if lock is Lock.REFERENCE:
                self.held.add(change)
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
        self.database.hold(self.connection, *name, *([self.tenant] if self.tenant else []))

    def share(self, *name: str) -> None:
        """Keep others from holding what goes by this name until the transaction ends; they may share it."""
        self.database.share(self.connection, *name, *([self.tenant] if self.tenant else []))

    def where(self, shape: Shape, key: str, value: Any) -> list[Change]:
        """All records whose field has the value.

        What the database has yet to be told is looked at here, so that each record is told once.
        """
        stored = self.stored(shape, key, value)
        found = [one for one in stored if one.after_row is not None and one.after_row[key] == value]
        known = set(found)
        return found + [one for one in self._untold(shape, key, value) if one not in known]

    def where_any(self, shape: Shape, key: str, values: Sequence[UUID]) -> list[Change]:
        """All records whose field has one of at most `SOME` ids."""
        if len(values) == 1:
            return self.where(shape, key, values[0])
        if shape.parameters:
            self.parameters.concern(shape)
        statements = self.statements[shape]
        wanted = [statements.encode_id(value) for value in values]
        wanted += wanted[-1:] * (SOME - len(wanted))
        rows = self.connection.rows(statements.selection_of_any(key), wanted)
        stored = [self.adopt(shape, row) for row in rows]
        found = {one: None for one in stored if one.after_row is not None and one.after_row[key] in values}
        for value in values:
            found |= dict.fromkeys(self._untold(shape, key, value))
        return list(found)

    def _untold(self, shape: Shape, key: str, value: Any) -> list[Change]:
        """Records whose field has the value, of which the database has yet to be told, and perhaps others."""
        untold: Iterable[Change] = self.untold
        if self.untold.are_many:
            if self._at_hand is None:
                self._at_hand = AtHand()
            untold = self._at_hand.having(shape, key, value, self.rows.get(shape, {}))
        return [
            one
            for one in untold
            if one.shape is shape and one.after_row is not None and one.after_row[key] == value
        ]

    def stored(self, shape: Shape, key: str, value: Any, where: str | None = None) -> list[Change]:
        """All records whose field had the value when the database was last told; of those for which the
        SQL holds, if it is given.
        """
        if shape.parameters:
            self.parameters.concern(shape)
        sql, parameters = self.statements[shape].selection((key,), Lock.CHANGE, where)
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

    def changes(self, shape: Shape) -> Sequence[Change]:
        """All records of a class that the transaction has touched so far, in order."""
        if shape in self._waiting.held:
            self._settle_amounts(shape)
        known = self.rows.get(shape)
        return list(known.values()) if known else ()

    def moved(
        self,
        node: MachineNode,
        id: UUID,
        trigger: str,
        cause: UUID,
        source: Any,
        target: Any,
        entered: str | None = None,
    ) -> None:
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
                "entered": entered,
                "at": self.now,
            }
        )

    def next_wave(self) -> "Work":
        """What goes on in the same transaction, from what the database was told, each step once again."""
        wave = Work(self.connection, self.database, self.doors, self.now)
        wave.due = self.due.fresh()
        wave.wake = wave.due.wake
        return wave

    def flush(self) -> None:
        """Tell the database of all new and changed rows, and see that it has them."""
        self.untold.tell()
        self.connection.settle()

    def tell_of(self, shape: Shape) -> None:
        """Tell the database of all new rows, and of the changed ones of one class."""
        self.untold.tell_of(shape)

    def finish(self, *, complete: bool = False) -> None:
        """Tell the database of all, also of the amounts that no step needed back; of those too if
        `complete`.
        """
        if complete:
            for shape in list(self._waiting.held):
                self._settle_amounts(shape)
        self.untold.tell()
        if self._moves:
            sql, parameters = self.database.bookkeeping.move
            self.connection.tell_many(sql, [parameters.of(move) for move in self._moves])
            self._moves.clear()
        for shape in self._waiting.shapes:
            statements = self.statements[shape]
            for id, amounts in self._waiting.take(shape):
                adjustment = statements.adjustment(tuple(amounts))
                added = parameters_of(amounts, statements.encode_id(id))
                if self.connection.tell(adjustment.sql, added, self._not_added, (shape, id)) == 0:
                    raise missing(self, shape, id)
        if self._absent:
            self._look_again()

    def _not_added(self, violation: Violation, host: tuple[Shape, UUID]) -> Exception:
        return not_added(self, violation, *host)

    def _settle_amounts(self, shape: Shape) -> None:
        """Bring rows with amounts into the working set: added to by the database, or read and added to
        here.
        """
        if shape.parameters:
            self.parameters.concern(shape)
        for id, amounts in self._waiting.take(shape):
            if shape.relative:
                self._add_and_read(shape, id, amounts)
                continue
            change = self.find(shape, id)
            if change is None:
                raise missing(self, shape, id)
            self._add_to_row(change, amounts)

    def _add_and_read(self, shape: Shape, id: UUID, amounts: Amounts) -> None:
        """Let the database add to a row and return it, and work out what it was before."""
        statements = self.statements[shape]
        adjustment = statements.adjustment(tuple(amounts))
        parameters = parameters_of(amounts, statements.encode_id(id))
        values = self.connection.row(adjustment.returning, parameters)
        if values is None:
            raise missing(self, shape, id)
        row = statements.codec.decode(values)
        before = row.copy()
        for state, amount in zip(adjustment.states, parameters, strict=False):  # the last is the id
            before[state] -= amount
        for name, derive in shape.derived_and_read:
            before[name] = derive(before)
        change = Change(shape, id, before, row, stored=True)
        change.told = True
        self.rows.setdefault(shape, {})[id] = change

    def _add_to_row(self, change: Change, amounts: Amounts) -> None:
        row = change.after_row
        assert row is not None, "amounts go to records that are there"
        for state in add_to_row(row, amounts):
            if change.stored:
                change.dirty[state] = None
                self.untold.changed[change] = None
        for name, derive in change.shape.derive_old.items():
            row[name] = derive(row)

    def _remember(self, shape: Shape, values: Sequence[Any]) -> Change:
        return self.keep(shape, self.statements[shape].codec.decode(values))

    def keep(self, shape: Shape, row: Row) -> Change:
        """Remember a record by the row that the database has."""
        change = Change(shape, row["id"], row.copy(), row, stored=True)
        self.rows.setdefault(shape, {})[change.id] = change
        amounts = self._waiting.take_of(shape, change.id)
        if amounts is not None:
            self._add_to_row(change, amounts)
        return change

    def _lock_before_global(self) -> None:
        """Everybody wants a Global: what else this transaction locks, it locks before."""
        for shape in [shape for shape in self._waiting.held if shape.kind is not Kind.GLOBAL]:
            self._settle_amounts(shape)

    def _look_again(self) -> None:
        """Another transaction may have made, meanwhile, what this one did not find and went on without."""
        for shape, id in self._absent:
            change = self.rows.get(shape, {}).get(id)
            if change is not None and change.before_row is None:
                continue  # this transaction has made it itself
            statements = self.statements[shape]
            read = statements.by_id()
            if change is not None or self.connection.row(read, [statements.encode_id(id)]) is not None:
                raise TransactionInterrupted(reason=f"{shape.name} {id} came to be meanwhile")
