"""The least, the greatest, the newest, the oldest: one indexed look-up when the selected record leaves."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from framework.plan.shape import ExtremeNode, RecencyNode
from framework.runtime.change import Change
from framework.runtime.steps.route import encoded_key, host_of
from framework.runtime.work import Work


def extreme_step(node: ExtremeNode, work: Work) -> None:
    """Compare what arrives with what is selected; look up the next if the selected one leaves."""
    left: dict[UUID, list[Any]] = defaultdict(list)
    arrived: dict[UUID, list[Any]] = defaultdict(list)
    for change in work.changes(node.route.source):
        offered = change.before_row[node.offer] if change.before_row is not None else None
        offers = node.computation.offer(change.after) if change.after is not None else None
        if change.after is not None:
            work.set(change, node.offer, offers)
        origin, destination = host_of(node.route, change.before_row), host_of(node.route, change.after_row)
        if offered == offers and origin == destination:
            continue
        if origin is not None and offered is not None:
            left[origin].append(offered)
        if destination is not None and offers is not None:
            arrived[destination].append(offers)
    for id in dict.fromkeys((*left, *arrived)):
        host = work.find(node.route.host, id)
        if host is not None:
            work.set(host, node.property, _selected(node, work, host, left[id], arrived[id]))


def _selected(node: ExtremeNode, work: Work, host: Change, left: list[Any], arrived: list[Any]) -> Any:
    beats = node.computation.beats
    assert host.after_row is not None
    current = best = host.after_row[node.property]
    for value in arrived:
        if best is None or beats(value, best):
            best = value
    if current in left and (best is current or not beats(best, current)) and current not in arrived:
        return _look_up(node, work, host.id)
    return best


def _look_up(node: ExtremeNode, work: Work, host: UUID) -> Any:
    work.flush()
    statements = work.statements[node.route.source]
    sql = statements.first_offer(node.route.key, node.offer, descending=node.computation.descending)
    found = work.connection.row(sql, encoded_key(node.route, work, host))
    return None if found is None else statements.codec.decode_one(node.offer, found[0])


def recency_step(node: RecencyNode, work: Work) -> None:
    """A new record that takes part is the newest; for all else the index knows."""
    touched: dict[UUID, list[Change]] = defaultdict(list)
    for change in work.changes(node.route.source):
        took_part = bool(change.before_row is not None and change.before_row[node.offer])
        takes_part = change.after is not None and node.computation.offer(change.after) is not None
        if change.after is not None:
            work.set(change, node.offer, takes_part)
        if took_part or takes_part:
            for id in {host_of(node.route, change.before_row), host_of(node.route, change.after_row)} - {
                None
            }:
                touched[id].append(change)  # type: ignore[index]  # None was taken out
    for id, changes in touched.items():
        host = work.find(node.route.host, id)
        if host is not None:
            work.set(host, node.property, _recent(node, work, host, changes))


def _recent(node: RecencyNode, work: Work, host: Change, changes: list[Change]) -> Any:
    assert host.after_row is not None
    current = host.after_row[node.property]
    if all(change.before_row is None for change in changes):
        if node.computation.newest:
            return node.computation.offer(changes[-1].after)
        if current is not None:
            return current
        return node.computation.offer(changes[0].after)
    if current is None:  # nobody took part before, so only those that have changed do
        takers = [change for change in changes if _takes_part(node, change, host.id)]
        if len(takers) == 1:
            return node.computation.offer(takers[0].after)
    work.flush()
    statements = work.statements[node.route.source]
    sql = statements.first_taker(node.route.key, node.offer, newest=node.computation.newest)
    found = work.connection.row(sql, encoded_key(node.route, work, host.id))
    return None if found is None else node.computation.offer(work.adopt(node.route.source, found).after)


def _takes_part(node: RecencyNode, change: Change, host: UUID) -> bool:
    row = change.after_row
    return row is not None and bool(row[node.offer]) and host_of(node.route, row) == host
