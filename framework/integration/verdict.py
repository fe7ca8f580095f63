"""What follows from the end of a run: decided here as a value, acted upon by the worker."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias, assert_never

from framework.errors import Declined, InDoubt, IntegrationError, InvariantBroken, NeedsAttention, Transient
from framework.integration.attempts import AttemptVerb
from framework.integration.handlers import CallHandlers
from framework.integration.ingest import Source
from framework.integration.need import GRACE, Abandon, Ask, LookUp, Need, Send, Wait
from framework.integration.outcomes import Completed, ExternalId, Failed, NotSubmitted, Outcome, Processing
from framework.integration.retry import GiveUp, Pause, RetryAt, decide
from framework.observe import redactor
from framework.storage.codec import Row

POISON = frozenset({"exhausted", "in_doubt", "timeout", "request_changed"})
"""Codes of failures that are the framework's and not the vendor's: an operator may want to try again."""


class NoOutcome(InvariantBroken):
    """The {verb} handler of {integration} returned a {given}, which is no outcome. Return {wanted}."""


@dataclass(frozen=True, slots=True)
class Said:
    """The handler returned this."""

    what: object


@dataclass(frozen=True, slots=True)
class Broke:
    """The handler raised this."""

    error: Exception


Ending: TypeAlias = Said | Broke


@dataclass(frozen=True, slots=True)
class Told:
    """What was said about the call is ingested. `doubtful`: nobody knows whether the vendor acted."""

    outcome: Outcome | ExternalId
    source: Source
    error: str | None = None
    code: str | None = None
    doubtful: bool = False
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """The call is given back, and due again `at`.

    `resolved`: the vendor never got it, so nothing is in doubt. `afresh`: its time starts anew. `held`: the
    vendor asked all to wait. `pause`: why the whole integration waits.
    """

    at: datetime
    burned: int
    polls: int
    error: str | None = None
    code: str | None = None
    doubtful: bool = False
    resolved: bool = False
    afresh: bool = False
    held: bool = False
    pause: str | None = None


Verdict: TypeAlias = Told | Later


@dataclass(frozen=True, slots=True)
class Case:
    """What a verdict rests on: the call's row, what it needed, and by whose rules."""

    integration: str
    handlers: CallHandlers
    row: Row
    need: Need
    doubtful: bool


def judge(case: Case, ending: Ending, now: datetime, random: Callable[[], float]) -> Verdict:
    """What follows from the end of a run."""
    match case.need:
        case Send():
            return _sent(case, ending, now, random)
        case Ask():
            return _asked(case, ending, now)
        case LookUp(last):
            return _looked_up(case, ending, now, last=last)
        case Wait():
            return Later(case.row["_deadline_at"], case.row["_burned"], case.row["_polls"])
        case Abandon(code, reason):
            return _given_up(code, reason, Source.DEADLINE)
        case _:
            assert_never(case.need)


def verb_of(need: Need, handlers: CallHandlers) -> AttemptVerb | None:
    """Under which verb a need is an attempt; looking up is none."""
    match need:
        case Send():
            return "call" if handlers.call is not None else "submit"
        case Ask():
            return "recover"
        case _:
            return None


def described(error: Exception) -> str:
    """The text of an error of ours; the class alone of any other, whose text may quote an answer."""
    ours = isinstance(error, IntegrationError | InvariantBroken)
    return redactor.text(str(error)) if ours else f"the handler raised {type(error).__name__}"


def _sent(case: Case, ending: Ending, now: datetime, random: Callable[[], float]) -> Verdict:
    at_once = case.handlers.call is not None
    match ending:
        case Said(Completed() | Failed() as outcome):
            return Told(outcome, Source.SUBMIT)
        case Said(Processing() as outcome) if not at_once:
            return Told(outcome, Source.SUBMIT)
        case Said(str(external_id)) if external_id and not at_once:
            return Told(ExternalId(external_id), Source.SUBMIT)
        case Said(what):
            verb, wanted = ("call", "Completed or Failed") if at_once else ("submit", "an id or an outcome")
            return _not_sent(case, _no_outcome(case, verb, what, wanted), now, random)
        case Broke(error):
            return _not_sent(case, error, now, random)


