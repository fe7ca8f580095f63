"""What an answer of Volcengine means for the call: code -> whose problem it is, and the next step.

The code decides, and the HTTP status only where no code came. A submit carries the call's own `unique_id`, so
that repeating it is safe: the vendor refuses the second with 40000002.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from framework.errors import Declined, InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from integrations.volctts.client import UnreadableAnswer, VolcRefusal

INVALID_PARAMETERS = 40000000
TASK_GONE = 40000001
DUPLICATE_REQUEST = 40000002
TEXT_TOO_LONG = 40402003
NOT_PERMITTED = 45000000
SERVER_ERROR = 55000000


@dataclass(frozen=True)
class Meaning:
    """One row: the class of the error, its code, and what to do next."""

    error: type[IntegrationError]
    code: str
    next_step: str


UNAUTHORIZED = Meaning(
    NeedsAttention,
    "unauthorized",
    "Check the credentials, and that the account may use VOLC_TTS_RESOURCE_ID.",
)
BUSY = Meaning(Transient, "quota_or_concurrency", "It is tried again more slowly.")
SPEAKER = Meaning(Permanent, "speaker_not_permitted", "Choose a speaker of this resource in the console.")
BROKEN = Meaning(Transient, "server_error", "It is tried again under the same unique_id.")
UNKNOWN = Meaning(
    Transient, "unknown_code", "It is tried again under the same unique_id; add the code to the table."
)

MEANINGS: Mapping[int, Meaning] = {
    INVALID_PARAMETERS: Meaning(
        Permanent, "invalid_parameters", "Compare the request with the documentation."
    ),
    TASK_GONE: Meaning(Permanent, "task_gone", "Make a new call: the vendor keeps a task for 7 days."),
    DUPLICATE_REQUEST: Meaning(
        InDoubt, "duplicate_request", "The vendor has this call already; look its task up in the console."
    ),
    TEXT_TOO_LONG: Meaning(Declined, "text_too_long", "Split the text: a task may have 100,000 characters."),
    SERVER_ERROR: BROKEN,
}

STATUSES: Mapping[int, Meaning] = {401: UNAUTHORIZED, 403: UNAUTHORIZED, 408: BROKEN, 429: BUSY}


@contextmanager
def refusals_translated() -> Iterator[None]:
    """What Volcengine refuses inside, or answers unreadably, leaves as an IntegrationError."""
    try:
        yield
    except (VolcRefusal, UnreadableAnswer) as refusal:
        raise as_integration_error(refusal) from refusal


@contextmanager
def nothing_in_doubt() -> Iterator[None]:
    """For requests that change nothing: an answer that was lost or cannot be read is asked for again."""
    try:
        with refusals_translated():
            yield
    except InDoubt as lost:
        raise Transient(str(lost), code=lost.code) from lost


def meaning_of(refusal: VolcRefusal) -> Meaning:
    """The row of a refusal. 45000000 means four things, which only its words tell apart."""
    if refusal.code in MEANINGS:
        return MEANINGS[refusal.code]
    if refusal.code // 1_000_000 == 45:
        return _not_permitted(refusal.message.lower())
    if refusal.code // 1_000_000 == 40:
        return MEANINGS[INVALID_PARAMETERS]
    if refusal.code // 1_000_000 == 55:
        return BROKEN
    if refusal.code:
        return UNKNOWN
    return STATUSES.get(refusal.status) or _of_status(refusal.status)


def as_integration_error(refusal: VolcRefusal | UnreadableAnswer) -> IntegrationError:
    """The error that the framework decides by. It names the vendor's log id, which their support asks for."""
    logid = f" (X-Tt-Logid {refusal.logid})" if refusal.logid else ""
    if isinstance(refusal, UnreadableAnswer):
        return InDoubt(
            f"Volcengine answered success with a body that cannot be read{logid}. "
            "Compare it with the documentation.",
            code="unreadable_answer",
        )
    meaning = meaning_of(refusal)
    answer = f"code {refusal.code}" if refusal.code else f"status {refusal.status}"
    message = f"Volcengine answered {answer}: {refusal.message}{logid}. {meaning.next_step}"
    if meaning.error is Transient:
        return Transient(message, code=meaning.code, retry_after=refusal.retry_after)
    return meaning.error(message, code=meaning.code)


def _not_permitted(words: str) -> Meaning:
    if "quota" in words or "concurrency" in words:
        return BUSY
    return SPEAKER if "speaker" in words else UNAUTHORIZED


def _of_status(status: int) -> Meaning:
    if status >= 500:
        return BROKEN
    if status >= 400:
        return Meaning(Permanent, f"http_{status}", "Compare the request with the documentation.")
    return Meaning(
        NeedsAttention, f"http_{status}", "Check VOLC_TTS_BASE_URL: it does not lead to Volcengine."
    )
