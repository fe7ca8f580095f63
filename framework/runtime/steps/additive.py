"""Sums and counts: every changed record contributes the difference it makes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import add, neg, sub
from typing import Any
from uuid import UUID

from framework.model.entity import GLOBAL_ID
from framework.plan.node import AdditiveNode, Contribution
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.steps.route import host_of
from framework.runtime.sweep import untouched
from framework.runtime.work import Work

Totals = dict[UUID, Sequence[int]]
Records = dict[UUID, list[Any]]
"""The records that count for each host."""


def step(node: AdditiveNode, work: Work) -> None:
    """Add to each host what its records contribute now, less what they contributed before."""
    changes = work.changes(node.route.source)
    if len(changes) == 1 and node.given is None:
        totals = _difference(node, changes[0])
    else:
        totals = _differences(node, work, changes)
    for host, amounts in totals.items():
        if any(amounts):
            work.add(node, host, amounts)


def _difference(node: AdditiveNode, change: Change) -> Totals:
    """What one record adds to the host that it has, and takes off the one that it had."""
    contribution = node.contribution
    old, new = host_of(node.route, change.before_row), host_of(node.route, change.after_row)
    if old is None:
        return {} if new is None else {new: contribution(change.after)}
    contributed = contribution(change.before)
    if new == old:
        return {old: list(map(sub, contribution(change.after), contributed))}
    totals: Totals = {old: list(map(neg, contributed))}
    if new is not None:
        totals[new] = contribution(change.after)
    return totals


def _differences(node: AdditiveNode, work: Work, changes: Iterable[Change]) -> Totals:
    """What many records add and take off, those of one host together; all of them, if a parameter changed."""
    key = node.route.key
    contribution: Contribution = node.contribution
    contributed: Contribution = node.contribution
    if node.given is not None:
        contribution = node.contribution_with(work.parameters.now(node.given))
        contributed = node.contribution_with(work.parameters.before(node.given))
    now: Records = {}
    before: Records = {}
    for change in changes:
        if change.after_row is not None:
            host = GLOBAL_ID if key is None else change.after_row[key]
            if host is not None:
                now.setdefault(host, []).append(change.after)
        if change.before_row is not None:
            host = GLOBAL_ID if key is None else change.before_row[key]
            if host is not None:
                before.setdefault(host, []).append(change.before)
    totals: Totals = {}
    _count(totals, add, contribution, now)
    _count(totals, sub, contributed, before)
    if work.parameters.changed(node.given):
        for rows in untouched(work, node.route.source):
            held: Records = {}
            for row in rows:
                host = host_of(node.route, row)
                if host is not None:
                    held.setdefault(host, []).append(view_of(node.route.source.view, row))
            _count(totals, add, contribution, held)
            _count(totals, sub, contributed, held)
    return totals


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
            if member.property in host.derive_old:
                derived = host.derive_old[member.property](facts.expected[host][id])
                yield host, id, member.property, derived


def _count(
    totals: Totals, operation: Callable[[int, int], int], contribution: Contribution, records: Records
) -> None:
    """Add to the total of each host what its records contribute together, or take it off."""
    for host, those in records.items():
        amounts = contribution(those[0]) if len(those) == 1 else _sums(map(contribution, those))
        known = totals.get(host)
        if known is not None:
            amounts = list(map(operation, known, amounts))
        elif operation is sub:
            amounts = list(map(neg, amounts))
        totals[host] = amounts


def _sums(vectors: Iterable[Sequence[int]]) -> list[int]:
    return list(map(sum, zip(*vectors, strict=True)))
