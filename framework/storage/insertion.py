"""How new rows get into a table: whole, or, as most can be, without what they hardly ever have."""

import re
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Dialect, Table, bindparam, insert

from framework.storage.codec import Parameters, Row
from framework.storage.fitting import Convert
from framework.storage.statement import Statement


class Insertion:
    """Inserts rows with values of some columns; in the others is nothing."""

    __slots__ = ("_several", "_width", "parameters", "sql")

    def __init__(
        self, table: Table, names: Sequence[str], encoder: Mapping[str, Convert], dialect: Dialect
    ) -> None:
        statement = Statement(insert(table).values({name: bindparam(name) for name in names}), dialect)
        self.sql = statement.sql
        self.parameters = Parameters(statement.names, encoder)
        self._width = len(names)
        self._several: dict[int, str] = {}

    def of(self, rows: int) -> str:
        """Insert so many rows by one statement; its parameters are those of one, row after row."""
        if rows not in self._several:
            head, values, row = self.sql.rpartition(" VALUES ")
            repeated = ", ".join(_shifted(row, by=self._width * number) for number in range(rows))
            self._several[rows] = f"{head}{values}{repeated}"
        return self._several[rows]


class Insertions:
    """Both ways. To bind what is nothing costs SQLite's driver three times what a text does."""

    def __init__(
        self,
        table: Table,
        names: Sequence[str],
        seldom: Sequence[str],
        encoder: Mapping[str, Convert],
        dialect: Dialect,
    ) -> None:
        self._whole = Insertion(table, names, encoder, dialect)
        self._brief = self._whole
        self._is_brief: Callable[[Row], bool] = bool
        if seldom:
            most = [name for name in names if name not in seldom]
            self._brief = Insertion(table, most, encoder, dialect)
            code = " is ".join(f"row[{name!r}]" for name in seldom)
            self._is_brief = eval(f"lambda row: {code} is None")

    def of(self, rows: Sequence[Row]) -> Insertion:
        """The way in which all of these rows can go."""
        return self._brief if all(map(self._is_brief, rows)) else self._whole


def _shifted(row: str, *, by: int) -> str:
    """The placeholders of a row, where they are numbered, by so much further on."""
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + by}", row)
