"""Values through a to-one relation: read when the link changes, fanned out when the far record changes."""

from collections.abc import Iterator
from typing import Any

from framework.plan.node import LookupNode
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.sweep import claimed, seen_among, untouched
from framework.runtime.work import Work


def step(node: LookupNode, work: Work) -> None:
    """Bring the properties of every record up to date whose link, or whose far record, changed; of every
    record, if a parameter did.
    """
    for target in work.changes(node.source):
        if target.before_row is not None and target.after_row is not None and target.differs(node.sources):
            for change in work.where(node.host, node.key, target.id):
                _bring(node, work, change)
    everybody = work.parameters.changed(node.given)
    for change in work.changes(node.host):
        if change.after_row is not None and (everybody or change.differs(frozenset({node.key}))):
            _bring(node, work, change)
    if everybody:
        _bring_untouched(node, work)


def expected(node: LookupNode, facts: Recomputation) -> Iterator[Expectation]:
    """What the facts say."""
    given = facts.given(node.given)
    for id, row in list(facts.expected[node.host].items()):
        target = facts.expected[node.source].get(row[node.key])
        record = None if target is None else view_of(node.source.view, target)
        for member in node.members:
            yield node.host, id, member.property, member.value(record, *given)


def _bring(node: LookupNode, work: Work, change: Change) -> None:
    assert change.after_row is not None
    id: Any = change.after_row[node.key]
    target = None if id is None else work.find(node.source, id)
    record = None if target is None else target.after
    given = work.parameters.given(node.given)
    for member in node.members:
        work.set(change, member.property, member.value(record, *given))


def _bring_untouched(node: LookupNode, work: Work) -> None:
    """The far records of a batch are read by one statement, and those records touched that differ."""
    given = work.parameters.given(node.given)
    for rows in untouched(work, node.host):
        targets = seen_among(work, node.source, "id", {row[node.key] for row in rows} - {None})
        records = {id: next(iter(found), None) for id, found in targets.items()}
        stale = [
            row
            for row in rows
            if any(
                member.value(records.get(row[node.key]), *given) != row[member.property]
                for member in node.members
            )
        ]
        for change in claimed(work, node.host, stale):
            _bring(node, work, change)
