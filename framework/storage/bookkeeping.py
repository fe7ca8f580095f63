"""Statements on the engine's own tables."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Dialect, Table, bindparam, func, insert, select, update

from framework.storage.codec import Codec, Parameters
from framework.storage.tables import Tables
from framework.storage.upsert import upserting


class Bookkeeping:
    """What the engine writes down about moves of state machines and about dispatches with a key."""

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        self._dialect = dialect
        self.move = self._insertion(tables.moves, without="position")
        self.dispatch = self._insertion(tables.dispatches)
        moves = tables.moves.c
        found = select(moves.record_id, moves.trigger, moves.source, moves.target, moves.entered)
        self.find_moves = _sql(
            found.where(moves.machine == bindparam("machine")).order_by(moves.position), dialect
        )
        to = select(moves.trigger, moves.cause_id, moves.source, moves.target, moves.at)
        to = to.where(moves.record_id == bindparam("id"), moves.machine == bindparam("machine"))
        self.find_moves_to = _sql(to.order_by(moves.position), dialect)
        entries = select(moves.position, moves.record_id, moves.trigger, moves.cause_id, moves.entered).where(
            moves.machine == bindparam("machine"),
            moves.target == bindparam("target"),
            moves.record_id.between(bindparam("first"), bindparam("last")),
        )
        self.find_entries = _sql(entries.order_by(moves.position), dialect)
        anew = update(tables.moves).values(entered=bindparam("anew"))
        self.enter_anew = _sql(anew.where(moves.position == bindparam("at")), dialect)
        unmatched = select(moves.source, moves.trigger, func.count(), func.max(moves.at))
        unmatched = unmatched.where(moves.machine == bindparam("machine"), moves.target.is_(None))
        unmatched = unmatched.group_by(moves.source, moves.trigger).order_by(moves.source, moves.trigger)
        self.find_unmatched = _sql(unmatched, dialect)
        self._moves = Codec(tuple(tables.moves.columns), dialect)
        self.next_number = _next_number(tables, dialect)
        spared = tables.spared.c.made_by
        self.find_spared = _sql(select(spared).where(spared == bindparam("key")), dialect)
        self._dispatches = Codec(tuple(tables.dispatches.columns), dialect)
        self.find_dispatch = _sql(
            select(tables.dispatches).where(tables.dispatches.c.key == bindparam("key")), dialect
        )

    def moves_of(self, connection: Any, machine: str) -> list[tuple[UUID, str, str, str | None, str | None]]:
        """All moves of a machine in their order: record, trigger, source, target, what the entry gave."""
        return [
            (self._moves.decode_one("record_id", id), trigger, source, target, entered)
            for id, trigger, source, target, entered in connection.rows(self.find_moves, [machine])
        ]

    def moves_to(
        self, connection: Any, machine: str, id: UUID
    ) -> list[tuple[str, UUID, str, str | None, datetime]]:
        """The moves of one record in their order: trigger, cause, source, target, moment."""
        decode = self._moves.decode_one
        rows = connection.rows(self.find_moves_to, [self._moves.encode_one("record_id", id), machine])
        return [
            (trigger, decode("cause_id", cause), source, target, decode("at", at))
            for trigger, cause, source, target, at in rows
        ]

    def entries(
        self, connection: Any, machine: str, state: str, first: Any, last: Any
    ) -> list[tuple[int, UUID, str, UUID, str | None]]:
        """Whenever the records between two ids entered a state: position, record, trigger, cause, what that
        gave.
        """
        decode = self._moves.decode_one
        bounds = [self._moves.encode_one("record_id", id) for id in (first, last)]
        return [
            (position, decode("record_id", id), trigger, decode("cause_id", cause), entered)
            for position, id, trigger, cause, entered in connection.rows(
                self.find_entries, [machine, state, *bounds]
            )
        ]

    def unmatched(self, connection: Any, machine: str) -> list[tuple[str, str, int, datetime]]:
        """How often no transition of a machine took a trigger: state, trigger, how often, the last time."""
        return [
            (state, trigger, count, self._moves.decode_one("at", at))
            for state, trigger, count, at in connection.rows(self.find_unmatched, [machine])
        ]

    def dispatch_row(self, values: Any) -> Mapping[str, Any]:
        return self._dispatches.decode(values)

    def _insertion(self, table: Table, without: str | None = None) -> tuple[str, Parameters]:
        columns = tuple(column for column in table.columns if column.name != without)
        codec = Codec(columns, self._dialect)
        statement = insert(table).values({name: bindparam(name) for name in codec.names})
        compiled: Any = statement.compile(dialect=self._dialect)
        return str(compiled), Parameters(compiled.positiontup, codec.encoder)


def _sql(statement: Any, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))


def _next_number(tables: Tables, dialect: Dialect) -> str:
    """Give the next numbers of a scope, and return the last. Parameters: name, scope, the last number of a
    new scope, how far a known one moves.
    """
    table = tables.sequences
    given = upserting(dialect)(table).values(
        name=bindparam("name"), scope=bindparam("scope"), last=bindparam("start")
    )
    given = given.on_conflict_do_update(
        index_elements=[table.c.name, table.c.scope], set_={"last": table.c.last + bindparam("step")}
    )
    return _sql(given.returning(table.c.last), dialect)
