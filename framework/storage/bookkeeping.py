"""Statements on the engine's own tables."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Dialect, Table, bindparam, insert, select

from framework.storage.codec import Codec, Parameters
from framework.storage.tables import Tables


class Bookkeeping:
    """What the engine writes down about moves of state machines and about dispatches with a key."""

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        self._dialect = dialect
        self.move = self._insertion(tables.moves, without="position")
        self.dispatch = self._insertion(tables.dispatches)
        self._dispatches = Codec(tuple(tables.dispatches.columns), dialect)
        self.find_dispatch = _sql(
            select(tables.dispatches).where(tables.dispatches.c.key == bindparam("key")), dialect
        )

    def dispatch_row(self, values: Any) -> Mapping[str, Any]:
        return self._dispatches.decode(values)

    def _insertion(self, table: Table, without: str | None = None) -> tuple[str, Parameters]:
        columns = tuple(column for column in table.columns if column.name != without)
        codec = Codec(columns, self._dialect)
        statement = insert(table).values({name: bindparam(name) for name in codec.names})
        compiled: Any = statement.compile(dialect=self._dialect)
        return str(compiled), Parameters(compiled.positiontup, codec)


def _sql(statement: Any, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))
