"""Calls: what integration events say about them."""

from typing import Any

from framework.model.apicall import LIFECYCLE, EventKind, Standing
from framework.model.columns import Structured
from framework.plan.shape import ProgressNode
from framework.runtime.work import Work

_TARGETS = {(step.source, step.kind): step.target for step in LIFECYCLE}


ORDER = {kind: position for position, kind in enumerate(EventKind)}
"""Applied events move their call up step by step, so their kinds are their order."""


def step(node: ProgressNode, work: Work) -> None:
    """Move every call by the events that were applied to it in this transaction.

    An event may have been stored, and waited for its call, before the one that comes first was.
    """
    changes = [change for change in work.changes(node.source) if change.after_row is not None]
    for change in sorted(changes, key=lambda one: ORDER[one.after_row["kind"]]):  # type: ignore[index]  # filtered
        event = change.after
        if event is None or event.call_type != node.host.name or event.standing is not Standing.APPLIED:
            continue
        if change.before is not None and change.before.standing is Standing.APPLIED:
            continue
        call = work.find(node.host, event.call_id)
        if call is not None:
            assert call.after_row is not None
            for name, value in after_event(node, call.after_row, event).items():
                work.set(call, name, value)


def after_event(node: ProgressNode, row: dict[str, Any], event: Any) -> dict[str, Any]:
    """The properties of a call that an applied event defines; the fold that `verify` repeats."""
    values: dict[str, Any] = {}
    target = _TARGETS.get((row["status"], event.kind))
    if target is None:
        return values
    values["status"] = target
    if row["external_id"] is None:
        values["external_id"] = event.external_id
    if event.kind is EventKind.COMPLETED:
        values["result"] = typed_result(node, event.result)
        values["completed_at"] = event.at
    elif event.kind is EventKind.FAILED:
        values["error"] = event.detail
        values["completed_at"] = event.at
    return values


def typed_result(node: ProgressNode, result: Any) -> Any:
    """The result as the payload that the call class declares."""
    kind = node.host.table.c.result.type
    return (
        kind.adapter.validate_python(result)
        if result is not None and isinstance(kind, Structured)
        else result
    )
