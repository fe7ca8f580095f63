"""Alteration: tables take their declared form, in one transaction with the note that a migration has begun.

Alembic says what each database calls an operation. Where SQLite has none, the table is made anew.
"""

from collections.abc import Iterator
from datetime import datetime

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection

from framework.migration.changes import MigrationPlan
from framework.migration.history import adopt, set_aside
from framework.migration.names import let_events_say_it, rename_what_is_shared, rename_what_is_written
from framework.migration.on_postgresql import alter_on_postgresql
from framework.migration.on_sqlite import alter_on_sqlite
from framework.migration.progress import begin
from framework.migration.renames import Renames
from framework.migration.tenants import each_tenant
from framework.migration.withdrawal import withdraw, withdrawn
from framework.plan.declaration import Declaration
from framework.plan.node import MachineNode
from framework.plan.shape import Kind
from framework.storage.database import Database
from framework.storage.declared import Declared
from framework.storage.rowsecurity import protect


def alter(
    connection: Connection, database: Database, plan: MigrationPlan, renames: Renames, now: datetime
) -> None:
    """Bring the tables to their declared form, and write down what is to be recomputed."""
    operations = Operations(MigrationContext.configure(connection))
    tables = database.tables
    going = {
        tenant: withdrawn(connection, plan.task, tables, renames)
        for tenant in each_tenant(connection, database)
    }
    missing = [tables.metadata.tables[name] for name in plan.created]
    if database.dialect.name == "sqlite":
        for change in plan.altered:
            alter_on_sqlite(operations, database, change)
        tables.metadata.create_all(connection, tables=missing, checkfirst=False)
    else:
        alter_on_postgresql(operations, database, plan.altered, missing)
    for name in plan.dropped:
        operations.execute(
            f"DROP TABLE {database.dialect.identifier_preparer.quote(name)}" + _cascade(database)
        )
    protect(connection, [tables.metadata.tables[name] for name in plan.breached])
    rename_what_is_shared(connection, tables, renames)
    reformed = list(_reformed(Declared(tables).read(connection), database.declaration, renames))
    for tenant in each_tenant(connection, database):
        rename_what_is_written(connection, tables, renames)
        let_events_say_it(connection, tables, reformed)
        withdraw(connection, tables, going[tenant])
        _keep_history(connection, database, plan, now)
    Declared(tables).write(connection, database.declaration)
    begin(connection, tables, going, plan.task)


def _reformed(before: Declaration | None, now: Declaration, renames: Renames) -> Iterator[str]:
    """The events that have another name or other facts now."""
    for name, form in now.classes.items():
        then = before and before.classes.get(renames.class_of(name))
        if then and form.kind == Kind.EVENT and (name in renames.classes or then.facts != form.facts):
            yield name


def _keep_history(connection: Connection, database: Database, plan: MigrationPlan, now: datetime) -> None:
    """Let state machines go on from where they are, and set aside the moves of those that are new or gone."""
    for node in database.plan.nodes:
        if isinstance(node, MachineNode):
            if node.name in plan.task.added:
                set_aside(connection, database.tables, node.name)
            elif node.name in plan.task.roots:
                adopt(connection, database.tables, node, now)
    for name in plan.task.ended:
        set_aside(connection, database.tables, name)


def _cascade(database: Database) -> str:
    """Constraints of other tables on it go too: SQLite has them in the tables that are made anew."""
    return "" if database.dialect.name == "sqlite" else " CASCADE"
