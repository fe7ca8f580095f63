"""What selections should be: the least, the greatest, the newest, the oldest, the newest few."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from framework.model.entity import GLOBAL_ID
from framework.plan.node import CollectNode, ExtremeNode, RecencyNode
from framework.plan.view import view_of
from framework.runtime.parameters import bound_to
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.steps.route import host_of
from framework.runtime.sweep import claimed, in_order_of_creation, untouched
from framework.runtime.work import Work

Node = ExtremeNode | RecencyNode | CollectNode


def refill(node: Node, work: Work) -> None:
    """A parameter changed: note what every record offers now, and select anew for every host.

    All that the transaction knows is told first, so that the records come in the order of their creation.
    """
    source = node.route.source
    offer = bound_to(work, node.computation, node.given).offer
    work.changes(source)
    work.tell_of(source)
    offers: dict[UUID, list[Any]] = defaultdict(list)
    for rows in in_order_of_creation(work, source):
        stale = []
        for row in rows:
            offered = offer(view_of(source.view, row))
            if row[node.offer] != _noted(node, offered):
                stale.append(row)
            host = host_of(node.route, row)
            if host is not None and offered is not None:
                _take(node, offers[host], offered)
        for change in claimed(work, source, stale):
            work.set(change, node.offer, _noted(node, offer(change.after)))
    for change in work.changes(node.route.host):
        if change.after_row is not None:
            work.set(change, node.property, _select(node, offers[change.id]))
    for rows in untouched(work, node.route.host):
        stale = [row for row in rows if row[node.property] != _select(node, offers[row["id"]])]
        for change in claimed(work, node.route.host, stale):
            work.set(change, node.property, _select(node, offers[change.id]))


def _noted(node: Node, offered: Any) -> Any:
    """What a record remembers of its offer."""
    return offered if isinstance(node, ExtremeNode) else offered is not None


def _take(node: Node, offers: list[Any], offered: Any) -> None:
    """Of the offers that come in order, keep those that may be selected."""
    match node:
        case CollectNode():
            offers.append(offered)
            del offers[: -node.computation.limit]
        case RecencyNode():
            if node.computation.newest or not offers:
                offers[:] = [offered]
        case ExtremeNode():
            if not offers or node.computation.beats(offered, offers[0]):
                offers[:] = [offered]


def expected(node: Node, facts: Recomputation) -> Iterator[Expectation]:
    """Every offer, and of every host what is selected among the offers."""
    host, key = node.route.host, node.route.key
    computation = facts.bound(node.computation, node.given)
    offers: dict[UUID, list[Any]] = defaultdict(list)
    for row, record in facts.views(node.route.source):
        offer = computation.offer(record)
        yield node.route.source, row["id"], node.offer, _noted(node, offer)
        if offer is not None:
            offers[GLOBAL_ID if key is None else row[key]].append(offer)
    for id in facts.expected[host]:
        yield host, id, node.property, _select(node, offers[id])


def _select(node: Node, offers: list[Any]) -> Any:
    if isinstance(node, CollectNode):
        return offers[::-1][: node.computation.limit]
    if not offers:
        return None
    if isinstance(node, RecencyNode):
        return offers[-1] if node.computation.newest else offers[0]
    return max(offers) if node.computation.descending else min(offers)
