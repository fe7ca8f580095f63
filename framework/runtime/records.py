"""The records of one transaction: what it has read, and what waits to be added to what it has not read."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any
from uuid import UUID
from weakref import proxy

from framework.plan.shape import Kind, Shape
from framework.plan.view import view_of
from framework.runtime.amounts import Amounts, Waiting, add_to_row, parameters_of
from framework.runtime.at_hand import AtHand
from framework.runtime.change import Change
from framework.runtime.parameters import Parameters
from framework.runtime.refused import explained, missing, not_added
from framework.runtime.untold import Untold
from framework.storage.codec import Row
from framework.storage.database import Connection, Database
from framework.storage.statements import SOME, Lock
from framework.storage.violation import Constraint, Violation


class Records:
    """Rows by class and id, each read once, and amounts to be added to rows that nobody has read.

    A row that only sums change is never read: the database adds to it, and returns it if a further step needs
    its value.
    """

    def __init__(self, connection: Connection, database: Database) -> None:
        self.connection = connection
        self.statements = database.statements
        self.database = database
        self.concurrent = database.concurrent
        self.tenant = connection.tenant  # whose records these are
        self.rows: dict[Shape, dict[UUID, Change]] = {}
        self.untold = Untold(connection, self.statements, partial(explained, proxy(self)))
        self.held: set[Change] = set()  # those that nobody refers to anew meanwhile
        self._waiting = Waiting()
        self._parameters: Parameters | None = None
        self._at_hand: AtHand | None = None
        self._absent: dict[tuple[Shape, UUID], None] = {}

    @property
    def parameters(self) -> Parameters:
        """What the callbacks of this transaction are given."""
        if self._parameters is None:
            self._parameters = Parameters(self)
        return self._parameters

    def find(self, shape: Shape, id: UUID, lock: Lock = Lock.CHANGE) -> Change | None:
        """The record with this id, read once and then remembered; None if there is none.

        Others can change it only after this transaction, so that what is computed from it stays true.
        """
        known = self.rows.get(shape)
        change = known.get(id) if known else None
        if change is not None:
            return change if change.after_row is not None else None
        if shape.parameters:
            self.parameters.concern(shape)
        if self.concurrent and shape.kind is Kind.GLOBAL:
            self._lock_before_global()
        statements = self.statements[shape]
        values = self.connection.row(statements.by_id(lock), [statements.encode_id(id)])
        change = self._found(shape, id, values)
        if change is not None and lock is Lock.REFERENCE:
            self.held.add(change)
        return change

    def _found(self, shape: Shape, id: UUID, values: Sequence[Any] | None) -> Change | None:
        """What the database has by this id, to be remembered, or that it has nothing."""
        if values is not None:
            return self.keep(shape, self.statements[shape].codec.decode(values))
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

    def changes(self, shape: Shape) -> Sequence[Change]:
        """All records of a class that the transaction has touched so far, in order."""
        if shape in self._waiting.held:
            self._settle_amounts(shape)
        known = self.rows.get(shape)
        return [*known.values()] if known else ()

    def keep(self, shape: Shape, row: Row) -> Change:
        """Remember a record by the row that the database has."""
        change = Change(shape, row["id"], row.copy(), row, stored=True)
        self.rows.setdefault(shape, {})[change.id] = change
        if self._waiting.held:
            amounts = self._waiting.take_of(shape, change.id)
            if amounts is not None:
                self._add_to_row(change, amounts)
        return change

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

    def stored(
        self,
        shape: Shape,
        key: str,
        value: Any,
        where: str | None = None,
        *,
        beside: tuple[Shape, UUID] | None = None,
    ) -> list[Change]:
        """All records whose field had the value when the database was last told; of those for which the
        SQL holds, if it is given. The record `beside` them, which is wanted next, is found on the same trip.
        """
        if shape.parameters:
            self.parameters.concern(shape)
        sql, parameters = self.statements[shape].selection((key,), Lock.CHANGE, where)
        question = sql, parameters.of({key: value})
        if beside is None or beside[0].kind is Kind.GLOBAL or beside[1] in self.rows.get(beside[0], ()):
            rows = self.connection.rows(*question)
        else:
            other, id = beside
            if other.parameters:
                self.parameters.concern(other)
            statements = self.statements[other]
            by_id = statements.by_id(Lock.CHANGE), [statements.encode_id(id)]
            rows, one = self.connection.rows_each((question, by_id))
            self._found(other, id, one[0] if one else None)
        return [self.adopt(shape, values) for values in rows]

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
        row = self.statements[shape].codec.decode(values)
        return self.rows.setdefault(shape, {}).get(row["id"]) or self.keep(shape, row)

    def glance(self, shape: Shape, values: Sequence[Any]) -> tuple[Any, Change | None]:
        """A record as it is at hand, or else as a statement of one's own has read it, to look at."""
        row = self.statements[shape].codec.decode(values)
        known = self.rows.get(shape, {}).get(row["id"])
        return (view_of(shape.view, row), None) if known is None else (known.after, known)

    def _untold(self, shape: Shape, key: str, value: Any) -> list[Change]:
        """Records whose field has the value, of which the database has yet to be told, and perhaps others."""
        untold: Iterable[Change] = self.untold
        if self.untold.are_many():
            if self._at_hand is None:
                self._at_hand = AtHand()
            untold = self._at_hand.having(shape, key, value, self.rows.get(shape, {}))
        return [
            one
            for one in untold
            if one.shape is shape and one.after_row is not None and one.after_row[key] == value
        ]

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
            self._add_at_hand(shape, id, amounts)

    def _add_and_read(self, shape: Shape, id: UUID, amounts: Amounts) -> None:
        """Let the database add to a row and return it, and work out what it was before."""
        statements = self.statements[shape]
        adjustment = statements.adjustment(tuple(amounts))
        parameters = parameters_of(amounts, statements.encode_id(id))
        try:
            values = self.connection.row(adjustment.returning, parameters)
        except OverflowError:
            self._add_at_hand(shape, id, amounts)
            return
        except Violation as violation:
            if violation.constraint is not Constraint.NUMBER:
                raise
            raise not_added(self, violation, shape, id, amounts) from violation
        if values is None:
            raise missing(self, shape, id)
        row = statements.codec.decode(values)
        before = adjustment.undone(row, parameters)
        for name, derive in shape.derived_and_read:
            before[name] = derive(before)
        change = Change(shape, id, before, row, stored=True)
        change.told = True
        self.rows.setdefault(shape, {})[id] = change

    def _add_at_hand(self, shape: Shape, id: UUID, amounts: Amounts) -> None:
        """Read a row and add to it: also a difference that is beyond 64 bits, where the total is not."""
        change = self.find(shape, id)
        if change is None:
            raise missing(self, shape, id)
        self._add_to_row(change, amounts)

    def _add_to_row(self, change: Change, amounts: Amounts) -> None:
        row = change.after_row
        assert row is not None, "amounts go to records that are there"
        for state in add_to_row(row, amounts):
            if change.stored:
                change.dirty[state] = None
                self.untold.changed[change] = None
        for name, derive in change.shape.derive_old.items():
            row[name] = derive(row)

    def _lock_before_global(self) -> None:
        """Everybody wants a Global: what else this transaction locks, it locks before."""
        for shape in [shape for shape in self._waiting.held if shape.kind is not Kind.GLOBAL]:
            self._settle_amounts(shape)
