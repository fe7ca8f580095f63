"""Sums and counts: every changed record contributes the difference it makes."""

from collections.abc import Iterator, Sequence
from operator import add, neg, sub
from uuid import UUID

from framework.model.entity import GLOBAL_ID
from framework.plan.node import AdditiveNode, Contribution
from framework.plan.view import view_of
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.steps.route import host_of
from framework.runtime.sweep import untouched
from framework.runtime.work import Work

Totals = dict[UUID, Sequence[int]]


def step(node: AdditiveNode, work: Work) -> None:
    """Add to each host what its records contribute now, less what they contributed before."""
    key = node.route.key
    contribution: Contribution = node.contribution
    contributed: Contribution = node.contribution
    if node.given is not None:
        contribution = node.contribution_with(work.parameters.now(node.given))
        contributed = node.contribution_with(work.parameters.before(node.given))
    totals: Totals = {}
    for change in work.changes(node.route.source):
        before, after = change.before_row, change.after_row
        old_host = None if before is None else GLOBAL_ID if key is None else before[key]
        new_host = None if after is None else GLOBAL_ID if key is None else after[key]
        if old_host is None:
            if new_host is not None:
                _add(totals, new_host, contribution(change.view))
        elif old_host == new_host:
            _add(totals, old_host, list(map(sub, contribution(change.view), contributed(change.before))))
        else:
            _add(totals, old_host, list(map(neg, contributed(change.before))))
            if new_host is not None:
                _add(totals, new_host, contribution(change.view))
    if work.parameters.changed(node.given):
        for rows in untouched(work, node.route.source):
            for row in rows:
                host = host_of(node.route, row)
                if host is not None:
                    record = view_of(node.route.source.view, row)
                    _add(totals, host, list(map(sub, contribution(record), contributed(record))))
    for host, amounts in totals.items():
        if any(amounts):
            work.add(node, host, amounts)


def expected(node: AdditiveNode, facts: Recomputation) -> Iterator[Expectation]:
    """What the facts say."""
    host, key = node.route.host, node.route.key
    for member in node.members:
        computation = facts.bound(member.computation, node.given)
        totals: dict[UUID, tuple[int, ...]] = dict.fromkeys(facts.expected[host], computation.nothing)
        for row, record in facts.views(node.route.source):
            id = GLOBAL_ID if key is None else row[key]
            if id in totals:
                contribution = computation.contribution(record)
                totals[id] = tuple(a + b for a, b in zip(totals[id], contribution, strict=True))
        for id, state in totals.items():
            for name, value in zip(member.states, state, strict=True):
                yield host, id, name, value
            if member.property not in member.states:
                yield host, id, member.property, computation.value(state)


def _add(totals: Totals, host: UUID, amounts: Sequence[int]) -> None:
    known = totals.get(host)
    totals[host] = amounts if known is None else list(map(add, known, amounts))
