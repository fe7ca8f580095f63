"""Anything pure: computed from the whole, or stepped from the last value by each related record that
changed.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from framework.plan.node import CustomNode
from framework.plan.shape import Route
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.steps.route import host_of
from framework.runtime.work import Work


def step(node: CustomNode, work: Work) -> None:
    """Bring the property of every record up to date that changed itself, or whose related records changed."""
    own = {change.id: change for change in work.changes(node.host) if change.after_row is not None}
    related: dict[UUID, list[tuple[Any, Any]]] = {}
    for _, route in node.relations:
        for change in work.changes(route.source):
            old, new = host_of(route, change.before_row), host_of(route, change.after_row)
            for id in {old, new} - {None}:
                came = change.after if new == id else None
                went = change.before if old == id else None
                related.setdefault(id, []).append((went, came))  # type: ignore[arg-type]  # None was taken out
    work.find_in_order(node.host, related)
    for id in dict.fromkeys((*own, *related)):
        host = own.get(id) or work.find(node.host, id)
        if host is not None and host.after_row is not None:
            work.set(host, node.property, _value(node, work, host, related.get(id, [])))


def expected(node: CustomNode, facts: Recomputation) -> Iterator[Expectation]:
    """What the facts say."""
    for id, row in list(facts.expected[node.host].items()):
        lists = {
            name: [
                view_of(route.source.view, one)
                for one in facts.expected[route.source].values()
                if one[route.key or ""] == id
            ]
            for name, route in node.relations
        }
        yield node.host, id, node.property, node.computation.compute(view_of(node.host.view, row | lists))


def _value(node: CustomNode, work: Work, host: Change, moved: list[tuple[Any, Any]]) -> Any:
    assert host.after_row is not None
    fields = frozenset(name for shape, name in node.reads if shape is node.host and name)
    steppable = node.computation.step is not None and len(node.relations) == 1
    if steppable and host.before_row is not None and not host.differs(fields):
        value = host.after_row[node.property]
        for went, came in moved:
            value = node.computation.step(value, went, came)  # type: ignore[misc]  # it is there: steppable
        return value
    lists = {name: work.look(route.source, _key(route), host.id) for name, route in node.relations}
    return node.computation.compute(view_of(node.host.view, host.after_row | lists))


def _key(route: Route) -> str:
    assert route.key is not None, "a relation is joined by a foreign key"
    return route.key
