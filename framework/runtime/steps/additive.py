"""Sums and counts: every changed record contributes the difference it makes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import add, neg, sub
from uuid import UUID

from framework.model.entity import GLOBAL_ID
from framework.plan.node import AdditiveNode
from framework.plan.tally import Amounts, Tally
from framework.runtime.change import Change
from framework.runtime.parameters import has_changed
from framework.runtime.put_off import go_along
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.sweep import untouched
from framework.runtime.work import Work
from framework.storage.codec import Row

Totals = dict[UUID, Amounts]
Rows = dict[UUID, list[Row]]
"""The rows that count for each host."""


def step(node: AdditiveNode, work: Work) -> None:
    """Add to each host what its records contribute now, less what they contributed before; level by level,
    if the hosts are the parents of their own class.
    """
    if node.waits:
        go_along(work, node)
        return
    changes = work.changes(node.route.source)
    if len(changes) != 1 or node.given is not None:
        for host, amounts in _differences(node, work, changes).items():
            work.add(node, host, amounts)
        return
    (change,) = changes
    before, after = change.before_row, change.after_row
    key, tally = node.route.key, node.tally.of
    old = None if before is None else GLOBAL_ID if key is None else before[key]
    new = None if after is None else GLOBAL_ID if key is None else after[key]
    stays = old is new or old == new
    if before and after and old is not None and stays:
        work.add(node, old, list(map(sub, tally(after), tally(before))))
        return
    if before and old is not None:
        work.add(node, old, list(map(neg, tally(before))))
    if after and new is not None:
        work.add(node, new, tally(after))


def climb(node: AdditiveNode, seen_by: Work, work: Work) -> None:
    """Add to each parent what its children contribute since the last level; not to one that is gone."""
    known = seen_by.rows.get(node.route.host, {})
    totals = _differences(node, seen_by, seen_by.changes(node.route.source))
    for host in sorted(totals):
        change = known.get(host)
        if change is None or change.after_row is not None:
            work.add(node, host, totals[host])


def _differences(node: AdditiveNode, work: Work, changes: Sequence[Change]) -> Totals:
    """What many records add and take off, those of one host together; all of them, if a parameter changed."""
    key = node.route.key
    if node.given is None:
        tally = tally_before = node.tally
    else:
        tally = node.tally_with(work.parameters.now(node.given))
        tally_before = node.tally_with(work.parameters.before(node.given))
    totals: Totals = {}
    _count(totals, add, tally, _by_host(key, (change.after_row for change in changes)))
    _count(totals, sub, tally_before, _by_host(key, (change.before_row for change in changes)))
    if has_changed(work, node.given):
        for rows in untouched(work, node.route.source):
            held = _by_host(key, rows)
            _count(totals, add, tally, held)
            _count(totals, sub, tally_before, held)
    return totals


def _by_host(key: str | None, rows: Iterable[Row | None]) -> Rows:
    """The rows that are there and count for somebody, by the host."""
    if key is None:
        counted = [row for row in rows if row is not None]
        return {GLOBAL_ID: counted} if counted else {}
    found: Rows = {}
    last, those = None, list[Row]()  # many in a row have one host
    for row in rows:
        host = None if row is None else row[key]
        if row is None or host is None:
            continue
        if host is not last:
            last, those = host, found.setdefault(host, [])
        those.append(row)
    return found


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


def _count(totals: Totals, operation: Callable[[int, int], int], tally: Tally, rows: Rows) -> None:
    """Add to the total of each host what its rows contribute together, or take it off."""
    for host, those in rows.items():
        amounts = tally.of(those[0]) if len(those) == 1 else tally.of_all(those)
        known = totals.get(host)
        if known is not None:
            amounts = list(map(operation, known, amounts))
        elif operation is sub:
            amounts = list(map(neg, amounts))
        totals[host] = amounts
