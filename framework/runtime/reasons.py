"""Why a step left things as they were."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from framework.plan.node import (
    AdditiveNode,
    CollectNode,
    ExtremeNode,
    GroupedNode,
    MachineNode,
    Node,
    RecencyNode,
    RuleNode,
    TriggerPlan,
)
from framework.plan.shape import Route, Shape
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.parameters import bound_to, given_to
from framework.runtime.seen import seen
from framework.runtime.steps.grouped import share_of
from framework.runtime.steps.machine import concerned
from framework.runtime.steps.rule import made
from framework.runtime.work import Work
from framework.storage.codec import Row


def why_not(node: Node, work: Work) -> list[str]:
    """For each change that a step looked at and that led to nothing: why."""
    match node:
        case AdditiveNode():
            return list(_of_sums(node, work))
        case GroupedNode():
            return list(_of_groups(node, work))
        case ExtremeNode() | RecencyNode() | CollectNode():
            return list(_of_selections(node, work))
        case RuleNode():
            return list(_of_rules(node, work))
        case MachineNode():
            return list(_of_machines(node, work))
        case _:
            return []


def why_not_moved(node: MachineNode, trigger: str, state: Any) -> str:
    """Why no transition from the state took the trigger: there is none, or its guard said no."""
    plans = [plan for plan in node.triggers if plan.label == trigger or plan.label in trigger.split(" and ")]
    refused = [one for plan in plans for one in plan.transitions if one.source == state]
    if refused:
        targets = ", ".join(dict.fromkeys(str(one.target) for one in refused))
        return f"the guard of {trigger!r} to {targets} said no"
    return f"no transition leaves it by {trigger!r}"


def _changed(work: Work, shape: Shape) -> Iterator[Change]:
    """The records that the transaction has not only looked at."""
    return (change for change in work.changes(shape) if change.before_row != change.after_row)


def _of_sums(node: AdditiveNode, work: Work) -> Iterator[str]:
    tally = node.tally if node.given is None else node.tally_with(work.parameters.now(node.given))
    return _of_shares(node.route, work, tally.of, "`where` does not hold, or there is nothing to add")


def _of_groups(node: GroupedNode, work: Work) -> Iterator[str]:
    share, view = share_of(node, bound_to(work, node.computation, node.given)), node.route.source.view

    def shared(row: Row) -> Sequence[Any] | None:
        mine = share(view_of(view, row))
        return None if mine is None else (mine[0], *mine[1])

    return _of_shares(node.route, work, shared, "`where` does not hold, or it has no key")


def _of_shares(
    route: Route, work: Work, share: Callable[[Row], Sequence[Any] | None], nothing: str
) -> Iterator[str]:
    """What changed records contribute, of which nothing follows."""
    key = route.key
    for change in _changed(work, route.source):
        before, after = (
            _Part(key and row[key], share(row) or ()) if row is not None else None
            for row in (change.before_row, change.after_row)
        )
        if before is not None and after is not None and before == after:
            yield f"{_name(change)}: what it contributes is unchanged"
        elif key is not None and all(part is None or part.host is None for part in (before, after)):
            yield f"{_name(change)}: its {key} names no {route.host.name}"
        elif not any(any(part.amounts) for part in (before, after) if part is not None):
            yield f"{_name(change)}: {nothing}"


def _of_selections(node: ExtremeNode | RecencyNode | CollectNode, work: Work) -> Iterator[str]:
    """What changed records offer, of which nothing follows."""
    key, host = node.route.key, node.route.host.name
    for change in _changed(work, node.route.source):
        rows = [row for row in (change.before_row, change.after_row) if row is not None]
        if key is not None and all(row[key] is None for row in rows):
            yield f"{_name(change)}: its {key} names no {host}"
        elif all(row[node.offer] in (None, False) for row in rows):
            yield f"{_name(change)}: `where` does not hold, or there is nothing to take"


class _Part(NamedTuple):
    """Where a record counts, and how much."""

    host: Any
    amounts: Sequence[Any]


def _of_rules(node: RuleNode, work: Work) -> Iterator[str]:
    given = given_to(work, node.given)
    for change in _changed(work, node.source):
        source = seen(change, node.lens)
        if source.after is None:
            if node.lens is not None and source.before is None and change.after is not None:
                yield f"{_name(change)}: it is not one of {node.lens.name}"
        elif source.before is not None and not (node.fields and change.differs(node.fields)):
            yield f"{_name(change)}: nothing that the rule reads has changed"
        elif not made(node, source.after, *given):
            yield f"{_name(change)}: the rule returned nothing"


def _of_machines(node: MachineNode, work: Work) -> Iterator[str]:
    for source in dict.fromkeys(plan.source for plan in node.triggers):
        plans = [plan for plan in node.triggers if plan.source is source]
        for change in _changed(work, source):
            if any(concerned(plan, change) is not None for plan in plans):
                continue
            lost = [plan for plan in plans if _is_lost(plan, change)]
            for plan in lost:
                yield f"{_name(change)}: its {plan.route.key} names no {node.host.name}"
            if not lost:
                yield f"{_name(change)}: it is nothing that a trigger waits for"


def _is_lost(plan: TriggerPlan, change: Change) -> bool:
    """Whether the trigger would fire if the record named a record of the machine."""
    noticed = seen(change, plan.route.lens)
    row = change.after_row or change.before_row or {}
    named = plan.route.key is None or row.get(plan.route.key) is not None
    return not named and plan.trigger.fires(noticed.before, noticed.after)


def _name(change: Change) -> str:
    return f"{change.shape.name} {change.id}"
