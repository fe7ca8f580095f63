"""Anything pure: computed from the whole, or stepped from the last value by each related record that
changed.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from framework.plan.node import CustomNode
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.steps.related import moved, related, related_in
from framework.runtime.work import Work


def step(node: CustomNode, work: Work) -> None:
    """Bring the property of every record up to date that changed itself, or whose related records changed."""
    own = {change.id: change for change in work.changes(node.host) if change.after_row is not None}
    others: dict[UUID, list[tuple[Any, Any]]] = {}
    for _, route in node.relations:
        for id, went, came in moved(route, work):
            others.setdefault(id, []).append((went, came))
    work.find_in_order(node.host, others)
    for id in dict.fromkeys((*own, *others)):
        host = own.get(id) or work.find(node.host, id)
        if host is not None and host.after_row is not None:
            work.set(host, node.property, _value(node, work, host, others.get(id, [])))


def expected(node: CustomNode, facts: Recomputation) -> Iterator[Expectation]:
    """What the facts say."""
    for id, row in list(facts.expected[node.host].items()):
        lists = {name: related_in(route, facts, id) for name, route in node.relations}
        yield node.host, id, node.property, node.computation.compute(view_of(node.host.view, row | lists))


def _value(node: CustomNode, work: Work, host: Change, others: list[tuple[Any, Any]]) -> Any:
    assert host.after_row is not None
    fields = frozenset(name for shape, name in node.reads if shape is node.host and name)
    steppable = node.computation.step is not None and len(node.relations) == 1
    if steppable and host.before_row is not None and not host.differs(fields):
        value = host.after_row[node.property]
        for went, came in others:
            value = node.computation.step(value, went, came)  # type: ignore[misc]  # it is there: steppable
        return value
    lists = {name: related(route, work, host.id) for name, route in node.relations}
    return node.computation.compute(view_of(node.host.view, host.after_row | lists))
