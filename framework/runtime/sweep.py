"""All records of a class that a transaction has not touched, read and locked in batches."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from framework.plan.shape import Shape
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.work import Work
from framework.storage.codec import Row
from framework.storage.pages import PAGE


def untouched(work: Work, shape: Shape) -> Iterator[list[Row]]:
    """All rows that the transaction has not touched, lowest id first, a batch by each statement.

    What it looks at between two batches counts as touched, and is left out of those that follow.
    """
    work.changes(shape)  # what waits to be added is told, or read
    statements = work.statements[shape]
    position = statements.codec.names.index("id")
    sql = statements.pages.first
    parameters: list[Any] = []
    while True:
        values = work.connection.rows(sql, parameters)
        known = work.rows.get(shape, {})
        rows = [statements.codec.decode(one) for one in values]
        yield [row for row in rows if row["id"] not in known]
        if len(values) < PAGE:
            return
        sql, parameters = statements.pages.next, [values[-1][position]]


def in_order_of_creation(work: Work, shape: Shape) -> Iterator[list[Row]]:
    """All rows as the transaction has them, the oldest first; it must have told the database of them."""
    statements = work.statements[shape]
    sql = statements.pages.first_made
    parameters: list[Any] = []
    while True:
        values = work.connection.rows(sql, parameters)
        known = work.rows.get(shape, {})
        batch = []
        for _, *one in values:
            row = statements.codec.decode(one)
            change = known.get(row["id"])
            batch.append(row if change is None or change.after_row is None else change.after_row)
        yield batch
        if len(values) < PAGE:
            return
        sql, parameters = statements.pages.next_made, [values[-1][0]]


def claimed(work: Work, shape: Shape, rows: Sequence[Row]) -> list[Change]:
    """The records of these rows, locked; those that others have deleted meanwhile are left out."""
    if work.concurrent:
        return found(work, shape, [row["id"] for row in rows])
    known = work.rows.setdefault(shape, {})
    return [known.get(row["id"]) or work.keep(shape, row) for row in rows]


def found(work: Work, shape: Shape, ids: Collection[UUID]) -> list[Change]:
    """The records with these ids that are there, locked: those that are not at hand by one statement."""
    known = work.rows.setdefault(shape, {})
    wanted = [id for id in ids if id not in known]
    if len(wanted) == 1:
        work.find(shape, wanted[0])
    elif wanted:
        work.parameters.concern(shape)
        for row in _among(work, shape, "id", wanted, lock=True):
            work.keep(shape, row)
    at_hand = [known[id] for id in ids if id in known]
    return [change for change in at_hand if change.after_row is not None]


def seen(work: Work, shape: Shape) -> list[Any]:
    """All records of a class, to look at: as the transaction has them."""
    known = [change.after for change in work.changes(shape) if change.after_row is not None]
    return known + [view_of(shape.view, row) for rows in untouched(work, shape) for row in rows]


def seen_among(work: Work, shape: Shape, name: str, values: Iterable[Any]) -> dict[Any, list[Any]]:
    """Records by the value of a column that is one of these, to look at: as the transaction has them."""
    wanted = set(values)
    seen: dict[Any, list[Any]] = {value: [] for value in wanted}
    known = {change.id: change for change in work.changes(shape)}
    for row in _among(work, shape, name, wanted, lock=False):
        if row["id"] not in known:
            seen[row[name]].append(view_of(shape.view, row))
    for change in known.values():
        if change.after_row is not None and change.after_row[name] in wanted:
            seen[change.after_row[name]].append(change.after)
    return seen


def _among(work: Work, shape: Shape, name: str, values: Collection[Any], *, lock: bool) -> Iterator[Row]:
    statements = work.statements[shape]
    listed = list(values)
    for start in range(0, len(listed), PAGE):
        encoded = [statements.codec.encode_one(name, value) for value in listed[start : start + PAGE]]
        parameter = work.database.listed(encoded)
        for one in work.connection.rows(statements.pages.among(name, lock=lock), [parameter]):
            yield statements.codec.decode(one)
