"""What a database remembers of the declarations that it was made for, and of a migration under way."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, insert, inspect, select

from framework.plan.declaration import Declaration
from framework.storage.tables import Tables


class Declared:
    """The declaration that a database was made for, in a table of its own."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.declarations

    def read(self, connection: Connection) -> Declaration | None:
        """What was declared; None if the database was made before it was remembered."""
        if not inspect(connection).has_table(self._table.name):
            return None
        rows = {row.name: row.form for row in connection.execute(select(self._table))}
        return Declaration.of_rows(rows) if rows else None

    def write(self, connection: Connection, declaration: Declaration) -> None:
        """Remember this declaration in place of what was there."""
        connection.execute(delete(self._table))
        rows: list[Mapping[str, Any]] = [
            {"name": name, "form": form} for name, form in declaration.rows.items()
        ]
        if rows:
            connection.execute(insert(self._table), rows)
