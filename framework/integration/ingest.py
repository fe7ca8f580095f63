"""Ingest: the one door for all that is said about calls, whoever says it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from framework.errors import InvariantBroken
from framework.integration.desk import Desk
from framework.integration.outcomes import (
    Completed,
    ExternalId,
    Failed,
    Outcome,
    PollNow,
    Processing,
    own_external_id,
)
from framework.model.apicall import (
    IS_ORPHAN,
    LIFECYCLE,
    CallStatus,
    EventKind,
    IntegrationEvent,
    Standing,
)
from framework.observe import get_logger
from framework.plan.shape import Shape
from framework.runtime.change import Change
from framework.runtime.transaction import Transaction
from framework.storage.codec import Row

_log = get_logger(__name__)

TERMINAL = frozenset({CallStatus.COMPLETED, CallStatus.FAILED})

_REACHED = {step.kind: step.target for step in LIFECYCLE if step.target is not step.source}
"""How far a call is by an event; by `initialized` no further than it was."""

POLL_NOW = "poll_now"
"""The code of a `processing` event that asks for a poll."""


class Source(StrEnum):
    """Who says something about a call."""

    SUBMIT = "submit"  # the handler that carried it out
    WEBHOOK = "webhook"  # the vendor, unasked
    POLL = "poll"  # the vendor, asked about one call
    RECOVER = "recover"  # the vendor, asked whether it got the call
    RECONCILE = "reconcile"  # the vendor, asked what happened since
    OPERATOR = "operator"  # a person, or a test
    DEADLINE = "deadline"  # the clock


@dataclass
class _Progress:
    """How far a call is within this transaction, before its properties have followed."""

    status: CallStatus
    external_id: str | None
    text: str  # the call's id, as the keys of its events begin


class _Named:
    """The key of what this transaction knows by external id, before the database does: calls and orphans."""


def ingest(
    transaction: Transaction,
    desk: Desk,
    source: Source,
    outcome: Outcome | ExternalId,
    *,
    call_id: UUID | None = None,
) -> Standing | None:
    """Store what is said about a call as integration events and let them move it.

    Returns what became of it, or None if it was known before and changes nothing.

    1. Find the call: by its id, by the external id, by the reference that the vendor echoes.
    2. What names no call that is known waits as an orphan.
    3. After the end nothing moves; what contradicts the end is marked as a conflict.
    4. Steps that were skipped are filled in, so that every call sees
       `initialized -> processing -> completed | failed`.
    5. Orphans that waited for the external id follow.
    6. A call of which there is news is asked about at once, if it is with the vendor.
    """
    said = Processing(external_id=outcome) if isinstance(outcome, str) else outcome
    _check(desk, said)
    if said.external_id is not None:  # who gives it to a call and who asks for it do not miss each other
        transaction.work.hold(desk.shape.name, said.external_id)
    call = _find(transaction, desk, said, call_id)
    if call is None:
        return _orphan(transaction, desk, source, said)
    progress, kind = _progress(transaction, call), _kind(said)
    standing = _standing(progress, said, kind)
    if source is Source.POLL and kind is EventKind.PROCESSING and standing is Standing.STALE:
        return None  # still under way, as it was
    key = _key(said, kind, progress.text)
    if (source is not Source.SUBMIT or standing is not Standing.APPLIED) and _is_known(
        transaction, desk, key
    ):
        if isinstance(said, PollNow) and said.event_id is None:
            _hurry(transaction, call)  # nothing tells this news from the one before
        return None
    if standing is not Standing.APPLIED:
        external_id = said.external_id or progress.external_id or own_external_id(call.id)
        _store(transaction, _common(desk, source, external_id, call.id), said, kind, key, standing)
        _report(desk, call.id, kind, standing)
    else:
        _apply(transaction, desk, source, said, kind, key, call, progress)
    if isinstance(said, PollNow):
        _hurry(transaction, call)
    return standing


def _apply(
    transaction: Transaction,
    desk: Desk,
    source: Source,
    said: Outcome,
    kind: EventKind,
    key: str,
    call: Change,
    progress: _Progress,
) -> None:
    """Store the event with those that must come before it, and let those follow that waited for it."""
    known = progress.external_id
    progress.external_id = external_id = known or said.external_id or own_external_id(call.id)
    common = _common(desk, source, external_id, call.id)
    if known is None:
        _fill_in(transaction, common, EventKind.INITIALIZED, progress, entity_id=call.id)
        desk.make_known(transaction, external_id)
        _named(transaction, desk.shape, external_id).append(call)
    if kind is EventKind.COMPLETED and progress.status is CallStatus.PENDING:
        _fill_in(transaction, common, EventKind.PROCESSING, progress)
    _store(transaction, common, said, kind, key, Standing.APPLIED)
    _move(transaction, desk, call, progress, kind)
    if known is None and said.external_id is not None:  # nobody outside knows an id of our own making
        _adopt_orphans(transaction, desk, source, call, progress, external_id)


def _adopt_orphans(
    transaction: Transaction,
    desk: Desk,
    source: Source,
    call: Change,
    progress: _Progress,
    external_id: str,
) -> None:
    """Events that came before their call had this external id are applied now, in order."""
    shape = _events(transaction)
    here = _named(transaction, shape, external_id)
    beside = None
    if source is Source.SUBMIT and call.after_row is not None:  # which says one thing in a transaction
        beside = desk.moved(call.after_row, progress.status)
    there = transaction.work.stored(shape, "external_id", external_id, where=IS_ORPHAN, beside=beside)
    for waiting in dict.fromkeys((*there, *here)):
        row = waiting.after_row
        if row is None or row["standing"] is not Standing.ORPHAN or row["call_type"] != desk.shape.name:
            continue
        kind = row["kind"]
        standing = _standing_of(progress.status, kind)
        if (
            standing is Standing.APPLIED
            and kind is EventKind.COMPLETED
            and progress.status is CallStatus.PENDING
        ):
            raise InvariantBroken(
                problem=f"an orphan of {desk.shape.name} {call.id} was applied before its call was submitted"
            )
        transaction.work.set(waiting, "call_id", call.id)
        transaction.work.set(waiting, "standing", standing)
        if standing is Standing.APPLIED:
            _move(transaction, desk, call, progress, kind)
        if row["code"] == POLL_NOW:
            _hurry(transaction, call)


def _hurry(transaction: Transaction, call: Change) -> None:
    """Let a call that is with the vendor be polled as soon as somebody can.

    A poll that is under way may have been answered before there was news: it no longer counts.
    """
    row = call.after_row
    if row is None or _progress(transaction, call).status is not CallStatus.PROCESSING:
        return
    if row["_leased_until"] is not None:
        transaction.work.set(call, "_attempt", row["_attempt"] + 1)
        transaction.work.set(call, "_leased_until", None)
    transaction.work.set(call, "_due_at", transaction.now)


def _move(transaction: Transaction, desk: Desk, call: Change, progress: _Progress, kind: EventKind) -> None:
    """Note how far the call is, and set its row in the outbox accordingly."""
    progress.status = _REACHED[kind]
    row = call.after_row
    assert row is not None, "calls are never deleted while something is said about them"
    ended = progress.status in TERMINAL
    transaction.work.set(call, "_due_at", None if ended else desk.next_look(row, transaction.now))
    transaction.work.set(call, "_leased_until", None)


def _orphan(transaction: Transaction, desk: Desk, source: Source, said: Outcome) -> Standing | None:
    kind, external_id = _kind(said), said.external_id or (str(said.reference) if said.reference else None)
    if external_id is None:
        raise InvariantBroken(
            problem=f"a {source} handler of {desk.integration.name} said {kind} of no call: "
            "it gave neither external_id nor reference"
        )
    key = _key(said, kind, external_id)
    if _is_known(transaction, desk, key):
        return None
    common = _common(desk, source, external_id, None)
    stored = _store(transaction, common, said, kind, key, Standing.ORPHAN)
    _named(transaction, stored.shape, external_id).append(stored)
    _report(desk, None, kind, Standing.ORPHAN)
    return Standing.ORPHAN


def _common(desk: Desk, source: Source, external_id: str, call_id: UUID | None) -> Row:
    """What all events have that follow from one thing that is said."""
    return {
        "integration": desk.integration.name,
        "call_type": desk.shape.name,
        "external_id": external_id,
        "call_id": call_id,
        "source": source.value,
    }


def _fill_in(
    transaction: Transaction, common: Row, kind: EventKind, progress: _Progress, **facts: Any
) -> None:
    """Store a step that nobody has told us of, because a later one says it."""
    key = f"{progress.text}:{kind}"
    _insert(transaction, {**common, "kind": kind, "dedupe_key": key, **facts})


def _store(
    transaction: Transaction, common: Row, said: Outcome, kind: EventKind, key: str, standing: Standing
) -> Change:
    """Store what was said."""
    facts = {**common, "kind": kind, "dedupe_key": key, "standing": standing, "occurred_at": said.occurred_at}
    match said:
        case Completed(result=result):
            facts["result"] = None if result is None else result.model_dump(mode="json")
        case Failed(reason=reason, code=code):
            facts["code"], facts["detail"] = code, reason
        case Processing(detail=detail):
            facts["code"], facts["detail"] = POLL_NOW if isinstance(said, PollNow) else None, detail
    return _insert(transaction, facts)


def _insert(transaction: Transaction, facts: Row) -> Change:
    """Let an integration event come to be."""
    work, shape = transaction.work, _events(transaction)
    return work.insert(shape, work.doors[shape].own_row(work.now, facts))


def _find(transaction: Transaction, desk: Desk, said: Outcome, call_id: UUID | None) -> Change | None:
    if call_id is not None:
        return transaction.work.find(desk.shape, call_id)
    if said.external_id is not None:
        found = _named(transaction, desk.shape, said.external_id) or transaction.work.stored(
            desk.shape, "external_id", said.external_id
        )
        if found:
            return found[0]
    return None if said.reference is None else transaction.work.find(desk.shape, said.reference)


def _named(transaction: Transaction, shape: Shape, external_id: str) -> list[Change]:
    """The records of a class that this transaction gave the external id; to be added to."""
    known: dict[tuple[Shape, str], list[Change]] = transaction.work.notes.setdefault(_Named, {})
    return known.setdefault((shape, external_id), [])


def _progress(transaction: Transaction, call: Change) -> _Progress:
    known: dict[Change, _Progress] = transaction.work.notes.setdefault(_Progress, {})
    progress = known.get(call)
    if progress is None:
        row = call.after_row
        assert row is not None, "what is said of a call that is gone waits as an orphan"
        progress = known[call] = _Progress(row["status"], row["external_id"], str(call.id))
    return progress


def _standing(progress: _Progress, said: Outcome, kind: EventKind) -> Standing:
    """What becomes of an event: only steps forward move a call, and only under its own external id."""
    if said.external_id and progress.external_id and said.external_id != progress.external_id:
        return Standing.CONFLICT
    return _standing_of(progress.status, kind)


def _standing_of(status: CallStatus, kind: EventKind) -> Standing:
    reached = _REACHED.get(kind)
    if status in TERMINAL:
        contradicts = reached in TERMINAL and reached is not status
        return Standing.CONFLICT if contradicts else Standing.LATE
    return Standing.STALE if reached in (None, status) else Standing.APPLIED


def _is_known(transaction: Transaction, desk: Desk, key: str) -> bool:
    transaction.work.tell_of(_events(transaction))
    sql, parameters = transaction.work.statements[_events(transaction)].selection(("call_type", "dedupe_key"))
    values = parameters.of({"call_type": desk.shape.name, "dedupe_key": key})
    known = transaction.work.connection.row(sql, values) is not None
    if known:
        desk.metrics.count("millrace_duplicates", integration=desk.integration.name)
    return known


def _report(desk: Desk, call_id: UUID | None, kind: EventKind, standing: Standing) -> None:
    desk.metrics.count(
        "millrace_unapplied_events", integration=desk.integration.name, standing=standing.value
    )
    _log.info(
        "integration event moved nothing",
        integration=desk.integration.name,
        call=desk.shape.name,
        call_id=str(call_id),
        kind=kind.value,
        standing=standing.value,
    )


def _check(desk: Desk, said: Outcome) -> None:
    if isinstance(said, PollNow) and desk.handlers.poll is None:
        raise InvariantBroken(
            problem=f"a webhook of {desk.integration.name} said PollNow of a {desk.shape.name}, "
            "but there is no poll for it"
        )


def _key(said: Outcome, kind: EventKind, of: str) -> str:
    if said.event_id:
        return f"event:{said.event_id}"
    return f"{of}:{POLL_NOW if isinstance(said, PollNow) else kind}"


def _kind(said: Outcome) -> EventKind:
    match said:
        case Completed():
            return EventKind.COMPLETED
        case Failed():
            return EventKind.FAILED
        case Processing():
            return EventKind.PROCESSING


def _events(transaction: Transaction) -> Any:
    return transaction.plan.shapes[IntegrationEvent]
