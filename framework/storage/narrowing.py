"""Narrowing: every SELECT of a session sees less than there is, however it is written.

1. A table that is narrowed is shadowed: `WITH "order" AS (SELECT ... FROM main."order" WHERE ...)`. SQL looks
   a name up among the WITH first, so whatever the statement does with the table (join, alias, subquery,
   EXISTS), it does with what the shadow lets through.
2. The shadow is added to each SELECT that the session executes, those included that load relations.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import CTE, Column, ColumnElement, MetaData, Table, cast, event, null, select
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.sql import util, visitors

from framework.storage.of_members import member_of

Narrow: TypeAlias = Callable[[Any], Any]
"""From a SELECT to one that sees less; raises what the caller is to be told of a SELECT that may not be."""


def narrow_all(session: Session, narrow: Narrow) -> None:
    """Narrow every SELECT that the session executes from now on."""

    def narrowed(state: ORMExecuteState) -> None:
        if state.is_select:
            state.statement = narrow(state.statement)

    event.listen(session, "do_orm_execute", narrowed)


class Shadows:
    """Tables as a reader may see them, each as a CTE under the table's own name.

    `schema` is where the database keeps the tables: within a shadow they go by their full names.
    """

    def __init__(self, tables: Iterable[Table], schema: str) -> None:
        metadata = MetaData()
        self._real: Mapping[Any, Table] = {
            table: table.to_metadata(metadata, schema=schema, referred_schema_fn=lambda *_: schema)
            for table in tables
        }

    def of(self, table: Table, criterion: ColumnElement[bool], hidden: Collection[str] = ()) -> CTE:
        """The rows of the table that meet the criterion, with NULL in the hidden columns."""
        real = self._real[table]
        columns = [
            cast(null(), one.type).label(one.name) if one.name in hidden else one for one in real.columns
        ]
        held = self._named_in_full(criterion)
        if any(source is not real for source in held._from_objects):
            raise ValueError(f"the criterion reads more than {table.name}")
        rows = select(*columns).select_from(real).where(held).correlate(None)
        return rows.cte(table.name).prefix_with("NOT MATERIALIZED")

    def _named_in_full(self, criterion: ColumnElement[bool]) -> ColumnElement[bool]:
        # what `any` and `has` of a relation say is marked by SQLAlchemy as not to be replaced
        free = util._deep_deannotate(criterion, values=["no_replacement_traverse"])
        return visitors.replacement_traverse(free, {}, self._full_name)

    def _full_name(self, element: Any, **_: Any) -> Any:
        table = getattr(element, "table", None)
        if table is not None and table in self._real:
            real = self._real[table]
            return real.c[element.name] if isinstance(element, Column) else member_of(real, element.name)
        return self._real.get(element)
