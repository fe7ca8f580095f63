"""Rules: what a record gives rise to is made once, or kept equal, by the key of rule, source and position."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from framework.model.identity import digits
from framework.model.record import Record
from framework.plan.node import RuleNode
from framework.plan.shape import Kind, Shape
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.errors import RuleReturnedWrongThing
from framework.runtime.parameters import given_to, has_changed
from framework.runtime.put_off import put_off
from framework.runtime.recomputation import Difference, Expectation, Recomputation
from framework.runtime.removal import remove
from framework.runtime.seen import seen
from framework.runtime.sweep import claimed, untouched
from framework.runtime.takeover import take_over
from framework.runtime.work import Work
from framework.storage.codec import Row
from framework.storage.tables import MADE_BY


def step(node: RuleNode, work: Work) -> None:
    """Apply the rule, or note that it is due in the next wave."""
    if node.waits:
        put_off(work, node)
    else:
        apply(node, work, work)


def apply(node: RuleNode, seen_by: Work, work: Work) -> None:
    """Apply the rule to every record of its source that came, changed in what the rule reads, or went; to
    every record, if a parameter changed, unless what comes of it is made once. If the rule has waited for
    this wave, what the last one saw decides.
    """
    given = given_to(work, node.given)
    everybody = not node.once and has_changed(seen_by, node.given)
    left_over: list[Change] = []
    for change in seen_by.changes(node.source):
        source = seen(change, node.lens)
        record, was_there = source.after, source.before_row is not None
        if record is None:
            stays = node.once and (change.after_row is not None or change in seen_by.expired)
            if was_there and not stays:
                left_over += _that_can_go(_existing(node, work, change))
        elif change.before_row is None:
            for position, one in enumerate(made(node, record, *given)):
                _make(node, work, change, position, one)
        elif everybody or not was_there or (node.fields and change.differs(node.fields)):
            left_over += _keep_equal(node, work, change, record)
    if everybody:
        for rows in untouched(seen_by, node.source):
            for change in claimed(seen_by, node.source, _unequal(node, work, rows)):
                source = seen(change, node.lens)
                if source.after is not None:
                    left_over += _keep_equal(node, work, change, source.after)
    if left_over:
        remove(work, left_over)


def expected(node: RuleNode, facts: Recomputation) -> Iterator[Expectation]:
    """What the rule returns for each source must be there; of what may change, with these facts."""
    existing = {
        row[MADE_BY]: (shape, row) for shape in node.targets for row, _ in facts.views(shape) if row[MADE_BY]
    }
    given = facts.given(node.given)
    for row in facts.expected[node.source].values():
        record = _shown(node, row)
        for position, target in enumerate([] if record is None else made(node, record, *given)):
            key = f"{node.key}:{row['id'].hex}:{position}"
            found = existing.pop(key, None)
            shape = facts.plan.shapes[type(target)]
            if found is None:
                # what is of an event may be gone since, or a parameter was another one then
                may_lack = node.once and (shape.kind is Kind.ENTITY or bool(given) or _may_go(shape))
                if not may_lack and not is_spared(facts.work, key):
                    facts.found.append(Difference(shape.model, target.id, "existence", "missing", key))
            elif shape.kind is Kind.ENTITY and not node.once:
                valid = facts.work.doors[shape].facts({name: target.__dict__[name] for name in shape.facts})
                for name in target.__pydantic_fields_set__ - {"id"}:
                    yield shape, found[1]["id"], name, valid[name]
    for key, (shape, row) in existing.items():
        if key.startswith(f"{node.key}:") and shape.kind is Kind.ENTITY and not node.once:
            facts.found.append(
                Difference(shape.model, row["id"], "existence", "present", f"no source for {key}")
            )


def _may_go(shape: Shape) -> bool:
    """Whether its records go with what they refer to."""
    return any(
        ondelete == "CASCADE" and referrer is shape
        for target in shape.references.values()
        for referrer, _, ondelete in target.referrers
    )


def made(node: RuleNode, record: Any, *given: Any) -> list[Record]:
    """What the rule returns for the record, as a list; raises RuleReturnedWrongThing."""
    returned = node.rule.function(record, *given)
    if returned is None:
        return []
    is_one = isinstance(returned, Record) or not isinstance(returned, Iterable)
    records = [returned] if is_one else list(returned)
    for one in records:
        if type(one) not in node.made:
            targets = ", ".join(target.name for target in node.targets)
            raise RuleReturnedWrongThing(rule=node.rule.name, thing=one, targets=targets)
    return records


def _make(node: RuleNode, work: Work, source: Change, position: int, record: Record) -> None:
    shape = node.made[type(record)]
    key = f"{node.key}:{digits(source.id)}:{position}"
    row = work.doors[shape].row(record, work.now, made_by=key)
    if shape.takeovers:
        take_over(work, shape, row["id"], row, shape.takeovers)
    work.insert(shape, row)


def _keep_equal(node: RuleNode, work: Work, source: Change, record: Any) -> list[Change]:
    """Update in place what the rule made, and make what is new; what is left over. Calls stay as they are."""
    existing = _existing(node, work, source)
    for position, wanted in enumerate(made(node, record, *given_to(work, node.given))):
        shape = node.made[type(wanted)]
        present = existing.pop((shape, position), None)
        if present is None:
            key = f"{node.key}:{source.id.hex}:{position}"
            if shape.kind is Kind.ENTITY or not is_spared(work, key):
                _make(node, work, source, position, wanted)
        elif shape.kind is Kind.ENTITY:
            for name, value in _chosen(work, wanted):
                work.set(present, name, value)
    return _that_can_go(existing)


def _unequal(node: RuleNode, work: Work, rows: list[Row]) -> list[Row]:
    """Of a batch of sources in the order of their ids, those of which the rule makes something else now; what
    it has made of them is read by one statement for each target.
    """
    given = given_to(work, node.given)
    there: dict[UUID, dict[int, tuple[Shape, Row]]] = defaultdict(dict)
    for shape in node.targets if rows else ():
        ends = [f"{node.key}:{rows[0]['id'].hex}:", f"{node.key}:{rows[-1]['id'].hex};"]
        for values in work.connection.rows(work.statements[shape].made, ends):
            row = work.statements[shape].codec.decode(values)
            _, source, position = row[MADE_BY].rsplit(":", 2)
            there[UUID(hex=source)][int(position)] = shape, row
    shown = [(row, record) for row in rows if (record := _shown(node, row)) is not None]
    return [
        row for row, record in shown if not _is_made(node, work, made(node, record, *given), there[row["id"]])
    ]


def _shown(node: RuleNode, row: Row) -> Any:
    """The record as the rule sees it; None if it is no member of the view that the rule is for."""
    return view_of(node.source.view, row) if node.lens is None else node.lens.see(row)


def _is_made(node: RuleNode, work: Work, records: list[Record], there: dict[int, tuple[Shape, Row]]) -> bool:
    if set(there) != set(range(len(records))):
        return False
    for position, record in enumerate(records):
        shape, row = there[position]
        if shape is not node.made[type(record)]:
            return False
        if shape.kind is Kind.ENTITY and any(row[name] != value for name, value in _chosen(work, record)):
            return False
    return True


def _chosen(work: Work, record: Record) -> Iterator[tuple[str, Any]]:
    """The facts that the rule chose, as their declaration has them."""
    shape = work.database.plan.shapes[type(record)]
    facts = work.doors[shape].facts({name: record.__dict__[name] for name in shape.facts})
    yield from ((name, value) for name, value in facts.items() if name != "id" and _is_given(record, name))


def _that_can_go(existing: dict[tuple[Shape, int], Change]) -> list[Change]:
    return [present for (shape, _), present in existing.items() if shape.kind is Kind.ENTITY]


def _existing(node: RuleNode, work: Work, source: Change) -> dict[tuple[Shape, int], Change]:
    """What the rule has made of the source, by class and position."""
    prefix = f"{node.key}:{source.id.hex}"
    found = {}
    for shape in node.targets:
        for values in work.connection.rows(work.statements[shape].made, [f"{prefix}:", f"{prefix};"]):
            change = work.adopt(shape, values)
            if change.after_row is not None:
                found[shape, int(change.after_row[MADE_BY].rpartition(":")[2])] = change
    return found


def is_spared(work: Work, key: str) -> bool:
    """Whether a call or event is not to be made, because its source is older than the rule."""
    return work.connection.row(work.database.bookkeeping.find_spared, [key]) is not None


def _is_given(record: Record, name: str) -> bool:
    """Whether the value was chosen by the rule: a default that is made anew each time was not."""
    default = type(record).__facts__[name]
    return not callable(default) or name in record.__pydantic_fields_set__
