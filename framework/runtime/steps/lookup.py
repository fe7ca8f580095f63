"""Values through a to-one relation: read when the link changes, fanned out when the far record changes."""

from typing import Any

from framework.plan.shape import LookupNode
from framework.runtime.change import Change
from framework.runtime.work import Work


def step(node: LookupNode, work: Work) -> None:
    """Bring the property of every record up to date whose link, or whose far record, changed."""
    for target in work.changes(node.source):
        if target.before_row is not None and target.after_row is not None and target.differs(node.sources):
            for change in work.where(node.host, node.key, target.id):
                _bring(node, work, change)
    for change in work.changes(node.host):
        if change.after_row is not None and change.differs(frozenset({node.key})):
            _bring(node, work, change)


def _bring(node: LookupNode, work: Work, change: Change) -> None:
    assert change.after_row is not None
    id: Any = change.after_row[node.key]
    target = None if id is None else work.find(node.source, id)
    work.set(change, node.property, None if target is None else node.computation.of(target.after))
