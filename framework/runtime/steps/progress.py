"""Calls: what integration events say about them."""

from collections.abc import Iterator

from framework.model.apicall import LIFECYCLE, EventKind, Standing
from framework.plan.node import ProgressNode
from framework.runtime.change import Change
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.work import Work
from framework.storage.codec import Row

_TARGETS = {(step.source, step.kind): step.target for step in LIFECYCLE}


ORDER = {kind: position for position, kind in enumerate(EventKind)}
"""Applied events move their call up step by step, so their kinds are their order."""


def step(node: ProgressNode, work: Work) -> None:
    """Move every call by the events that were applied to it in this transaction.

    An event may have been stored, and waited for its call, before the one that comes first was.
    """
    applied = [row for change in work.changes(node.source) if (row := _applied_now(node, change)) is not None]
    for event in sorted(applied, key=_order):
        call = work.find(node.host, event["call_id"])
        if call is not None:
            assert call.after_row is not None
            for name, value in after_event(node, call.after_row, event).items():
                work.set(call, name, value)


def expected(node: ProgressNode, facts: Recomputation) -> Iterator[Expectation]:
    """Fold the applied events of each call: each moved it a step up, so their kinds are their order."""
    names = [name for shape, name in node.writes if shape is node.host and name]
    calls = {
        id: {name: node.host.model.__computed__[name].initial for name in names}
        for id in facts.expected[node.host]
    }
    events = [event for event, _ in facts.views(node.source) if _is_applied(node, event)]
    for event in sorted(events, key=_order):
        if event["call_id"] in calls:
            calls[event["call_id"]] |= after_event(node, calls[event["call_id"]], event)
    for id, values in calls.items():
        for name, value in values.items():
            yield node.host, id, name, value


def _applied_now(node: ProgressNode, change: Change) -> Row | None:
    """The event, if it was applied to a call of the class in this transaction."""
    before, event = change.before_row, change.after_row
    if event is None or not _is_applied(node, event):
        return None
    return event if before is None or before["standing"] is not Standing.APPLIED else None


def _is_applied(node: ProgressNode, event: Row) -> bool:
    return event["standing"] is Standing.APPLIED and event["call_type"] == node.host.name


def _order(event: Row) -> int:
    return ORDER[event["kind"]]


def after_event(node: ProgressNode, row: Row, event: Row) -> Row:
    """The properties of a call that an applied event defines; the fold that `verify` repeats."""
    values: Row = {}
    kind = event["kind"]
    target = _TARGETS.get((row["status"], kind))
    if target is None:
        return values
    values["status"] = target
    if row["external_id"] is None:
        values["external_id"] = event["external_id"]
    if kind is EventKind.COMPLETED:
        kept = event["result"]
        values["result"] = None if kept is None else node.result_of(kept)
        values["completed_at"] = event["at"]
    elif kind is EventKind.FAILED:
        values["error"] = event["detail"]
        values["completed_at"] = event["at"]
    return values
