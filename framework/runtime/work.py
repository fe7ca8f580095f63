"""The working set of one transaction: what it does to records, and what follows from that."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from framework.plan.node import AdditiveNode, MachineNode
from framework.plan.shape import Shape
from framework.runtime.amounts import Amounts, parameters_of
from framework.runtime.change import Change
from framework.runtime.door import Door
from framework.runtime.due import Due
from framework.runtime.errors import AlreadyExists, DeletedHere
from framework.runtime.followed import Followed
from framework.runtime.records import Records
from framework.runtime.refused import missing, not_added
from framework.storage.codec import Row
from framework.storage.database import Connection, Database
from framework.storage.errors import TransactionInterrupted
from framework.storage.statements import SOME
from framework.storage.violation import Violation

DELETED = "the record was deleted"
"""The trigger that ends what a state machine remembers of a record."""

ADOPTED = "the state was kept in a migration"
"""The trigger by which a state machine goes on from a state that it does not remember the way to."""


class Work(Records):
    """What is done to records, and the steps that are due because of it.

    Writes are held back and merged: one INSERT or one UPDATE of a record per transaction, however many inputs
    changed.
    """

    def __init__(
        self, connection: Connection, database: Database, doors: dict[Shape, Door], now: datetime
    ) -> None:
        Records.__init__(self, connection, database)
        self.doors = doors
        self.now = now
        self.due = Due(database.plan.nodes)
        self.wake = self.due.wake
        self.let_go: set[tuple[Shape, str]] = set()
        self.closers: Sequence[Callable[[Work], None]] = ()  # what layers above write at the end
        self.notes: dict[object, Any] = {}  # what layers above remember within the transaction
        self.expired: set[Change] = set()
        self._moves: list[Row] = []
        self.followed: list[Followed] = []

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
        if not any(amounts):
            return
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

    def absorb(self, wave: "Work") -> None:
        """What a wave has changed counts as changed here."""
        self.followed += wave.followed
        self._at_hand = None
        for shape, changes in wave.rows.items():
            known = self.rows.setdefault(shape, {})
            for id, change in changes.items():
                earlier = known.get(id)
                if earlier is None:
                    known[id] = change
                else:
                    earlier.go_on(change)

    def hand_over_moves(self, work: "Work") -> None:
        """Let another working set write down the moves, after its own."""
        work._moves += self._moves
        self._moves = []

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
            self.connection.tell_many(sql, list(map(parameters.of, self._moves)))
            self._moves.clear()
        for shape in self._waiting.shapes(concurrent=self.concurrent):
            statements = self.statements[shape]
            for id, amounts in self._waiting.take(shape):
                adjustment = statements.adjustment(tuple(amounts))
                added = parameters_of(amounts, statements.encode_id(id))
                about = (shape, id, amounts)
                try:
                    told = self.connection.tell(adjustment.sql, added, self._not_added, about)
                except OverflowError:
                    self._add_at_hand(shape, id, amounts)
                    continue
                if told == 0:
                    raise missing(self, shape, id)
        if self.untold.changed:  # what was added to at hand
            self.untold.tell()
        if self._absent:
            self._look_again()

    def _not_added(self, violation: Violation, what: tuple[Shape, UUID, Amounts]) -> Exception:
        return not_added(self, violation, *what)

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
