"""Selections by criteria of the caller's own, which speak of the columns of the class."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, select
from sqlalchemy.sql.elements import ColumnClause
from sqlalchemy.types import TypeEngine

from framework.errors import DispatchError
from framework.storage.statements import Lock, TableStatements, locking


class CriterionOfAnother(DispatchError):
    """The criterion reads the table {other}, so that it would hold of all records of {model} or of none. Say
    which of them belong together: `{model}.id.in_(select(...))`.
    """


def selection_where(
    statements: TableStatements, criteria: Sequence[Any], lock: Lock
) -> tuple[str, list[Any]]:
    """Select whole rows that meet the criteria; and the values in these, as the driver takes them.

    They are read from the table of the class, as the criteria have it, with the App's own columns.
    """
    table, dialect = statements.shape.table, statements.dialect
    for other in {one for criterion in criteria for one in criterion._from_objects} - {table}:
        raise CriterionOfAnother(model=statements.shape.name, other=getattr(other, "name", other))
    columns = [ColumnClause[Any](column.name, _selectable=table) for column in statements.columns]
    statement: Any = select(*columns).where(*criteria)
    if dialect.name != "sqlite":  # locked in the order of ids; SQLite has one writer
        statement = statement.order_by(table.c.id)
    compiled: Any = locking(statement, lock).compile(
        dialect=dialect, compile_kwargs={"render_postcompile": True}
    )
    values = compiled.construct_params()
    names: Sequence[str] = compiled.positiontup or ()
    return compiled.string, [_encoded(values[name], _kind(compiled.binds, name), dialect) for name in names]


def _kind(binds: Mapping[str, Any], name: str) -> TypeEngine[Any]:
    """The type of a parameter; the many of one `IN` are numbered."""
    bind = binds[name] if name in binds else binds[name.rpartition("_")[0]]
    kind: TypeEngine[Any] = bind.type
    return kind


def _encoded(value: Any, kind: TypeEngine[Any], dialect: Dialect) -> Any:
    encode = kind.dialect_impl(dialect).bind_processor(dialect)
    return value if encode is None else encode(value)
