"""Alteration on SQLite, which alters little: a table of another form is made anew."""

import re

from alembic.operations import Operations
from sqlalchemy import Connection, text
from sqlalchemy.schema import CreateIndex

from framework.migration.changes import TableChange, plain
from framework.migration.fills import fill
from framework.migration.rebuild import rebuild_table
from framework.storage.database import Database
from framework.storage.forms import declared_form


def alter_on_sqlite(operations: Operations, database: Database, change: TableChange) -> None:
    connection = operations.get_bind()
    wanted = declared_form(change.table, database.dialect)
    for name in change.added:
        if name in change.dropped:  # it is made anew, and the old one goes with its table
            aside = f'"{name}" TO "millrace_former_{name}"'
            operations.execute(
                f"ALTER TABLE {database.dialect.identifier_preparer.quote(change.was)} RENAME COLUMN {aside}"
            )
        if not wanted.columns[name].generated:
            operations.add_column(change.was, plain(change.table.c[name]))
    fill(connection, database, change)
    if _needs_rebuild(database, change) or _checks_there(connection, change) != _checks(change):
        rebuild_table(operations, change)
        return
    for form, name in change.present.indexes.items():
        if name not in wanted.indexes.values() or form not in wanted.indexes:
            operations.drop_index(name)
    for index in change.table.indexes:
        if not change.has(index, database.dialect):
            operations.execute(CreateIndex(index))


def _needs_rebuild(database: Database, change: TableChange) -> bool:
    """Whether something differs that SQLite cannot alter: all but columns that may be empty, and indexes."""
    wanted, present = declared_form(change.table, database.dialect), change.present
    fresh = [wanted.columns[name] for name in change.added]
    return (
        change.was != change.table.name
        or bool(change.dropped)
        or any(old != new for new, old in change.kept.items())
        or any(wanted.columns[name] != present.columns[old] for name, old in change.kept.items())
        or any(one.generated or not one.nullable for one in fresh)
        or any(name in _checked(change) for name in change.added)
        or any(change.table.c[name].server_default is not None for name in change.added)
        or wanted.uniques.keys() != present.uniques.keys()
        or wanted.references.keys() != present.references.keys()
    )


def _checks(change: TableChange) -> set[str]:
    """The names of the checks that keep columns of the table whole."""
    prefix = f"whole_{change.table.name}_"
    return {str(one.name) for one in change.table.constraints if str(one.name).startswith(prefix)}


def _checks_there(connection: Connection, change: TableChange) -> set[str]:
    said = text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
    sql = connection.execute(said, {"name": change.was}).scalar_one()
    return set(re.findall(rf"CONSTRAINT \"?(whole_{re.escape(change.was)}_\w+)", sql))


def _checked(change: TableChange) -> set[str]:
    """The columns that a check of the table keeps whole."""
    return {one.removeprefix(f"whole_{change.table.name}_") for one in _checks(change)}
