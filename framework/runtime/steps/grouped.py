"""Totals by key: the difference that changed records make is added to a dictionary on the host's row."""

from collections.abc import Callable, Iterator
from operator import add
from typing import Any
from uuid import UUID

from framework.plan.node import GroupedNode
from framework.plan.view import view_of
from framework.runtime.errors import NotAKey
from framework.runtime.parameters import bound_to, has_changed
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.steps.route import host_of
from framework.runtime.sweep import found, untouched
from framework.runtime.work import Work
from framework.storage.codec import Row

Groups = dict[Any, list[int]]
"""By key, how many records count, and their state."""

Share = Callable[[Any], tuple[Any, list[int]] | None]
"""The key that a record counts for, and what it adds there; None if it counts for none."""


def step(node: GroupedNode, work: Work) -> None:
    """Add to each host, key by key, what its records contribute now, less what they contributed before."""
    share = share_of(node, bound_to(work, node.computation, node.given))
    shared = share
    if node.given is not None:
        shared = share_of(node, node.computation.with_parameters(work.parameters.before(node.given)))
    hosts: dict[UUID, Groups] = {}

    def count(row: Row | None, record: Any, share: Share, sign: int) -> None:
        host = host_of(node.route, row)
        if host is not None:
            _add(hosts.setdefault(host, {}), share(record), sign)

    for change in work.changes(node.route.source):
        count(change.before_row, change.before, shared, -1)
        count(change.after_row, change.after, share, 1)
    if has_changed(work, node.given):
        for rows in untouched(work, node.route.source):
            for row in rows:
                record = view_of(node.route.source.view, row)
                count(row, record, shared, -1)
                count(row, record, share, 1)
    changed = {host: groups for host, groups in hosts.items() if any(map(any, groups.values()))}
    for change in found(work, node.route.host, sorted(changed)):
        assert change.after_row is not None, "only what is there is found"
        groups = dict(change.after_row[node.groups])
        for key, amounts in changed[change.id].items():
            _add(groups, (key, amounts), 1)
        groups = {key: state for key, state in groups.items() if state[0]}
        work.set(change, node.groups, groups)
        if node.property is not None:
            work.set(change, node.property, node.computation.by_key(groups))


def expected(node: GroupedNode, facts: Recomputation) -> Iterator[Expectation]:
    """What the facts say."""
    share = share_of(node, facts.bound(node.computation, node.given))
    hosts: dict[UUID, Groups] = {id: {} for id in facts.expected[node.route.host]}
    for row, record in facts.views(node.route.source):
        host = host_of(node.route, row)
        if host in hosts:
            _add(hosts[host], share(record), 1)
    for id, groups in hosts.items():
        yield node.route.host, id, node.groups, groups
        if node.property is not None:
            yield node.route.host, id, node.property, node.computation.by_key(groups)


def share_of(node: GroupedNode, computation: Any) -> Share:
    """What records count for, by the computation as it is now."""

    def share(record: Any) -> tuple[Any, list[int]] | None:
        state = computation.counted(record)
        key = None if state is None else computation.by(record)
        if key is None:
            return None
        if type(key) is not node.key:
            raise NotAKey(property=node.name, key=key, kind=node.key.__name__)
        return key, [1, *state]

    return share


def _add(groups: Groups, share: tuple[Any, list[int]] | None, sign: int) -> None:
    if share is not None:
        key, amounts = share
        signed = [sign * amount for amount in amounts]
        known = groups.get(key)
        groups[key] = signed if known is None else list(map(add, known, signed))
