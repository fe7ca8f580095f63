"""Alteration on PostgreSQL, constraint by constraint and column by column."""

from collections.abc import Iterable, Sequence
from typing import Any

from alembic.operations import Operations
from sqlalchemy import Column, ForeignKeyConstraint, Table, UniqueConstraint
from sqlalchemy.schema import CreateIndex

from framework.migration.changes import TableChange, plain
from framework.migration.fills import fill
from framework.storage.database import Database
from framework.storage.forms import declared_form
from framework.storage.rowsecurity import lowered, protect
from framework.storage.scoping import TENANT
from framework.storage.tables import BORN


def alter_on_postgresql(
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
            operations.add_column(name, plain(change.table.c[new]))
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
        if not change.has(index, database.dialect):
            operations.execute(CreateIndex(index))


def _refer(operations: Operations, label: str | None, one: ForeignKeyConstraint) -> None:
    """Add a reference, which old rows have to keep to."""
    here, there = one.table, one.referred_table
    local, remote = list(one.column_keys), [element.column.name for element in one.elements]
    with lowered(operations.get_bind(), here, there):
        operations.create_foreign_key(label, here.name, there.name, local, remote, ondelete=one.ondelete)


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
