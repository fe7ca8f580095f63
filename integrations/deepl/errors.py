"""What an answer of DeepL means for the call: status -> whose problem it is, and the next step.

Repeating a translation is safe (it costs characters, nothing else), so nothing here is in doubt for long.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from framework.errors import InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from integrations.deepl.client import DeepLRefusal, UnreadableAnswer


@dataclass(frozen=True)
class Meaning:
    """One row: the class of the error, its code, and what to do next."""

    error: type[IntegrationError]
    code: str
    next_step: str


MEANINGS: Mapping[int, Meaning] = {
    400: Meaning(Permanent, "bad_request", "Check the text and that DeepL supports both languages."),
    401: Meaning(NeedsAttention, "unauthorized", "Check DEEPL_AUTH_KEY."),
    403: Meaning(
        NeedsAttention,
        "forbidden",
        "Check DEEPL_AUTH_KEY: its value, its scopes, and that its plan is active.",
    ),
    404: Meaning(Permanent, "not_found", "Check DEEPL_BASE_URL: nothing is served there under this path."),
    408: Meaning(Transient, "timeout", "It is tried again."),
    413: Meaning(Permanent, "too_large", "Split the text: a request may have 128 KiB."),
    414: Meaning(Permanent, "uri_too_long", "Split the text."),
    429: Meaning(Transient, "too_many_requests", "It is tried again more slowly."),
    456: Meaning(
        NeedsAttention,
        "quota_exceeded",
        "Raise the character limit of the account, or wait for the next period.",
    ),
    500: Meaning(Transient, "internal_error", "It is tried again."),
    503: Meaning(Transient, "unavailable", "It is tried again."),
    504: Meaning(Transient, "unavailable", "It is tried again."),
    529: Meaning(Transient, "too_many_requests", "It is tried again more slowly."),
}


@contextmanager
def refusals_translated() -> Iterator[None]:
    """What DeepL refuses inside, or answers unreadably, leaves as an IntegrationError."""
    try:
        yield
    except (DeepLRefusal, UnreadableAnswer) as refusal:
        raise as_integration_error(refusal) from refusal


def meaning_of(status: int) -> Meaning:
    """The row of a status; a status that DeepL does not document is judged by its hundreds."""
    if status in MEANINGS:
        return MEANINGS[status]
    if status >= 500:
        return Meaning(Transient, f"http_{status}", "It is tried again.")
    if status >= 400:
        return Meaning(Permanent, f"http_{status}", "Compare the request with DeepL's documentation.")
    return Meaning(NeedsAttention, f"http_{status}", "Check DEEPL_BASE_URL: it does not lead to DeepL.")


def as_integration_error(refusal: DeepLRefusal | UnreadableAnswer) -> IntegrationError:
    """The error that the framework decides by. It names DeepL's trace, which their support asks for."""
    trace = f" (trace {refusal.trace})" if refusal.trace else ""
    if isinstance(refusal, UnreadableAnswer):
        return InDoubt(
            f"DeepL answered 200 with a body that cannot be read{trace}. Compare it with its documentation.",
            code="unreadable_answer",
        )
    meaning = meaning_of(refusal.status)
    message = f"DeepL answered {refusal.status}: {refusal.message}{trace}. {meaning.next_step}"
    if meaning.error is Transient:
        return Transient(message, code=meaning.code, retry_after=refusal.retry_after)
    return meaning.error(message, code=meaning.code)
