"""Statements that read a whole table, a page at a time, and rows by many values at once."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ARRAY, any_, bindparam, func, literal_column, select

if TYPE_CHECKING:
    from framework.storage.database import Connection
    from framework.storage.statements import TableStatements

PAGE = 1000
"""So many rows are read by one statement."""


class Pages:
    """What is asked of a table when all of its rows are concerned."""

    def __init__(self, statements: "TableStatements") -> None:
        self._statements = statements
        self._table = statements.table
        self._among: dict[tuple[str, bool], str] = {}
        self._spans: dict[tuple[str, bool, bool], str] = {}

    @cached_property
    def first(self) -> str:
        """Select the first rows, by id."""
        return self._sql(self._page)

    @cached_property
    def next(self) -> str:
        """Select the rows whose id comes after the parameter."""
        return self._sql(self._page.where(self._table.c.id > bindparam("id_")))

    @cached_property
    def first_made(self) -> str:
        """Select places in the order of creation, and rows: the oldest ones."""
        return self._sql(self._made)

    @cached_property
    def next_made(self) -> str:
        """Select places and rows that come after the place that is the parameter."""
        (place,) = self._statements.recency()
        return self._sql(self._made.where(place > bindparam("place_")))

    @cached_property
    def ids_from(self) -> str:
        """Select ids in their order, from one on; the second parameter is how many at most."""
        id = self._table.c.id
        statement = select(id).where(id >= bindparam("id_")).order_by(id).limit(bindparam("limit_"))
        return self._sql(statement.offset(_NONE))

    @property
    def first_place(self) -> Any:
        """The first place that there can be in the order of creation."""
        (place,) = self._statements.recency()
        return UUID(int=0) if place is self._table.c.id else -(2**63)

    def walk(
        self, connection: "Connection", column: str, bounds: Sequence[Any], *, whole: bool, none: bool
    ) -> Iterator[Sequence[Any]]:
        """The rows of a span, as the driver has them, in the order of their making, a page at a time."""
        sql = self.span(column, whole=whole, none=none)
        rows = connection.rows(sql, [*bounds, self.first_place])
        while rows:
            for _, *values in rows:
                yield values
            if len(rows) < PAGE - 1:
                return
            rows = connection.rows(sql, [*bounds, rows[-1][0]])[1:]

    def span(self, column: str, *, whole: bool, none: bool) -> str:
        """Select places in the order of creation, and rows, from a place on.

        Parameters are the first and the last value of the column (not if it is taken `whole`, nor if it is
        to have `none`), and the place.
        """
        if (column, whole, none) not in self._spans:
            (place,) = self._statements.recency()
            within = self._table.c[column]
            span = [within >= bindparam("from_"), within <= bindparam("to_")]
            conditions = [] if whole else [within.is_(None)] if none else span
            self._spans[column, whole, none] = self._sql(
                self._made.where(*conditions, place >= bindparam("place_"))
            )
        return self._spans[column, whole, none]

    def among(self, name: str, *, lock: bool) -> str:
        """Select the rows whose column has one of the values that the parameter lists, lowest id first."""
        if (name, lock) not in self._among:
            column, table = self._table.c[name], self._table
            statement: Any = select(*self._statements.columns).order_by(table.c.id)
            if self._statements.dialect.name == "sqlite":
                listed = func.json_each(bindparam("values_")).table_valued("value")
                statement = statement.where(column.in_(select(listed.c.value)))
            else:
                values = bindparam("values_", type_=ARRAY(column.type))
                statement = statement.where(column == any_(values))
            if lock:
                statement = statement.with_for_update(key_share=True)
            self._among[name, lock] = self._sql(statement)
        return self._among[name, lock]

    @property
    def _page(self) -> Any:
        return select(*self._statements.columns).order_by(self._table.c.id).limit(_ROWS).offset(_NONE)

    @property
    def _made(self) -> Any:
        order = self._statements.recency()
        return select(*order, *self._statements.columns).order_by(*order).limit(_ROWS).offset(_NONE)

    def _sql(self, statement: Any) -> str:
        return self._statements.sql(statement)


_ROWS: Any = literal_column(str(PAGE))
_NONE: Any = literal_column("0")
