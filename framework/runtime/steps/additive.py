"""Sums and counts: every changed record contributes the difference it makes."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from framework.model.entity import Global
from framework.plan.shape import AdditiveNode
from framework.runtime.work import Work

GLOBAL_ID: UUID = Global.model_fields["id"].default


def step(node: AdditiveNode, work: Work) -> None:
    """Add to each host what its records contribute now, less what they contributed before."""
    key = node.route.key
    contributions = [member.computation.contribution for member in node.members]
    width = len(node.states)
    totals: dict[UUID, list[int]] = {}
    for change in work.changes(node.route.source):
        before, after = change.before, change.after
        if before is not None:
            _accumulate(
                totals, GLOBAL_ID if key is None else getattr(before, key), contributions, before, -1, width
            )
        if after is not None:
            _accumulate(
                totals, GLOBAL_ID if key is None else getattr(after, key), contributions, after, 1, width
            )
    for host, amounts in totals.items():
        if any(amounts):
            work.add(node.route.host, host, node.states, amounts)


def _accumulate(
    totals: dict[UUID, list[int]],
    host: UUID | None,
    contributions: list[Callable[[Any], tuple[int, ...]]],
    record: Any,
    sign: int,
    width: int,
) -> None:
    if host is None:
        return
    amounts = totals.get(host)
    if amounts is None:
        amounts = totals[host] = [0] * width
    position = 0
    for contribution in contributions:
        for amount in contribution(record):
            if amount:
                amounts[position] += sign * amount
            position += 1
