"""Values through a to-one relation: read when the link changes, fanned out when the far record changes."""

from collections.abc import Iterator
from typing import Any

from framework.plan.node import LookupNode
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.work import Work


def step(node: LookupNode, work: Work) -> None:
    """Bring the properties of every record up to date whose link, or whose far record, changed."""
    for target in work.changes(node.source):
        if target.before_row is not None and target.after_row is not None and target.differs(node.sources):
            for change in work.where(node.host, node.key, target.id):
                _bring(node, work, change)
    for change in work.changes(node.host):
        if change.after_row is not None and change.differs(frozenset({node.key})):
            _bring(node, work, change)


def expected(node: LookupNode, facts: Recomputation) -> Iterator[Expectation]:
    """What the facts say."""
    for id, row in list(facts.expected[node.host].items()):
        target = facts.expected[node.source].get(row[node.key])
        for member in node.members:
            value = None if target is None else member.of(view_of(node.source.view, target))
            yield node.host, id, member.property, value


def _bring(node: LookupNode, work: Work, change: Change) -> None:
    assert change.after_row is not None
    id: Any = change.after_row[node.key]
    target = None if id is None else work.find(node.source, id)
    for member in node.members:
        work.set(change, member.property, None if target is None else member.of(target.after))
