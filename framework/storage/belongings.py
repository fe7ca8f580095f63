"""Belongings: all rows of one tenant, some at a time, in an order in which they can go.

1. Rows that refer to each other in a circle, or to rows of their own table, let go of each other.
2. Of each table the rows go before those that they refer to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Dialect,
    ForeignKeyConstraint,
    MetaData,
    Table,
    delete,
    literal_column,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy.schema import sort_tables_and_constraints

from framework.storage.scoping import TENANT, scoped_tables
from framework.storage.statement import Statement

BATCH = 1000
"""So many rows go at a time."""


@dataclass(frozen=True)
class Parting:
    """A statement that is run until it finds no row any more."""

    table: str
    sql: str
    removes: bool


def partings(metadata: MetaData, dialect: Dialect) -> list[Parting]:
    """What has to be done one after the other, so that nothing is left of the tenant of the connection."""
    names = scoped_tables(metadata)
    own = [table for name, table in metadata.tables.items() if name in names]
    ordered = sort_tables_and_constraints(own, _must_stay)  # type: ignore[no-untyped-call]  # it has no types
    tables = [table for table, _ in reversed(ordered) if table is not None]
    knots = [constraint for table, found in ordered if table is None for constraint in found]
    knots += [one for table in tables for one in table.foreign_key_constraints if one.referred_table is table]
    inseparable = {one.table for one in knots if not _loose(one)}
    let_go = [(one.table, _let_go(one.table, name)) for one in knots for name in _loose(one)]
    go = [(table, delete(table) if table in inseparable else _go(table)) for table in tables]
    return [
        Parting(table.name, Statement(statement, dialect).sql, removes)
        for steps, removes in ((let_go, False), (go, True))
        for table, statement in steps
    ]


def _must_stay(constraint: ForeignKeyConstraint) -> bool | None:
    """False, as the sort of SQLAlchemy has it, of a reference that is followed whatever comes of it."""
    return None if _loose(constraint) else False


def _loose(constraint: ForeignKeyConstraint) -> list[str]:
    """The columns of a reference that can do without a value."""
    return [column.name for column in constraint.columns if column.nullable]


def _let_go(table: Table, name: str) -> Any:
    return update(table).where(_some(table, name)).values({name: null()})


def _go(table: Table) -> Any:
    return delete(table).where(_some(table))


def _some(table: Table, referring: str | None = None) -> ColumnElement[bool]:
    """That a row is one of a few, which refer to something."""
    keys = _keys(table)
    other = table.alias("some")
    chosen = select(*(other.c[key.name] for key in keys)).limit(_number(BATCH)).offset(_number(0))
    if referring is not None:
        chosen = chosen.where(other.c[referring].is_not(None))
    key: Any = keys[0] if len(keys) == 1 else tuple_(*keys)
    return key.in_(chosen)  # type: ignore[no-any-return]  # a condition


def _keys(table: Table) -> Sequence[ColumnElement[Any]]:
    """By what rows are found in an index that the tenant leads: by their key, or as near as there is one."""
    key = list(table.primary_key.columns)
    if TENANT in table.primary_key.columns:
        return [column for column in key if column.name != TENANT]
    whole = [one for one in table.indexes if all(value is None for value in one.dialect_kwargs.values())]
    return [list(one.columns)[1] for one in whole][:1] or key


def _number(number: int) -> Any:
    return literal_column(str(number))
