"""The least, the greatest, the newest, the oldest: one indexed look-up when the selected record leaves."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from framework.computations.selective import Recency
from framework.plan.node import ExtremeNode, RecencyNode
from framework.runtime.change import Change
from framework.runtime.parameters import bound_to, has_changed
from framework.runtime.steps.route import encoded_key, host_of
from framework.runtime.steps.selection import refill
from framework.runtime.steps.takers import takers, takes_part, touched_takers
from framework.runtime.work import Work


def extreme_step(node: ExtremeNode, work: Work) -> None:
    """Compare what arrives with what is selected; look up the next if the selected one leaves."""
    if has_changed(work, node.given):
        refill(node, work)
        return
    computation = bound_to(work, node.computation, node.given)
    left: dict[UUID, list[Any]] = defaultdict(list)
    arrived: dict[UUID, list[Any]] = defaultdict(list)
    here: dict[UUID, list[Any]] = defaultdict(list)
    changes = work.changes(node.route.source)
    for change in changes:
        offered = change.before_row[node.offer] if change.before_row is not None else None
        offers = computation.offer(change.after) if change.after is not None else None
        if change.after is not None:
            work.set(change, node.offer, offers)
        origin, destination = host_of(node.route, change.before_row), host_of(node.route, change.after_row)
        if destination is not None and offers is not None:
            here[destination].append(offers)
        if offered == offers and origin == destination:
            continue
        if origin is not None and offered is not None:
            left[origin].append(offered)
        if destination is not None and offers is not None:
            arrived[destination].append(offers)
    hosts = dict.fromkeys((*left, *arrived))
    at_hand = {change.id for change in changes}  # a host that is found now may be a source, too
    work.find_in_order(node.route.host, hosts)
    for id in hosts:
        host = work.find(node.route.host, id)
        if host is not None:
            assert host.after_row is not None, "only what is there is found"
            current = host.after_row[node.property]
            best = _best(node, arrived[id] if current is None else [current, *arrived[id]])
            if current in left[id] and best == current and current not in arrived[id]:
                best = _best(node, here[id] + _look_up(node, work, id, at_hand))
            work.set(host, node.property, best)


def _best(node: ExtremeNode, values: Sequence[Any]) -> Any:
    best = None
    for value in values:
        if best is None or node.computation.beats(value, best):
            best = value
    return best


def _look_up(node: ExtremeNode, work: Work, host: UUID, at_hand: set[UUID]) -> list[Any]:
    """The best offer in the index of a record that is not at hand, if there is one."""
    source = node.route.source
    statements = work.statements[source]
    sql = statements.offers(node.route.key, node.offer, descending=node.computation.descending)
    asked = 1
    while True:
        rows = work.connection.rows(sql, [*encoded_key(node.route, work, host), asked])
        for id, value in rows:
            if statements.codec.decode_one("id", id) not in at_hand:
                return [statements.codec.decode_one(node.offer, value)]
        if len(rows) < asked:
            return []
        asked = 2 * asked + 16


def recency_step(node: RecencyNode, work: Work) -> None:
    """A new record that takes part is the newest; for all else the index knows."""
    if has_changed(work, node.given):
        refill(node, work)
        return
    computation = bound_to(work, node.computation, node.given)
    hosts = touched_takers(node, work, computation.offer)
    work.find_in_order(node.route.host, hosts)
    for id, touched in hosts.items():
        host = work.find(node.route.host, id)
        if host is not None:
            work.set(host, node.property, _recent(node, computation, work, host, touched))


def _recent(
    node: RecencyNode, computation: Recency[Any, Any], work: Work, host: Change, touched: list[Change]
) -> Any:
    assert host.after_row is not None
    current = host.after_row[node.property]
    if all(change.before_row is None and not change.stored for change in touched):  # newer than all
        if node.computation.newest:
            return computation.offer(touched[-1].after)
        if current is not None:
            return current
        return computation.offer(touched[0].after)
    if current is None:  # nobody took part before, so only those that have changed do
        these = [change for change in touched if takes_part(node, change, host.id)]
        if len(these) == 1:
            return computation.offer(these[0].after)
    found = takers(node, work, host.id, touched, newest=node.computation.newest, limit=1)
    return computation.offer(found[0]) if found else None
