"""Sums and counts: every changed record contributes the difference it makes."""

from collections.abc import Sequence
from operator import add, neg, sub
from uuid import UUID

from framework.plan.shape import AdditiveNode
from framework.runtime.steps.route import GLOBAL_ID
from framework.runtime.work import Work


def step(node: AdditiveNode, work: Work) -> None:
    """Add to each host what its records contribute now, less what they contributed before."""
    key, contribution = node.route.key, node.contribution
    totals: dict[UUID, Sequence[int]] = {}
    for change in work.changes(node.route.source):
        before, after = change.before_row, change.after_row
        old_host = None if before is None else GLOBAL_ID if key is None else before[key]
        new_host = None if after is None else GLOBAL_ID if key is None else after[key]
        if old_host is None:
            if new_host is not None:
                _add(totals, new_host, contribution(change.view))
        elif old_host == new_host:
            _add(totals, old_host, list(map(sub, contribution(change.view), contribution(change.before))))
        else:
            _add(totals, old_host, list(map(neg, contribution(change.before))))
            if new_host is not None:
                _add(totals, new_host, contribution(change.view))
    for host, amounts in totals.items():
        if any(amounts):
            work.add(node, host, amounts)


def _add(totals: dict[UUID, Sequence[int]], host: UUID, amounts: Sequence[int]) -> None:
    known = totals.get(host)
    totals[host] = amounts if known is None else list(map(add, known, amounts))
