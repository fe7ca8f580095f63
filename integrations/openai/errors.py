"""What an answer of OpenAI means for the call: status and code -> whose problem it is, and the next step.

OpenAI documents no key against repetition, so a submission whose answer was lost is in doubt for good.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from framework.errors import InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from integrations.openai.client import OpenAIError, UnreadableAnswer


@dataclass(frozen=True)
class Row:
    """Answers with one of these statuses (and one of these codes, if some are named) are of this class."""

    statuses: range
    kind: type[IntegrationError]
    next_step: str
    codes: frozenset[str] = frozenset()

    def covers(self, error: OpenAIError) -> bool:
        said = {error.error.code, error.error.type}
        return error.status in self.statuses and (not self.codes or bool(self.codes & said))


def _only(status: int) -> range:
    return range(status, status + 1)


NO_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
AGAIN = "It is tried again."

# The first row that covers an answer decides. A 5xx answer leaves open whether the work was begun.
TABLE = (
    Row(range(400, 500), NeedsAttention, "Raise the budget of the project at OpenAI.", NO_MONEY),
    Row(_only(401), NeedsAttention, "Check OPENAI_API_KEY, OPENAI_ORG_ID and OPENAI_PROJECT_ID."),
    Row(_only(403), NeedsAttention, "Give the key what it lacks; OpenAI also refuses some countries."),
    Row(_only(404), Permanent, "Check that the model exists and that the project may use it."),
    Row(_only(408), Transient, AGAIN),
    Row(_only(409), Transient, AGAIN),
    Row(_only(429), Transient, "It is tried again more slowly."),
    Row(range(400, 500), Permanent, "Compare the request with OpenAI's documentation."),
    Row(_only(503), Transient, "OpenAI is overloaded and took nothing. It is tried again."),
    Row(range(500, 600), InDoubt, "A response may be under way, and cost: see the logs of the project."),
    Row(range(300, 400), NeedsAttention, "Check OPENAI_BASE_URL: it does not lead to OpenAI."),
)

PASSING = frozenset({"server_error", "rate_limit_exceeded", "vector_store_timeout"})
"""Codes with which a response fails although nothing is wrong with what was asked."""


@contextmanager
def refusals_translated() -> Iterator[None]:
    """What OpenAI refuses inside, or answers unreadably, leaves as an IntegrationError."""
    try:
        yield
    except (OpenAIError, UnreadableAnswer) as refusal:
        raise as_integration_error(refusal) from refusal


def as_integration_error(refusal: OpenAIError | UnreadableAnswer) -> IntegrationError:
    """The error that the framework decides by.

    `x-should-retry` overrides the table for answers that say that nothing was begun. A failed read leaves
    nothing in doubt, so it may always be tried again.
    """
    if isinstance(refusal, UnreadableAnswer):
        lost = InDoubt if refusal.writing else Transient
        return lost(f"{refusal}. Compare it with its documentation.", code="unreadable_answer")
    row = next((row for row in TABLE if row.covers(refusal)), TABLE[-1])
    kind = _advised(row.kind, refusal)
    code = refusal.error.code or refusal.error.type or f"http_{refusal.status}"
    said = f": {refusal.error.message[:300]}" if refusal.error.message else ""
    message = f"{refusal}{said} {row.next_step}"
    if kind is Transient:
        return Transient(message, code=code, retry_after=refusal.retry_after)
    return kind(message, code=code)


def _advised(kind: type[IntegrationError], refusal: OpenAIError) -> type[IntegrationError]:
    if kind is InDoubt and not refusal.writing:
        kind = Transient
    if refusal.should_retry is True and kind is Permanent:
        return Transient
    if refusal.should_retry is False and kind is Transient:
        return Permanent
    return kind
