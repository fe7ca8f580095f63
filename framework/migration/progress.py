"""Progress: the one row by which a migration is known to be under way, and how far it has come."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, inspect, select

from framework.migration.task import Task
from framework.runtime.work import Work
from framework.storage.tables import Tables


@dataclass(frozen=True)
class Progress:
    """What is to be done, and the last that was: a step, and the last record of it (None: all)."""

    task: Task
    step: str | None = None
    after: str | None = None


def unfinished(connection: Connection, tables: Tables) -> Progress | None:
    """The migration that has not come to its end, if there is one."""
    table = tables.migrations
    if not inspect(connection).has_table(table.name):
        return None
    row = connection.execute(select(table)).first()
    return None if row is None else Progress(Task.of_text(row.task), row.step, row.after)


def begin(connection: Connection, tables: Tables, task: Task) -> None:
    """Write down what is to be done, in place of what was to be."""
    connection.execute(delete(tables.migrations))
    connection.execute(insert(tables.migrations).values(id=1, task=task.text))


def end(connection: Connection, tables: Tables) -> None:
    """There is nothing to be done any more."""
    connection.execute(delete(tables.migrations))


def note(work: Work, step: str, after: str | None) -> None:
    """How far it has come, in the transaction that has brought it there."""
    place = "$1, after = $2" if work.concurrent else "?, after = ?"
    work.connection.run(f"UPDATE millrace_migration SET step = {place}", [step, after])
