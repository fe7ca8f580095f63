"""Scoping: where tenants are kept apart, every table is to every statement the part that is its tenant's.

Statements know nothing of tenants. The compiler of an App with tenants writes `"order"` as those rows of
"order" that belong to the tenant of the connection, wherever a statement reads, changes or deletes them, and
the database itself gives a new row its tenant. The schema has the column in front of each key.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    Alias,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import _truncated_label, conv

TENANT = "_tenant"
"""The column of every record, and of all that is written down about records, that says whose it is."""

SHARED = "shared by all tenants"
"""The mark, in `Table.info`, of what belongs to no tenant."""

CURRENT = {
    "sqlite": "millrace_tenant()",
    "postgresql": "nullif(current_setting('millrace.tenant', true), '')",
}
"""The tenant of the connection in SQL; NULL, which equals nothing, for nobody."""


class OwnRows(ColumnElement[bool]):
    """That a row of the table is one of the tenant of the connection."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, table: Any) -> None:
        self.table = table

    def self_group(self, against: Any = None) -> "OwnRows":
        """It needs neither brackets nor `= 1`."""
        return self


@compiles(OwnRows)
def _own_rows(element: OwnRows, compiler: Any, **_: Any) -> str:
    name = compiler.preparer.format_table(element.table)
    if isinstance(element.table, Alias):  # which may have no name yet but the one that the compiler gives it
        alias = element.table.name
        is_made = isinstance(alias, _truncated_label)
        name = compiler.preparer.quote(compiler._truncated_identifier("alias", alias) if is_made else alias)
    return f"{name}.{TENANT} = {CURRENT[compiler.dialect.name]}"


def scope_dialect(dialect: Dialect) -> None:
    """Let the dialect compile each statement for the tenant of the connection."""
    columns = "rowid AS rowid, *" if dialect.name == "sqlite" else "*"
    condition = f"{TENANT} = {CURRENT[dialect.name]}"
    compiler: Any = dialect.statement_compiler

    class ScopedCompiler(compiler):  # type: ignore[misc]  # the compiler of whichever dialect
        def visit_table(
            self, table: Any, asfrom: bool = False, iscrud: bool = False, ashint: bool = False, **options: Any
        ) -> str:
            """In FROM, a table is the part of it that is the tenant's."""
            written: str = super().visit_table(table, asfrom=asfrom, iscrud=iscrud, ashint=ashint, **options)
            if not asfrom or iscrud or ashint or self._is_narrowed(table):
                return written
            name = self.preparer.quote(table.name)
            part = f"(SELECT {columns} FROM {name} WHERE {condition})"
            alias = options.get("enclosing_alias")
            if alias is not None and alias.element is table:
                return part
            return part + (written.removeprefix(name) or f" AS {name}")

        def visit_select(self, statement: Any, *rest: Any, **options: Any) -> str:
            """What goes by its full name keeps it: so the condition does not go into FROM, but into WHERE."""
            froms = _sources_of(statement.get_final_froms())
            own = [OwnRows(source) for source in froms if _is_named_in_full(source)]
            return super().visit_select(statement.where(*own) if own else statement, *rest, **options)  # type: ignore[no-any-return]

        def visit_update(self, statement: Any, **options: Any) -> str:
            return super().visit_update(_own(statement), **options)  # type: ignore[no-any-return]

        def visit_delete(self, statement: Any, **options: Any) -> str:
            return super().visit_delete(_own(statement), **options)  # type: ignore[no-any-return]

        def _on_conflict_target(self, clause: Any, **options: Any) -> str:
            """A key that a statement names begins, as all keys do, with the tenant."""
            target: str = super()._on_conflict_target(clause, **options)
            is_shared = _is_shared(self.stack[-1]["selectable"].table)
            return target if is_shared else target.replace("(", f"({TENANT}, ", 1)

        def _is_narrowed(self, table: Any) -> bool:
            """Whether the table is shared, or is read by its full name, or from the shadow of a policy."""
            shadows = (
                cte
                for (_, name), cte in getattr(self, "ctes_by_level_name", {}).items()
                if name == table.name
            )
            return bool(_is_shared(table) or getattr(table, "schema", None)) or any(
                inner.schema
                for cte in shadows
                for inner in _sources_of(cte.element.get_final_froms())
                if isinstance(inner, Table)
            )

    dialect.statement_compiler = ScopedCompiler


def _own(statement: Any) -> Any:
    return statement if _is_shared(statement.table) else statement.where(OwnRows(statement.table))


def _sources_of(froms: Iterable[Any]) -> list[Any]:
    return [one for item in froms for one in item._from_objects]


def _is_named_in_full(source: Any) -> bool:
    """Whether it is a table, or another name for one, that goes by its full name and belongs to tenants."""
    while isinstance(source, Alias):
        source = source.element
    return isinstance(source, Table) and bool(source.schema) and not _is_shared(source)


def _is_shared(table: Any) -> bool:
    return SHARED in getattr(table, "info", ()) or getattr(table, "schema", None) == "pg_catalog"


def scoped_tables(metadata: MetaData) -> set[str]:
    """The names of the tables whose rows belong to tenants."""
    return {table.name for table in metadata.tables.values() if not _is_shared(table)}


def carry_tenant(metadata: MetaData, dialect: Dialect) -> None:
    """Give every table the column of the tenant, in front of every key, reference and index."""
    tables = [table for table in metadata.tables.values() if not _is_shared(table)]
    for table in tables:
        table.append_column(
            Column(TENANT, Text, nullable=False, server_default=text(f"({CURRENT[dialect.name]})"))
        )
    for table in tables:
        _lead_keys(table)
        _lead_references(table)
        _lead_indexes(table)


def _lead_keys(table: Table) -> None:
    numbered = table.autoincrement_column is not None  # by the database, over all tenants
    for constraint in list(table.constraints):
        names = [column.name for column in getattr(constraint, "columns", ())]
        if isinstance(constraint, PrimaryKeyConstraint) and not numbered:
            table.c[TENANT].primary_key = True
            table.append_constraint(PrimaryKeyConstraint(TENANT, *names))
        elif isinstance(constraint, UniqueConstraint):
            table.constraints.discard(constraint)
            table.append_constraint(UniqueConstraint(TENANT, *names, name=_own_name(constraint)))


def _lead_references(table: Table) -> None:
    """A reference leads to a record of the same tenant, or the database refuses it.

    It cannot set to NULL a part of the reference alone: whoever deletes a record lets go of it before.
    """
    for constraint in list(table.foreign_key_constraints):
        targets = [element.target_fullname for element in constraint.elements]
        referred = targets[0].rpartition(".")[0]
        for element in constraint.elements:
            element.parent.foreign_keys.discard(element)
            table.foreign_keys.discard(element)
        table.constraints.discard(constraint)
        table.append_constraint(
            ForeignKeyConstraint(
                [TENANT, *constraint.column_keys],
                [f"{referred}.{TENANT}", *targets],
                name=_own_name(constraint),
                ondelete=None if constraint.ondelete == "SET NULL" else constraint.ondelete,
            )
        )


def _lead_indexes(table: Table) -> None:
    for index in list(table.indexes):
        table.indexes.discard(index)
        options: dict[str, Any] = dict(index.dialect_kwargs)
        Index(_own_name(index), table.c[TENANT], *index.expressions, unique=index.unique, **options)


def _own_name(item: Any) -> str | None:
    """The name that was chosen for it; None if the columns make it, which have changed."""
    return None if isinstance(item.name, conv) else item.name
