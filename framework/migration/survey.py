"""What is in the database: how many rows would lose something, or do not fit."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, cast, column, exists, func, literal_column, or_, select, table
from sqlalchemy.types import JSON, Text, TypeDecorator, TypeEngine

from framework.migration.tally import Tally
from framework.migration.tenants import each_tenant
from framework.model.columns import UnreadableResult
from framework.storage.database import Database
from framework.storage.tables import MADE_BY


class Survey:
    """Counts rows of tables as they are there, of all tenants together."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._database = database

    def rows(self, name: str) -> int:
        return self._count(table(name))

    def given(self, name: str, of: str) -> int:
        """The rows that have a value."""
        return self._count(table(name, column(of)), column(of).is_not(None))

    def missing(self, name: str, of: str) -> int:
        """The rows that have no value."""
        return self._count(table(name, column(of)), column(of).is_(None))

    def other_than(self, name: str, of: str, values: Sequence[Any]) -> int:
        """The rows whose value is none of these."""
        return self._count(table(name, column(of)), column(of).not_in(list(values)))

    def alike(self, name: str, known: Mapping[str, Any], columns: Sequence[str], where: str | None) -> Tally:
        """The rows that share all values of the columns with another row, where `known` gives what rows have
        by the names of today.
        """
        rows = select(*(value.label(one) for one, value in known.items())).select_from(table(name)).subquery()
        counted = func.count().label("rows_alike")
        groups = select(counted).select_from(rows).group_by(*(rows.c[one] for one in columns))
        groups = groups.where(*(rows.c[one].is_not(None) for one in columns)).having(counted > 1)
        if where is not None:
            groups = groups.where(literal_column(where))
        return self._sum(select(func.sum(groups.subquery().c.rows_alike)))

    def dangling(self, name: str, of: str, target: str | None) -> int:
        """The rows that refer to a row that is not there, or whose table is not."""
        if target is None:
            return self.given(name, of)
        here, there = table(name, column(of)), table(target, column("id")).alias("target")
        found = exists(select(literal_column("1")).select_from(there).where(there.c.id == here.c[of]))
        return self._count(here, and_(here.c[of].is_not(None), ~found))

    def above_themselves(self, name: str, of: str) -> int:
        """The rows that no root is above, by a key to their own table: they are in a circle, or below one."""
        here = table(name, column("id"), column(of))
        there = here.alias("there")
        rooted = select(here.c.id).where(here.c[of].is_(None)).cte("rooted", recursive=True)
        rooted = rooted.union_all(select(there.c.id).join(rooted, there.c[of] == rooted.c.id))
        return self._count(here, here.c.id.not_in(select(rooted.c.id)))

    def unreadable(self, name: str, of: str, kind: TypeEngine[Any]) -> int:
        """The rows whose value is none of the type as it is declared now."""
        if not isinstance(kind, TypeDecorator):
            return 0
        stored: Any = column(of)
        if isinstance(kind.load_dialect_impl(self._connection.dialect), JSON):
            stored = cast(stored, Text)  # which can be grouped, and is read as SQLite's is
        values = select(stored, func.count()).select_from(table(name)).group_by(stored)
        connection = self._connection
        return self._tally(values, lambda value, rows: 0 if _reads(kind, value, connection) else int(rows))

    def unwhole(self, name: str, of: str) -> int:
        """The rows whose text or number is no whole number."""
        stored: Any = column(of)
        values = select(stored, func.count()).select_from(table(name)).group_by(stored)
        return self._tally(values, lambda value, rows: 0 if value is None or _is_whole(value) else int(rows))

    def beyond_floats(self, name: str, of: str) -> int:
        """The rows whose whole number is so great that floats have gaps there."""
        return self._count(table(name, column(of)), or_(column(of) > 2**53, column(of) < -(2**53)))

    def out_of_step(self, name: str, of: str, start: int, step: int) -> int:
        """The rows whose number is none of a sequence."""
        return self._count(table(name, column(of)), (column(of) - start) % step != 0)

    def made_by(self, name: str, rule: str) -> int:
        """The rows that a rule has made."""
        key: Any = column(MADE_BY)
        return self._count(table(name, key), key >= f"{rule}:", key < f"{rule};")

    def _count(self, source: Any, *where: Any) -> int:
        return self._sum(select(func.count()).select_from(source).where(*where))

    def _sum(self, statement: Any) -> Tally:
        return self._tally(statement, lambda count: int(count or 0))

    def _tally(self, statement: Any, weigh: Callable[..., int]) -> Tally:
        """What the rows of a statement come to, which is asked of each tenant."""
        options = {"yield_per": 1000}
        return Tally.summing(
            {
                tenant: sum(
                    weigh(*row) for row in self._connection.execute(statement, execution_options=options)
                )
                for tenant in each_tenant(self._connection, self._database)
            }
        )


def _reads(kind: TypeDecorator[Any], value: Any, connection: Connection) -> bool:
    if value is None:
        return True
    adapter = getattr(kind, "adapter", None)
    try:
        if adapter is not None:
            adapter.validate_json(value)
        else:
            kind.process_result_value(value, connection.dialect)
    except (ValueError, UnreadableResult):
        return False
    return True


_WHOLE = re.compile(r"[ \t\n\r\f\v]*([+-]?0*[0-9]{1,19})[ \t\n\r\f\v]*")
"""What all databases take for a number; of other texts SQLite would read the beginning."""


def _is_whole(value: str | float) -> bool:
    if isinstance(value, float):
        return value.is_integer() and abs(value) < 2**63
    found = _WHOLE.fullmatch(value)
    return found is not None and -(2**63) <= int(found[1]) < 2**63
