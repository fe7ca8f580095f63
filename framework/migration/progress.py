"""Progress: the rows by which a migration is known to be under way, and how far it has come.

There is one; where there are tenants, one for each that it has not come to the end of.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, inspect, select

from framework.migration.task import Task
from framework.runtime.work import Work
from framework.storage.tables import Tables


@dataclass(frozen=True)
class Progress:
    """What is to be done, for whom, and the last that was: a step, and the last record of it (None: all)."""

    number: int
    task: Task
    tenant: str | None = None
    step: str | None = None
    after: str | None = None


def unfinished(connection: Connection, tables: Tables) -> Sequence[Progress]:
    """What has not come to its end of a migration; nothing if there is none."""
    table = tables.migrations
    if not inspect(connection).has_table(table.name):
        return []
    rows = connection.execute(select(table).order_by(table.c.id)).all()
    return [Progress(row.id, *_read(row.task), row.step, row.after) for row in rows]


def begin(connection: Connection, tables: Tables, tenants: Iterable[str | None], task: Task) -> None:
    """Write down what is to be done for each tenant, beside what was to be and is not done yet."""
    left = {one.tenant: one.task for one in unfinished(connection, tables)}
    rows = [
        {"id": number, "task": _written(left[name] | task if name in left else task, name)}
        for number, name in enumerate(tenants, 1)
    ]
    connection.execute(delete(tables.migrations))
    if rows:
        connection.execute(insert(tables.migrations), rows)


def note(work: Work, progress: Progress, step: str, after: str | None) -> None:
    """How far it has come, in the transaction that has brought it there."""
    one, two, three = ("$1", "$2", "$3") if work.concurrent else ("?", "?", "?")
    statement = f"UPDATE millrace_migration SET step = {one}, after = {two} WHERE id = {three}"
    work.connection.run(statement, [step, after, progress.number])


def end(work: Work, progress: Progress) -> None:
    """There is nothing to be done any more."""
    one = "$1" if work.concurrent else "?"
    work.connection.run(f"DELETE FROM millrace_migration WHERE id = {one}", [progress.number])


def _written(task: Task, tenant: str | None) -> str:
    return json.dumps(task.form | {"tenant": tenant})


def _read(text: str) -> tuple[Task, str | None]:
    form = json.loads(text)
    return Task.of_form(form), form.get("tenant")
