"""What the database has yet to be told: rows that are new, and columns that have changed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, groupby
from operator import attrgetter
from typing import Any

from framework.plan.shape import Shape
from framework.runtime.change import Change
from framework.runtime.exchange import Telling, given_up, in_order
from framework.runtime.forward import Newer
from framework.runtime.parking import parked
from framework.storage.database import Connection
from framework.storage.statements import TableStatements
from framework.storage.violation import Violation

_FEW = 16
"""So many new rows go into one statement; of more, each is told on its own, so that statements stay few in
kind.
"""

_MANY = 256
"""So much that the database has yet to be told is looked through for each question; more is told first."""

_depth, _forward = attrgetter("depth"), attrgetter("forward")

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
        if change.after_row is not None:
            change.held = change.after_row.copy()

    def _insert(self) -> None:
        new, self.new = self.new, []
        if len(new) == 1:
            self._insert_of(new[0].shape, new)
            return
        of_shape: dict[Shape, list[Change]] = {}
        for change in new:
            of_shape.setdefault(change.shape, []).append(change)
        newer = Newer(new) if any(map(_forward, of_shape)) else None
        for shape in sorted(of_shape, key=_depth):  # first what others refer to
            put_off = newer.put_off(of_shape[shape]) if newer is not None else ()
            self._insert_of(shape, of_shape[shape])
            for change, key, value in put_off:
                if change.after_row is not None:
                    change.after_row[key] = value
                    change.dirty[key] = None
                    self.changed[change] = None

    def _insert_of(self, shape: Shape, batch: list[Change]) -> None:
        rows = [row for change in batch if (row := change.after_row) is not None]
        if not rows:
            return
        if len(rows) < len(batch):
            batch = [change for change in batch if change.after_row is not None]
        if shape.unique and self.changed:
            for telling in given_up(list(self.changed), batch):
                _, names, whole = _columns(telling)
                self._update_of(shape, names, [telling[0]], whole=whole)
        insertion = self._statements[shape].insertions.of(rows)
        values = insertion.parameters.of
        if len(rows) == 1:
            self._connection.tell(insertion.sql, values(rows[0]), self._explain, batch)
        elif len(rows) <= _FEW:
            together = list(chain.from_iterable(map(values, rows)))
            self._connection.tell(insertion.of(len(rows)), together, self._explain, batch)
        else:
            self._connection.tell_many(insertion.sql, list(map(values, rows)), self._explain, batch)
        for change in batch:
            change.stored = True
            change.dirty.clear()
        if shape.unique:
            for change, row in zip(batch, rows, strict=True):
                change.held = row.copy()

    def _update(self) -> None:
        changed, self.changed = self.changed, {}
        if len(changed) == 1:  # as most often, and it waits for nobody
            (change,) = changed
            self._update_of(change.shape, tuple(_news_of(change)), [change], whole=True)
        else:
            for (shape, names, whole), group in groupby(in_order(changed), _columns):
                self._update_of(shape, names, [change for change, _ in group], whole=whole)
        for change in changed:
            change.dirty.clear()
            change.told = True

    def _update_of(self, shape: Shape, names: tuple[str, ...], batch: list[Change], *, whole: bool) -> None:
        """The same columns of one record, or of some in a row; unless `whole`, that they are parked."""
        batch = [change for change in batch if change.after_row is not None]
        if not names or not batch:
            return
        told: list[Any] = [change.after_row for change in batch]
        if not whole:
            told = [
                change.after_row | {name: parked(shape, name, change.id) for name in names}  # type: ignore[operator]  # batch has rows
                for change in batch
            ]
        sql, parameters = self._statements[shape].update(names)
        self._connection.tell_many(sql, list(map(parameters.of, told)), self._explain, batch)
        for change in batch:
            change.told = True
        if whole and not shape.unique:
            return
        for change, row in zip(batch, told, strict=True):
            if not whole:
                change.dirty |= dict.fromkeys(names)
            if shape.unique:
                held = change.before_row if change.held is None else change.held
                had = row if whole or held is None else held | {name: row[name] for name in names}
                change.held = {name: had[name] for name in shape.unique}


def _columns(telling: Telling) -> tuple[Shape, tuple[str, ...], bool]:
    """Of which columns the database is told, and whether of their values."""
    change, emptied = telling
    return change.shape, tuple(_news_of(change)) if emptied is None else emptied, emptied is None


def _news_of(change: Change) -> Iterable[str]:
    """The columns whose value the database does not have."""
    before, after = change.before_row, change.after_row
    if after is None:
        return ()
    if before is None or change.told:
        return change.dirty
    return [name for name in change.dirty if before[name] != after[name]]
