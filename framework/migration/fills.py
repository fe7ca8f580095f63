"""Fills: the values of new columns in old rows."""

from typing import Any

from sqlalchemy import Connection, Table, TableClause, bindparam, column, select, table, update

from framework.migration.changes import TableChange
from framework.migration.tenants import each_tenant
from framework.storage.database import Database

_PAGE = 1000


def fill(connection: Connection, database: Database, change: TableChange) -> None:
    """Give old rows what they are to have: one value for all in one statement, or each its own."""
    for _ in each_tenant(connection, database):
        _fill(connection, change)


def _fill(connection: Connection, change: TableChange) -> None:
    here = _as_there(connection, change)
    values = {name: value for name, value in change.fills.items() if not callable(value)}
    fresh = {name: value for name, value in values.items() if name in change.added} | dict(change.resets)
    if fresh:
        names = {_there(connection, change, name): value for name, value in fresh.items()}
        connection.execute(update(here).values(names))
    for name in values.keys() - fresh.keys():
        there = here.c[_there(connection, change, name)]
        connection.execute(update(here).where(there.is_(None)).values({there.name: values[name]}))
    for name in change.fills.keys() - values.keys():
        _fill_each(connection, here, _there(connection, change, name), change.fills[name])


def _fill_each(connection: Connection, here: TableClause, name: str, make: Any) -> None:
    """Give each row without a value one that is made for it."""
    statement = update(here).where(here.c.id == bindparam("row")).values({name: bindparam("value")})
    while True:
        found = (
            connection.execute(select(here.c.id).where(here.c[name].is_(None)).limit(_PAGE)).scalars().all()
        )
        if found:
            connection.execute(statement, [{"row": id, "value": make()} for id in found])
        if len(found) < _PAGE:
            return


def _there(connection: Connection, change: TableChange, name: str) -> str:
    """The name of a column when values are filled: SQLite's tables have the names that they had."""
    return change.kept.get(name, name) if connection.dialect.name == "sqlite" else name


def _as_there(connection: Connection, change: TableChange) -> TableClause:
    declared: Table = change.table
    name = change.was if connection.dialect.name == "sqlite" else declared.name
    columns = [column(_there(connection, change, one.name), one.type) for one in declared.columns]
    return table(name, *columns)
