"""What selections should be: the least, the greatest, the newest, the oldest, the newest few."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from framework.plan.node import CollectNode, ExtremeNode, RecencyNode
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.steps.route import GLOBAL_ID


def expected(node: ExtremeNode | RecencyNode | CollectNode, facts: Recomputation) -> Iterator[Expectation]:
    """Every offer, and of every host what is selected among the offers."""
    host, key = node.route.host, node.route.key
    offers: dict[UUID, list[Any]] = defaultdict(list)
    for row, record in facts.views(node.route.source):
        offer = node.computation.offer(record)
        yield (
            node.route.source,
            row["id"],
            node.offer,
            offer if isinstance(node, ExtremeNode) else offer is not None,
        )
        if offer is not None:
            offers[GLOBAL_ID if key is None else row[key]].append(offer)
    for id in facts.expected[host]:
        yield host, id, node.property, _select(node, offers[id])


def _select(node: ExtremeNode | RecencyNode | CollectNode, offers: list[Any]) -> Any:
    if isinstance(node, CollectNode):
        return offers[::-1][: node.computation.limit]
    if not offers:
        return None
    if isinstance(node, RecencyNode):
        return offers[-1] if node.computation.newest else offers[0]
    return max(offers) if node.computation.descending else min(offers)
