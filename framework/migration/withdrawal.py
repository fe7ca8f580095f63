"""Withdrawal: what a rule kept equal goes with the rule."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, column, delete, select, table, update

from framework.migration.errors import MigrationRefused
from framework.migration.renames import Renames
from framework.migration.task import Task
from framework.plan.shape import Shape
from framework.storage.forms import present_forms
from framework.storage.tables import MADE_BY, Tables

_FEW = 500


def withdrawn(
    connection: Connection, task: Task, tables: Tables, renames: Renames
) -> Mapping[Shape, Sequence[Any]]:
    """The ids of what the rules that are gone kept equal; asked while it is known who made it."""
    found: dict[Shape, list[Any]] = {}
    for key, targets in task.gone:
        for shape, declared in tables.of.items():
            there = renames.tables.get(declared.name, declared.name)
            forms = present_forms(connection, [there]) if shape.name in targets else {}
            if there in forms and MADE_BY in forms[there].columns:
                made = table(there, column("id", declared.c.id.type), column(MADE_BY))
                by: Any = made.c[MADE_BY]
                ids = select(made.c.id).where(by >= f"{key}:", by < f"{key};")
                found.setdefault(shape, []).extend(connection.execute(ids).scalars())
    return found


def withdraw(connection: Connection, tables: Tables, going: Mapping[Shape, Sequence[Any]]) -> None:
    """Delete records, as `ondelete` says; raises MigrationRefused if others refer to them."""
    for shape, ids in going.items():
        for some, here in reversed(list(_with_followers(connection, tables, shape, ids))):
            connection.execute(delete(here).where(here.c.id.in_(some)))


def _with_followers(
    connection: Connection, tables: Tables, shape: Shape, ids: Sequence[Any]
) -> Iterator[tuple[Sequence[Any], Table]]:
    """The records, and level by level who follows them by cascades; the others let go of them."""
    found: dict[Shape, set[Any]] = {shape: set(ids)}
    rest = deque([(shape, ids)])
    while rest:
        shape, ids = rest.popleft()
        for start in range(0, len(ids), _FEW):
            some = ids[start : start + _FEW]
            yield some, tables.of[shape]
            for referrer, key, ondelete in shape.referrers:
                here = tables.of[referrer]
                refers = here.c[key].in_(some)
                others = connection.execute(select(here.c.id).where(refers)).scalars().all()
                if ondelete == "CASCADE":
                    known = found.setdefault(referrer, set())
                    new = [id for id in others if id not in known]
                    known.update(new)
                    rest.append((referrer, new))
                elif others and ondelete == "SET NULL":
                    connection.execute(update(here).where(refers).values({key: None}))
                elif set(others) - (set(some) if referrer is shape else set()):
                    reason = f"{len(others)} {referrer.name} refer by {key} to a {shape.name} that would go"
                    raise MigrationRefused(reasons=f"{reason}. Change them first.")
