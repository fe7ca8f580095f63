"""Departure: a tenant goes, with all that is its own.

1. Its name goes, so that nobody can enter it any more; unless something of it is under way at a vendor.
2. Its rows go, a batch in each transaction, as long as nobody has made another one of its name. Killed in
   between and run again, it goes on.
"""

from collections import Counter
from collections.abc import Mapping
from functools import partial

from sqlalchemy import func, select

from framework.errors import DispatchError
from framework.plan.shape import Kind
from framework.runtime.engine import Engine
from framework.runtime.transaction import Transaction
from framework.storage.database import Database
from framework.storage.statement import Statement
from framework.storage.statements import earliest
from framework.tenancy import UnknownTenant, Unlisted, tenant


class CallsUnderWay(DispatchError):
    """{count} calls or side effects of the tenant {name!r} are not over. Let them come to their end, or give
    them up with `app.delete_tenant({name!r}, abandon_calls=True)`: nobody hears then what vendors still do.
    """


def delete_tenant(engine: Engine, name: str, *, abandon_calls: bool) -> Mapping[str, int]:
    """Remove a tenant and all its rows; returns how many records of each class went.

    Raises InvalidTenant, CallsUnderWay, and UnknownTenant where there is nothing of it.
    """
    with tenant(Unlisted(name)):
        was_there = engine.write(partial(_strike_off, engine.database, name, abandon_calls))
        engine.database.forget_tenant(name)
        removed = _remove_rows(engine, name)
    if not was_there and not removed.total():
        raise UnknownTenant(name=name)
    classes = {shape.table.name: shape.name for shape in engine.plan.shapes.values()}
    return {classes[table]: count for table, count in sorted(removed.items()) if table in classes and count}


def _strike_off(database: Database, name: str, abandon_calls: bool, transaction: Transaction) -> bool:
    connection = transaction.work.connection
    database.hold(connection, "tenants")
    if not database.tenants.has(connection, name):
        return False
    count = 0 if abandon_calls else _under_way(database, transaction)
    if count:
        raise CallsUnderWay(count=count, name=name)
    database.tenants.remove(connection, name)
    return True


def _under_way(database: Database, transaction: Transaction) -> int:
    """How many calls and side effects are not over."""
    calls = [shape.name for shape in transaction.plan.of_kind(Kind.CALL)]
    due = [table.c["_due_at"] for shape, table in database.tables.of.items() if shape.name in calls]
    found = 0
    for column in (*due, database.tables.effects.c.due_at):
        is_due = column > earliest(database.dialect)
        counted = Statement(select(func.count()).select_from(column.table).where(is_due), database.dialect)
        found += transaction.work.connection.row(counted.sql)[0]
    return found


def _remove_rows(engine: Engine, name: str) -> Counter[str]:
    removed: Counter[str] = Counter()
    for parting in engine.database.partings:
        while count := engine.write(partial(_part, engine.database, name, parting.sql)):
            removed[parting.table] += count if parting.removes else 0
    return removed


def _part(database: Database, name: str, sql: str, transaction: Transaction) -> int:
    """How many rows a statement has found of a tenant that is not there any more."""
    connection = transaction.work.connection
    database.hold(connection, "tenants")
    return 0 if database.tenants.has(connection, name) else connection.run(sql)
