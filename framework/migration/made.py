"""Rules over old records: entities are brought to what the rules say, and calls and events are not made."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import bindparam

from framework.migration.quiet import QuietWork
from framework.migration.task import Task
from framework.plan.node import RuleNode
from framework.plan.shape import Kind, Shape
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.reach import Slice
from framework.runtime.recomputation import Recomputation
from framework.runtime.removal import remove
from framework.runtime.steps.rule import made
from framework.runtime.work import Work
from framework.storage.codec import Codec
from framework.storage.statement import Statement
from framework.storage.tables import MADE_BY
from framework.storage.upsert import upserting


def bring(node: RuleNode, work: QuietWork, facts: Recomputation, part: Slice, task: Task) -> None:
    """Bring what a rule made of the records of one part to what it says now.

    A new rule makes what it would have made. One that made something once leaves that as it is.
    """
    is_new = f"rule {node.key}" in task.added
    present = dict(_present(node, work, part))
    given = facts.given(node.given)
    spared = []
    for row in facts.read(node.source, part.own):
        source = view_of(node.source.view, row) if node.lens is None else node.lens.see(row)
        for position, record in enumerate([] if source is None else made(node, source, *given)):
            key = f"{node.key}:{row['id'].hex}:{position}"
            shape = next(target for target in node.targets if target.model is type(record))
            known = present.pop(key, None)
            if known is not None:
                if shape.kind is Kind.ENTITY and not node.once:
                    _keep_equal(work, shape, known, record)
            elif shape.kind is Kind.ENTITY:
                if is_new or not node.once:
                    _make(work, shape, record, key)
            elif node.rule.key in task.acting:
                work.insert(shape, work.doors[shape].row(record, work.now, made_by=key))
            else:
                spared.append(key)
    if not node.once:
        remove(work, [change for change in present.values() if change.shape.kind is Kind.ENTITY])
    _spare(work, spared)


def _present(node: RuleNode, work: Work, part: Slice) -> Iterator[tuple[str, Change]]:
    """What the rule has made of the records of one part, by its keys."""
    for shape in node.targets:
        span = part.related[shape]
        for values in work.connection.rows(work.statements[shape].made, [span.first, span.last]):
            change = work.adopt(shape, values)
            if change.after_row is not None:
                yield change.after_row[MADE_BY], change


def _make(work: Work, shape: Shape, record: Any, key: str) -> None:
    """Make what is missing; what is there under its id, made by nobody, the rule has made before."""
    there = work.find(shape, record.id)
    if there is not None and there.after_row is not None and there.after_row[MADE_BY] is None:
        work.set(there, MADE_BY, key)
    else:
        work.insert(shape, work.doors[shape].row(record, work.now, made_by=key))


def _keep_equal(work: Work, shape: Shape, change: Change, record: Any) -> None:
    facts = work.doors[shape].facts({name: record.__dict__[name] for name in shape.facts})
    for name, value in facts.items():
        given = not callable(shape.model.__facts__[name]) or name in record.__pydantic_fields_set__
        if name != "id" and given:
            work.set(change, name, value)


def _spare(work: Work, keys: list[str]) -> None:
    """Remember what was not made, so that nobody misses it and nobody makes it later."""
    if not keys:
        return
    table = work.database.tables.spared
    statement = upserting(work.database.dialect)(table).values(
        made_by=bindparam("made_by"), at=bindparam("at")
    )
    sql = Statement(statement.on_conflict_do_nothing(), work.database.dialect).sql
    codec = Codec(tuple(table.columns), work.database.dialect)
    work.connection.tell_many(sql, [[key, codec.encode_one("at", work.now)] for key in keys])
