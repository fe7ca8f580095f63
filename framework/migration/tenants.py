"""Tenants: whatever a migration asks of records, and does to them, it says to each tenant's alone."""

from collections.abc import Iterator

from sqlalchemy import Connection, inspect, select

from framework.storage.database import Database


def each_tenant(connection: Connection, database: Database) -> Iterator[str | None]:
    """All tenants in order, the connection held to the rows of each in its turn; None alone where records
    have no tenants.
    """
    if not database.plan.tenanted:
        yield None
        return
    for name in _names(connection, database):
        database.hold_to(connection, name)
        yield name
    database.hold_to(connection, None)


def _names(connection: Connection, database: Database) -> list[str]:
    table = database.tables.tenants
    if not inspect(connection).has_table(table.name):
        return []
    return list(connection.execute(select(table.c.name).order_by(table.c.name)).scalars())
