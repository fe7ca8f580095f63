"""Alteration: tables take their declared form, in one transaction with the note that a migration has begun.

Alembic says what each database calls an operation. Where SQLite has none, the table is made anew.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Column, Connection, ForeignKeyConstraint, Index, Table, UniqueConstraint, text
from sqlalchemy.schema import CreateIndex

from framework.migration.changes import MigrationPlan, TableChange
from framework.migration.fills import fill
from framework.migration.history import adopt, set_aside
from framework.migration.names import rename_what_is_shared, rename_what_is_written
from framework.migration.progress import begin
from framework.migration.rebuild import rebuild_table
from framework.migration.renames import Renames
from framework.migration.tenants import each_tenant
from framework.migration.withdrawal import withdraw, withdrawn
from framework.plan.node import MachineNode
from framework.storage.database import Database
from framework.storage.declared import Declared
from framework.storage.forms import declared_form
from framework.storage.rowsecurity import lowered, protect
from framework.storage.scoping import TENANT
from framework.storage.tables import BORN


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
            _alter_on_sqlite(operations, database, change)
        tables.metadata.create_all(connection, tables=missing, checkfirst=False)
    else:
        _alter_elsewhere(operations, database, plan.altered, missing)
    for name in plan.dropped:
        operations.execute(f"DROP TABLE {_quoted(database, name)}" + _cascade(database))
    protect(connection, [tables.metadata.tables[name] for name in plan.breached])
    rename_what_is_shared(connection, tables, renames)
    for tenant in each_tenant(connection, database):
        rename_what_is_written(connection, tables, renames)
        withdraw(connection, tables, going[tenant])
        _keep_history(connection, database, plan, now)
    Declared(tables).write(connection, database.declaration)
    begin(connection, tables, going, plan.task)


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


def _alter_on_sqlite(operations: Operations, database: Database, change: TableChange) -> None:
    connection = operations.get_bind()
    wanted = declared_form(change.table, database.dialect)
    for name in change.added:
        if name in change.dropped:  # it is made anew, and the old one goes with its table
            aside = f'"{name}" TO "millrace_former_{name}"'
            operations.execute(f"ALTER TABLE {_quoted(database, change.was)} RENAME COLUMN {aside}")
        if not wanted.columns[name].generated:
            operations.add_column(change.was, _plain(change.table.c[name]))
    fill(connection, database, change)
    if _needs_rebuild(database, change) or _checks_there(connection, change) != _checks(change):
        rebuild_table(operations, change)
        return
    for form, name in change.present.indexes.items():
        if name not in wanted.indexes.values() or form not in wanted.indexes:
            operations.drop_index(name)
    for index in change.table.indexes:
        if not _is_there(database, change, index):
            operations.execute(_create_index(index))


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


def _alter_elsewhere(
    operations: Operations, database: Database, changes: Iterable[TableChange], missing: list[Any]
) -> None:
    """In the order in which nothing stands in the way of anything."""
    changes = list(changes)
    connection = operations.get_bind()
    for change in changes:
        _let_go(operations, database, change)
    for change in changes:
        if change.was != change.table.name:
            operations.rename_table(change.was, change.table.name)
            names = f'"pk_{change.was}" TO "pk_{change.table.name}"'
            operations.execute(f'ALTER TABLE "{change.table.name}" RENAME CONSTRAINT {names}')
        for new, old in change.kept.items():
            if new != old:
                operations.alter_column(change.table.name, old, new_column_name=new)
    database.tables.metadata.create_all(connection, tables=missing, checkfirst=False)
    if database.plan.tenanted:
        protect(connection, missing)
    for change in changes:
        _columns(operations, database, change)
    for change in changes:
        _constraints(operations, database, change)


def _let_go(operations: Operations, database: Database, change: TableChange) -> None:
    """Drop the indexes and constraints that are declared no more, or under another name."""
    wanted = declared_form(change.table, database.dialect)
    for reference, name in change.present.references.items():
        if wanted.references.get(reference) != name:
            operations.drop_constraint(str(name), change.was, type_="foreignkey")
    for columns, name in change.present.uniques.items():
        if wanted.uniques.get(columns) != name:
            operations.execute(f'ALTER TABLE "{change.was}" DROP CONSTRAINT "{name}" CASCADE')
    for form, name in change.present.indexes.items():
        if wanted.indexes.get(form) != name or change.remade & set(form.columns):
            operations.drop_index(name, change.was)


def _columns(operations: Operations, database: Database, change: TableChange) -> None:
    name, wanted = change.table.name, declared_form(change.table, database.dialect)
    for old in sorted(change.dropped, key=lambda one: not change.present.columns[one].generated):
        operations.drop_column(name, old)  # what is derived from others goes before them
    for new in change.added:
        if new == BORN:
            _number(operations, change.table)
        elif not wanted.columns[new].generated:
            operations.add_column(name, _plain(change.table.c[new]))
    for new, old in change.kept.items():
        then, now = change.present.columns[old], wanted.columns[new]
        if then.type != now.type:
            kind = change.table.c[new].type
            way = "::INTEGER" if then.type == "BOOLEAN" else ""  # from which there is no way to BIGINT
            using = f'"{new}"{way}::{kind.compile(dialect=database.dialect)}'
            operations.alter_column(name, new, type_=kind, postgresql_using=using.partition(" COLLATE")[0])
    fill(operations.get_bind(), database, change)
    for new in wanted.columns:
        was_nullable = new not in change.kept or change.present.columns[change.kept[new]].nullable
        if new != BORN and not wanted.columns[new].generated and was_nullable != wanted.columns[new].nullable:
            operations.alter_column(name, new, nullable=wanted.columns[new].nullable)
    for new in change.added:
        declared: Any = change.table.c[new]
        if wanted.columns[new].generated:
            operations.add_column(name, Column(new, declared.type, declared.computed._copy()))
        elif declared.server_default is not None and new != BORN:
            operations.alter_column(name, new, server_default=declared.server_default.arg)


def _constraints(operations: Operations, database: Database, change: TableChange) -> None:
    wanted, present, name = declared_form(change.table, database.dialect), change.present, change.table.name
    for one in change.table.constraints:
        if not isinstance(one, (UniqueConstraint, ForeignKeyConstraint)):
            continue
        names = [column.name for column in one.columns]
        if isinstance(one, UniqueConstraint):
            label = wanted.uniques[tuple(names)]
            if present.uniques.get(tuple(names)) != label:
                operations.create_unique_constraint(label, name, names)
        else:
            form, label = next(
                (form, label) for form, label in wanted.references.items() if form.column == names[-1]
            )
            if present.references.get(form) != label:
                _refer(operations, label, one)
    for index in change.table.indexes:
        if not _is_there(database, change, index):
            operations.execute(_create_index(index))


def _refer(operations: Operations, label: str | None, one: ForeignKeyConstraint) -> None:
    """Add a reference, which old rows have to keep to."""
    here, there = one.table, one.referred_table
    local, remote = list(one.column_keys), [element.column.name for element in one.elements]
    with lowered(operations.get_bind(), here, there):
        operations.create_foreign_key(label, here.name, there.name, local, remote, ondelete=one.ondelete)


def _is_there(database: Database, change: TableChange, index: Index) -> bool:
    wanted = declared_form(change.table, database.dialect).indexes
    named = str(database.dialect.identifier_preparer.format_index(index)).strip('"')
    form = next(form for form, name in wanted.items() if name == named)
    return change.present.indexes.get(form) == named and not change.remade & set(form.columns)


def _number(operations: Operations, table: Table) -> None:
    """Number old rows in the order of their ids, which is nearly that of their making."""
    quoted = f'"{table.name}"'
    operations.execute(f'ALTER TABLE {quoted} ADD COLUMN "{BORN}" BIGINT')
    with lowered(operations.get_bind(), table):
        _give_numbers(operations, quoted, [key for key in ("id", TENANT) if key in table.columns])


def _give_numbers(operations: Operations, quoted: str, keys: Sequence[str]) -> None:
    same = " AND ".join(f"numbered.{key} = {quoted}.{key}" for key in keys)
    key = ", ".join(keys)
    operations.execute(
        f'UPDATE {quoted} SET "{BORN}" = numbered.place FROM'
        f" (SELECT {key}, row_number() OVER (ORDER BY {key}) AS place FROM {quoted}) AS numbered WHERE {same}"
    )
    operations.execute(f'ALTER TABLE {quoted} ALTER COLUMN "{BORN}" SET NOT NULL')
    operations.execute(f'ALTER TABLE {quoted} ALTER COLUMN "{BORN}" ADD GENERATED ALWAYS AS IDENTITY')
    sequence, following = f"pg_get_serial_sequence('{quoted}', '{BORN}')", f'coalesce(max("{BORN}"), 0) + 1'
    operations.execute(f"SELECT setval({sequence}, {following}, false) FROM {quoted}")


def _plain(declared: Column[Any]) -> Column[Any]:
    """A column by its name and type alone, empty at first."""
    return Column(declared.name, declared.type, nullable=True)


def _create_index(index: Index) -> Any:
    return CreateIndex(index)


def _quoted(database: Database, name: str) -> str:
    return str(database.dialect.identifier_preparer.quote(name))


def _cascade(database: Database) -> str:
    """Constraints of other tables on it go too: SQLite has them in the tables that are made anew."""
    return "" if database.dialect.name == "sqlite" else " CASCADE"
