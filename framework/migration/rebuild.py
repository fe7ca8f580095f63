"""Rebuild: on SQLite a table of another form is made beside the old one, filled from it, and takes its place.

This is the procedure that SQLite's documentation gives for changes that ALTER TABLE does not know
(https://www.sqlite.org/lang_altertable.html#otheralter). The new table is made from the declaration, so that
checks, derived columns and partial indexes are as in a database that is made today; rows keep their order.
"""

from typing import Any

from alembic.operations import Operations
from sqlalchemy import Column, ColumnElement, MetaData, Table, column, insert, literal_column, select, table
from sqlalchemy.schema import CreateIndex, CreateTable

from framework.migration.changes import TableChange
from framework.storage.scoping import SHARED

_BESIDE = "millrace_rebuilt"


def rebuild_table(operations: Operations, change: TableChange) -> None:
    """Make a table anew in its declared form, with the rows that are there."""
    connection = operations.get_bind()
    declared = change.table
    preparer: Any = connection.dialect.identifier_preparer
    create = str(CreateTable(declared).compile(dialect=connection.dialect))
    head = f"CREATE TABLE {preparer.format_table(declared)} "
    assert head in create, "a table is made by its name"
    operations.execute(create.replace(head, f"CREATE TABLE {_BESIDE} ", 1))
    stored = [one for one in declared.columns if one.computed is None]
    names = (change.kept.get(one.name, one.name) for one in stored)
    there = Table(change.was, MetaData(), *map(Column, names), info={SHARED: True})  # the rows of all tenants
    values = [_value(change, one) for one in stored]
    rows = select(*values).select_from(there).order_by(literal_column("rowid"))
    beside = table(_BESIDE, *(column(one.name) for one in stored))
    operations.execute(insert(beside).from_select([one.name for one in stored], rows))
    operations.drop_table(change.was)
    operations.rename_table(_BESIDE, declared.name)
    for index in declared.indexes:
        operations.execute(CreateIndex(index))


def _value(change: TableChange, declared: Column[Any]) -> Any:
    """What a row has in a column, in its new type."""
    old = change.kept.get(declared.name)
    if old is None:
        return column(declared.name)
    then = change.present.columns[old]
    there: ColumnElement[Any] = column(old)
    if then.type == "UUID":
        return there
    now = declared.type.compile()
    return there if _affinity(then.type) == _affinity(now) else literal_column(f'CAST("{old}" AS {now})')


def _affinity(kind: str) -> str:
    """What SQLite takes a type for: within one, nothing is converted."""
    if "INT" in kind or "BOOL" in kind:
        return "integer"
    return "real" if kind in ("FLOAT", "REAL") else "text"
