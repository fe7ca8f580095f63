"""Statements on the states of activities: one row for each instance, with what has happened in it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    Column,
    Dialect,
    Index,
    MetaData,
    Table,
    Text,
    Uuid,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy import Connection as Alchemy

from framework.storage.codec import Codec

if TYPE_CHECKING:
    from framework.storage.database import Connection

_APART = " "
"""Between the names of event classes, which have none in them."""


class ActivityStates:
    """What has happened in each instance, as names of event classes in their order."""

    def __init__(self, metadata: MetaData, dialect: Dialect) -> None:
        table = Table(
            "millrace_activity",
            metadata,
            Column("activity", Text, primary_key=True),
            Column("id", Uuid, primary_key=True),  # of the event that opened it
            Column("happened", Text, nullable=False),
            Index(None, "activity", "happened", "id"),  # instances that stand alike are together
        )
        self._table = table
        self._codec = Codec(tuple(table.columns), dialect)
        one = (table.c.activity == bindparam("activity_"), table.c.id == bindparam("id_"))
        found = select(table.c.happened).where(*one)
        self._find = _sql(found, dialect)
        self._find_locked = _sql(found.with_for_update(key_share=True), dialect)
        row: dict[str, Any] = {name: bindparam(name) for name in ("activity", "id", "happened")}
        self._open = _sql(insert(table).values(row), dialect)
        self._set = _sql(update(table).values(happened=bindparam("happened")).where(*one), dialect)
        self._close = _sql(delete(table).where(*one), dialect)
        everything = select(table.c.id, table.c.happened).where(table.c.activity == bindparam("activity_"))
        self._all = _sql(everything, dialect)
        further = select(table.c.happened).where(
            table.c.activity == bindparam("activity_"), table.c.happened > bindparam("after_")
        )
        self._further = _sql(_first(further.order_by(table.c.happened), literal_column("1")), dialect)
        alike = select(table.c.id).where(
            table.c.activity == bindparam("activity_"),
            table.c.happened == bindparam("happened_"),
            table.c.id > bindparam("after_"),
        )
        self._alike = _sql(_first(alike.order_by(table.c.id), bindparam("limit_")), dialect)

    def find(
        self, connection: "Connection", activity: str, id: UUID, *, lock: bool = False
    ) -> tuple[str, ...] | None:
        """What has happened in an instance, None if there is none; locked, until the transaction ends."""
        sql = self._find_locked if lock else self._find
        found = connection.row(sql, [activity, self._encoded(id)])
        return None if found is None else tuple(found[0].split(_APART))

    def open(self, connection: "Connection", activity: str, id: UUID, happened: tuple[str, ...]) -> None:
        """An instance comes to be."""
        connection.run(self._open, [activity, self._encoded(id), _APART.join(happened)])

    def set(self, connection: "Connection", activity: str, id: UUID, happened: tuple[str, ...]) -> None:
        """More has happened."""
        connection.run(self._set, [_APART.join(happened), activity, self._encoded(id)])

    def close(self, connection: "Connection", activity: str, id: UUID) -> None:
        """The event that opened the instance is gone."""
        connection.run(self._close, [activity, self._encoded(id)])

    def all(self, connection: "Connection", activity: str) -> Iterator[tuple[UUID, tuple[str, ...]]]:
        """All instances of an activity."""
        for id, happened in connection.rows(self._all, [activity]):
            yield self._codec.decode_one("id", id), tuple(happened.split(_APART))

    def histories(self, connection: "Connection", activity: str) -> Iterator[tuple[str, ...]]:
        """What has happened in the instances of an activity, each once: one look into the index for each."""
        found = connection.row(self._further, [activity, ""])
        while found is not None:
            yield tuple(found[0].split(_APART))
            found = connection.row(self._further, [activity, found[0]])

    def alike(
        self, connection: "Connection", activity: str, happened: tuple[str, ...], after: UUID, limit: int
    ) -> list[UUID]:
        """The instances in which just that has happened, by id, beginning after one."""
        parameters = [activity, _APART.join(happened), self._encoded(after), limit]
        return [self._codec.decode_one("id", id) for (id,) in connection.rows(self._alike, parameters)]

    def rename_events(self, connection: Alchemy, names: Mapping[str, str]) -> None:
        """Let what has happened go by the names that event classes have now."""
        happened = self._table.c.happened
        for text in connection.execute(select(happened).distinct()).scalars().all():
            called = _APART.join(names.get(one, one) for one in text.split(_APART))
            if called != text:
                connection.execute(update(self._table).where(happened == text).values(happened=called))

    def _encoded(self, id: UUID) -> Any:
        return self._codec.encode_one("id", id)


def _first(rows: Any, limit: Any) -> Any:
    """So many rows at most; with an OFFSET, because SQLAlchemy would make it a parameter for SQLite."""
    return rows.limit(limit).offset(literal_column("0"))


def _sql(statement: Any, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))
