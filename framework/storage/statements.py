"""The statements of one table, each compiled once to the SQL of the driver."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Dialect,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    bindparam,
    delete,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.sql import ClauseElement

from framework.plan.node import AdditiveNode
from framework.plan.shape import Shape
from framework.storage.codec import Codec, Parameters, Row
from framework.storage.fitting import given_by_callbacks
from framework.storage.insertion import Insertions
from framework.storage.natural_keys import NaturalKey
from framework.storage.pages import Pages
from framework.storage.statement import Statement
from framework.storage.tables import BORN, MADE_BY


class Adjustment(NamedTuple):
    """How amounts are added to states of a row: parameters are the amounts, then the encoded id."""

    sql: str
    returning: str  # the same, and the whole row is returned
    undone: Callable[[Row, Sequence[Any]], Row]  # a row as it was, of what it is and of the parameters


def earliest(dialect: Dialect) -> ColumnElement[Any]:
    """What comes before all moments: "later than that" is answered by an index, "not None" is not."""
    return literal_column("''" if dialect.name == "sqlite" else "'-infinity'")


SOME = 64
"""So many records are looked for, or deleted, by one statement; of fewer, the last is named again."""


class Lock(StrEnum):
    """What others are kept from doing to a row that is read, until the transaction ends. SQLite has one
    writer anyway.
    """

    NONE = "none"
    CHANGE = "change"  # changing it; they may refer to it
    REFERENCE = "reference"  # referring to it, too: it may go


class TableStatements:
    """What the engine can ask of one table. Sets of columns that change together are compiled when first
    seen.
    """

    def __init__(self, shape: Shape, table: Table, dialect: Dialect) -> None:
        self.shape = shape
        self.table = table
        self.dialect = dialect
        self.columns = tuple(column for column in table.columns if column.name != BORN)
        given = given_by_callbacks(shape.model.__computed__.items())
        self.codec = Codec(self.columns, dialect, given=given)
        self.encode_id = self.codec.encoder.get("id", lambda id: id)
        self.stored = tuple(column.name for column in self.columns if column.computed is None)
        self._updates: dict[tuple[str, ...], tuple[str, Parameters]] = {}
        self._adjustments: dict[tuple[AdditiveNode, ...], Adjustment] = {}
        self._any: dict[str, str] = {}
        self._firsts: dict[tuple[Any, ...], str] = {}
        self._by_id: dict[Lock, str] = {}
        self._selections: dict[tuple[tuple[str, ...], Lock, str | None], tuple[str, Parameters]] = {}

    @cached_property
    def indexed(self) -> frozenset[str]:
        """The columns that an index of all rows begins with."""
        indexes = [
            one for one in self.table.indexes if one.dialect_options[self.dialect.name]["where"] is None
        ]
        keys = [
            one for one in self.table.constraints if isinstance(one, (PrimaryKeyConstraint, UniqueConstraint))
        ]
        return frozenset(next(iter(one.columns)).name for one in (*indexes, *keys))

    @cached_property
    def natural_keys(self) -> Mapping[tuple[str, ...], NaturalKey]:
        """What is unique, as a way to find or to make a record, by its columns."""
        return {one.columns: NaturalKey(self, one) for one in self.shape.uniques}

    @cached_property
    def pages(self) -> Pages:
        """What is asked of the table when all of its rows are concerned."""
        return Pages(self)

    def sql(self, statement: ClauseElement) -> str:
        """The statement as the driver takes it."""
        return Statement(statement, self.dialect).sql

    @cached_property
    def insertions(self) -> Insertions:
        """Insert new rows."""
        return Insertions(self.table, self.stored, self.shape.seldom, self.codec.encoder, self.dialect)

    def update(self, names: tuple[str, ...]) -> tuple[str, Parameters]:
        """Set the named columns of the row with this id."""
        if names not in self._updates:
            values: dict[str, Any] = {name: bindparam(name) for name in names}
            statement = (
                update(self.table)
                .where(self.table.c.id == bindparam("id", type_=self.table.c.id.type))
                .values(values)
            )
            compiled = Statement(statement, self.dialect)
            self._updates[names] = compiled.sql, Parameters(compiled.names, self.codec.encoder)
        return self._updates[names]

    def adjustment(self, nodes: tuple[AdditiveNode, ...]) -> Adjustment:
        """Add to the states of the nodes in the row with this id."""
        found = self._adjustments.get(nodes)
        if found is None:
            found = self._adjustments[nodes] = self._adjustment(nodes)
        return found

    def _adjustment(self, nodes: tuple[AdditiveNode, ...]) -> Adjustment:
        columns = self.table.c
        names = tuple(state for node in nodes for state in node.states)
        values = [(columns[name], columns[name] + bindparam(f"{name}_")) for name in names]
        statement = update(self.table).where(columns.id == bindparam("id_")).ordered_values(*values)
        plain = Statement(statement, self.dialect)
        assert plain.names == (*(f"{name}_" for name in names), "id_"), "parameters keep their order"
        returning = self.sql(statement.returning(*self.columns))
        return Adjustment(demanding(plain, self.dialect), returning, _undone(names))

    def selection(
        self, names: tuple[str, ...], lock: Lock = Lock.NONE, where: str | None = None
    ) -> tuple[str, Parameters]:
        """Select whole rows by the named columns, oldest first; of those for which the SQL of an index
        holds, where it is given.
        """
        if (names, lock, where) not in self._selections:
            statement: Any = select(*self.columns).where(
                *(self.table.c[name] == bindparam(name) for name in names)
            )
            if where is not None:
                statement = statement.where(literal_column(where))
            if names != ("id",) and self.dialect.name != "sqlite":  # SQLite keeps them so in its indexes
                statement = statement.order_by(*self.recency())
            compiled = Statement(locking(statement, lock), self.dialect)
            self._selections[names, lock, where] = (
                compiled.sql,
                Parameters(compiled.names, self.codec.encoder),
            )
        return self._selections[names, lock, where]

    def by_id(self, lock: Lock = Lock.NONE) -> str:
        """Select the row with this id; the parameter is the encoded id."""
        sql = self._by_id.get(lock)
        if sql is None:
            sql, _ = self.selection(("id",), lock)
            self._by_id[lock] = sql
        return sql

    @cached_property
    def hold(self) -> str:
        """Lock the row with this id against all that others could do to it."""
        statement: Any = select(literal_column("1")).where(self.table.c.id == bindparam("id_"))
        return Statement(locking(statement, Lock.REFERENCE), self.dialect).sql

    @cached_property
    def deletion(self) -> str:
        """Delete the row with this id."""
        return Statement(delete(self.table).where(self.table.c.id == bindparam("id_")), self.dialect).sql

    def selection_of_any(self, name: str) -> str:
        """Select, to change them, whole rows that have one of `SOME` values of the column."""
        if name not in self._any:
            column = self.table.c[name]
            parameters = [bindparam(f"{name}_{number}", type_=column.type) for number in range(SOME)]
            statement: Any = select(*self.columns).where(column.in_(parameters))
            if self.dialect.name != "sqlite":
                statement = statement.order_by(self.table.c.id)
            self._any[name] = Statement(locking(statement, Lock.CHANGE), self.dialect).sql
        return self._any[name]

    @cached_property
    def deletion_of_some(self) -> str:
        """Delete the rows with `SOME` ids."""
        parameters = [bindparam(f"id_{number}", type_=self.table.c.id.type) for number in range(SOME)]
        return Statement(delete(self.table).where(self.table.c.id.in_(parameters)), self.dialect).sql

    @cached_property
    def made(self) -> str:
        """Select what a rule made of one source, by the range of keys that begin alike."""
        made_by = self.table.c[MADE_BY]
        statement = select(*self.columns).where(made_by >= bindparam("from_"), made_by < bindparam("to_"))
        return Statement(locking(statement.order_by(made_by), Lock.CHANGE), self.dialect).sql

    @cached_property
    def everything(self) -> str:
        """Select all rows, in the order of their creation."""
        return Statement(select(*self.columns).order_by(*self.recency()), self.dialect).sql

    def recency(self, *, newest: bool = False) -> Sequence[Any]:
        """The order of creation: SQLite numbers its rows, elsewhere a column does; ids are nearly in that
        order.
        """
        born = self.table.c.get(BORN)
        row: ColumnElement[Any] = self.table.c.id if born is None else born
        if self.dialect.name == "sqlite":
            row = literal_column("rowid")
        return [row.desc() if newest else row]

    def first_offer(self, key: str | None, offer: str, *, descending: bool) -> str:
        """Select the best offer on a route: one look-up in the index of route and offer."""
        column = self.table.c[offer]
        order = column.desc() if descending else column
        return self._first((key, offer, descending), [column], column.is_not(None), key, order)

    def offers(self, key: str | None, offer: str, *, descending: bool) -> str:
        """Select ids and offers on a route, best first; the last parameter is how many at most."""
        column = self.table.c[offer]
        order = column.desc() if descending else column
        columns = [self.table.c.id, column]
        name = (key, offer, descending, "some")
        return self._first(name, columns, column.is_not(None), key, order, limit=bindparam("limit_"))

    def takers(self, key: str | None, offer: str, *, newest: bool) -> str:
        """Select ranks and rows on a route that take part, by creation; the last parameter is how many at
        most.
        """
        takes_part = self.table.c[offer] == true()
        order = self.recency(newest=newest)
        columns = [*self.recency(), *self.columns]
        name = (key, offer, newest, "takers")
        return self._first(name, columns, takes_part, key, *order, limit=bindparam("limit_"))

    @cached_property
    def rank(self) -> str:
        """Select the place of the row with this id in the order of creation."""
        statement = select(*self.recency()).select_from(self.table).where(self.table.c.id == bindparam("id_"))
        return Statement(statement, self.dialect).sql

    def due(self, column: str, limit: int) -> str:
        """Select the rows whose moment in the column has come, at most `limit`; the parameter is the
        moment.
        """
        condition = self.table.c[column] <= bindparam("now_")
        return self._first(
            (column, limit, "due"),
            self.columns,
            condition,
            None,
            self.table.c[column],
            limit=literal_column(str(limit)),
            lock=Lock.CHANGE,
        )

    def _first(
        self,
        name: tuple[Any, ...],
        columns: Sequence[Any],
        condition: Any,
        key: str | None,
        *order: Any,
        limit: Any = literal_column("1"),  # noqa: B008  # a constant
        lock: Lock = Lock.NONE,
    ) -> str:
        """Select the first that meet the condition; the parameter is the encoded value of `key`, if there
        is one.
        """
        if name not in self._firsts:
            conditions = [condition] + ([self.table.c[key] == bindparam("key_")] if key else [])
            statement = (
                select(*columns).where(*conditions).order_by(*order).limit(limit).offset(literal_column("0"))
            )
            self._firsts[name] = Statement(locking(statement, lock), self.dialect).sql
        return self._firsts[name]


def _undone(names: Sequence[str]) -> Callable[[Row, Sequence[Any]], Row]:
    """Takes amounts off the named values of a row; a loop over the names would cost three times as much."""
    values = ", ".join(f"{name!r}: row[{name!r}] - amounts[{at}]" for at, name in enumerate(names))
    return eval(f"lambda row, amounts: {{**row, {values}}}")  # type: ignore[no-any-return]  # of this type


def demanding(change: Statement, dialect: Dialect) -> str:
    """The change, such that PostgreSQL refuses it, by dividing by zero, if there is no row for it.

    It may have been told to commit before anybody hears how many there were; SQLite says that at once.
    """
    if dialect.name == "sqlite":
        return change.sql
    return f"WITH told AS ({change.sql} RETURNING 1) SELECT 1 / count(*) FROM told"


def locked_against_references(statement: Any) -> Any:
    """The statement, such that what it finds may go: nobody refers to it anew meanwhile."""
    return locking(statement, Lock.REFERENCE)


def locking(statement: Any, lock: Lock) -> Any:
    match lock:
        case Lock.NONE:
            return statement
        case Lock.CHANGE:
            return statement.with_for_update(key_share=True)
        case Lock.REFERENCE:
            return statement.with_for_update()