def _not_sent(case: Case, error: Exception, now: datetime, random: Callable[[], float]) -> Verdict:
    row, text, code = case.row, described(error), _code(error)
    burned, polls = row["_burned"], row["_polls"]
    decision = decide(
        error,
        policy=case.handlers.policy,
        attempt=burned + 1,
        first_tried_at=row["_first_tried_at"],
        now=now,
        random=random,
    )
    doubtful = not isinstance(error, IntegrationError) or isinstance(error, InDoubt)
    match decision:
        case RetryAt(moment, burns):
            return Later(moment, burned + burns, polls, text, code, doubtful=doubtful, held=not burns)
        case GiveUp(given_code, reason):
            return _given_up(given_code, reason, Source.SUBMIT)
        case Pause(reason):
            afresh = not case.doubtful
            return Later(now, burned, polls, text, code, afresh=afresh, pause=redactor.text(reason))
        case _:
            return Later(now, burned + 1, polls, text, code, doubtful=True)


def _asked(case: Case, ending: Ending, now: datetime) -> Verdict:
    row = case.row
    match ending:
        case Said(NotSubmitted()):
            return Later(now, row["_burned"], 0, resolved=True)
        case Said(Completed() | Failed() | Processing() as outcome):
            return Told(outcome, Source.RECOVER)
        case Said(str(external_id)) if external_id:
            return Told(ExternalId(external_id), Source.RECOVER)
        case Said(what):
            wanted = "an ExternalId, an outcome or NotSubmitted()"
            return _not_known(case, _no_outcome(case, "recover", what, wanted), now)
        case Broke(error):
            return _not_known(case, error, now)


def _not_known(case: Case, error: Exception, now: datetime) -> Verdict:
    """The vendor could not be asked. That decides nothing: it is asked again, also after the deadline."""
    row, text = case.row, described(error)
    match error:
        case NeedsAttention():
            return Later(now, row["_burned"], row["_polls"], text, error.code, doubtful=True, pause=text)
        case Transient() | InDoubt() if now < row["_deadline_at"] + GRACE:
            wait = _wait(error, timedelta(seconds=case.handlers.policy.retry.ceiling(row["_polls"] + 1)))
            return Later(now + wait, row["_burned"], row["_polls"] + 1, text, error.code, doubtful=True)
        case _:
            why = f"the vendor may or may not have acted, and does not say: {text}"
            return _given_up("in_doubt", why, Source.RECOVER)


def _looked_up(case: Case, ending: Ending, now: datetime, *, last: bool) -> Verdict:
    match ending:
        case Said(Completed() | Failed() as outcome):
            return Told(outcome, Source.POLL)
        case Said(None | Processing() | NotSubmitted() | str()):
            return _still_under_way(case, now, None, last=last)
        case Said(what):
            wanted = "an outcome, or None while there is none"
            return _still_under_way(case, now, _no_outcome(case, "poll", what, wanted), last=last)
        case Broke(Declined() as refusal):
            return Told(Failed(described(refusal), code=refusal.code), Source.POLL)
        case Broke(NeedsAttention() as error):
            text = described(error)
            return Later(now, case.row["_burned"], case.row["_polls"], text, error.code, pause=text)
        case Broke(error):
            return _still_under_way(case, now, error, last=last and now >= case.row["_deadline_at"] + GRACE)


def _still_under_way(case: Case, now: datetime, error: Exception | None, *, last: bool) -> Verdict:
    row, policy = case.row, case.handlers.policy
    if last:
        why = f"; the last look-up failed: {described(error)}" if error else ""
        return _given_up("timeout", f"the deadline passed without an outcome{why}", Source.DEADLINE)
    polls = row["_polls"] + 1
    at = now + (_wait(error, policy.poll.wait(polls)) if error else policy.poll.wait(polls))
    if now < row["_deadline_at"] < at:
        at = row["_deadline_at"]
    text = described(error) if error else None
    held = isinstance(error, Transient) and error.retry_after is not None
    return Later(at, row["_burned"], polls, text, _code(error) if error else None, held=held)


def _given_up(code: str, reason: str, source: Source) -> Told:
    text = redactor.text(reason)
    dead, doubtful = code in POISON, code == "in_doubt"
    return Told(Failed(text, code=code), source, text, code, doubtful=doubtful, dead=dead)


def _no_outcome(case: Case, verb: str, what: Any, wanted: str) -> NoOutcome:
    given = type(what).__name__
    return NoOutcome(verb=verb, integration=case.integration, given=given, wanted=wanted)


def _wait(error: Exception, usual: timedelta) -> timedelta:
    """How long to wait: what the vendor asks for, if it is longer."""
    asked = error.retry_after if isinstance(error, Transient) else None
    return usual if asked is None else max(asked, usual)


def _code(error: Exception) -> str:
    return error.code if isinstance(error, IntegrationError) else "error"
