"""What the database has yet to be told: rows that are new, and columns that have changed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter

from framework.plan.shape import Shape
from framework.runtime.change import Change
from framework.storage.database import Connection
from framework.storage.statements import TableStatements
from framework.storage.violation import Violation

_FEW = 16
"""So many new rows go into one statement; of more, each is told on its own, so that statements stay few in
kind.
"""

_MANY = 256
"""So much that the database has yet to be told is looked through for each question; more is told first."""

Explain = Callable[[Violation, list[Change]], Exception]


class Untold:
    """Writes held back and merged: one INSERT or one UPDATE of a record, however often it changes."""

    __slots__ = ("_connection", "_explain", "_statements", "changed", "new")

    def __init__(
        self, connection: Connection, statements: Mapping[Shape, TableStatements], explain: Explain
    ) -> None:
        self._connection = connection
        self._statements = statements
        self._explain = explain  # what a constraint means that rows of a class have violated
        self.new: list[Change] = []
        self.changed: dict[Change, None] = {}

    def __iter__(self) -> Iterator[Change]:
        """All records of which the database has yet to be told, each once."""
        return iter(dict.fromkeys((*self.new, *self.changed)))

    @property
    def are_many(self) -> bool:
        """Whether it costs more to look through them for each question than to tell them first."""
        return len(self.new) + len(self.changed) > _MANY

    def tell(self) -> None:
        """Tell the database of all new and changed rows."""
        if self.new:
            self._insert()
        if self.changed:
            self._update()

    def tell_of(self, shape: Shape) -> None:
        """Tell the database of all new rows, and of the changed ones of one class."""
        if self.new:
            self._insert()
        rest = {change: None for change in self.changed if change.shape is not shape}
        self.changed = {change: None for change in self.changed if change.shape is shape}
        self._update()
        self.changed = rest

    def has_been_told(self, change: Change) -> None:
        """The database has this new row already."""
        self.new.remove(change)
        change.stored = True

    def make_room(self, shape: Shape) -> None:
        """Tell the database of unique values that were given up, before another record takes them."""
        if any(change.shape is shape and change.dirty.keys() & shape.unique for change in self.changed):
            self.tell_of(shape)

    def _insert(self) -> None:
        new, self.new = self.new, []
        if len(new) > 1:
            new.sort(key=attrgetter("shape.depth"))
        position = 0
        while position < len(new):
            shape = new[position].shape
            end = position
            while end < len(new) and new[end].shape is shape:
                end += 1
            self._insert_of(shape, [change for change in new[position:end] if change.after_row is not None])
            position = end

    def _insert_of(self, shape: Shape, batch: list[Change]) -> None:
        statements = self._statements[shape]
        sql, parameters = statements.insertion
        rows = [parameters.of(change.after_row) for change in batch]  # type: ignore[arg-type]  # batch has rows
        try:
            if len(rows) == 1:
                self._connection.run(sql, rows[0])
            elif 1 < len(rows) <= _FEW:
                values = [value for row in rows for value in row]
                self._connection.run(statements.insertion_of(len(rows)), values)
            elif rows:
                self._connection.run_many(sql, rows)
        except Violation as violation:
            raise self._explain(violation, batch) from violation
        for change in batch:
            change.stored = True
            change.dirty.clear()

    def _update(self) -> None:
        changed, self.changed = self.changed, {}
        alike = groupby(changed, lambda change: (change.shape, tuple(_news_of(change))))
        for (shape, names), group in alike:
            batch = [change for change in group if change.after_row is not None]
            if names and batch:
                self._update_of(shape, names, batch)
        for change in changed:
            change.dirty.clear()
            change.told = True

    def _update_of(self, shape: Shape, names: tuple[str, ...], batch: list[Change]) -> None:
        """The same columns of one record, or of some that come one after the other."""
        sql, parameters = self._statements[shape].update(names)
        rows = [parameters.of(change.after_row) for change in batch]  # type: ignore[arg-type]  # batch has rows
        try:
            if len(rows) == 1:
                self._connection.run(sql, rows[0])
            else:
                self._connection.run_many(sql, rows)
        except Violation as violation:
            raise self._explain(violation, batch) from violation


def _news_of(change: Change) -> Iterable[str]:
    """The columns whose value the database does not have."""
    before, after = change.before_row, change.after_row
    if after is None:
        return ()
    if before is None or change.told:
        return change.dirty
    return [name for name in change.dirty if before[name] != after[name]]
