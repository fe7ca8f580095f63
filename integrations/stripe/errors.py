"""Stripe's errors as the framework's: whose problem is it?"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from framework.errors import Declined, InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from integrations.stripe.client import StripeError, UnreadableAnswer


@dataclass(frozen=True)
class Row:
    """Answers with one of these statuses (and this type or code, if one is named) are of this class."""

    statuses: range
    kind: type[IntegrationError]
    next_step: str
    type: str | None = None
    code: str | None = None

    def covers(self, error: StripeError) -> bool:
        return (
            error.status in self.statuses
            and self.type in (None, error.error.type)
            and self.code in (None, error.error.code)
        )


def _only(status: int) -> range:
    return range(status, status + 1)


# The first row that covers an answer decides. A 5xx answer leaves open whether the work was done.
ANOTHER_CARD = "Let the payer use another payment method."
TRIED_AGAIN = "It is tried again under the same key."
TABLE = (
    Row(_only(401), NeedsAttention, "Check STRIPE_SECRET_KEY: it is wrong, expired or revoked."),
    Row(_only(403), NeedsAttention, "Give the key of STRIPE_SECRET_KEY the permission that it lacks."),
    Row(_only(402), Declined, ANOTHER_CARD),
    Row(_only(409), Transient, TRIED_AGAIN),
    Row(_only(424), Transient, TRIED_AGAIN),
    Row(_only(429), Transient, "It is tried again more slowly."),
    Row(range(400, 500), Declined, ANOTHER_CARD, type="card_error"),
    Row(range(400, 500), Declined, "Nothing is left to give back.", code="charge_already_refunded"),
    Row(range(400, 500), Permanent, "Make a new call under a new key.", type="idempotency_error"),
    Row(range(400, 500), Permanent, "Compare the request with Stripe's documentation."),
    Row(range(500, 600), InDoubt, "The call is looked for at Stripe before anything is sent again."),
)
UNEXPECTED = Row(range(600), Permanent, "Check STRIPE_BASE_URL: it does not lead to Stripe.")

UNEXPECTED_STATE = "payment_intent_unexpected_state"
"""The code of an intent that cannot do this in its present status: somebody else was faster."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise the framework's error in place of Stripe's."""
    try:
        yield
    except StripeError as error:
        raise integration_error(error) from error
    except UnreadableAnswer as error:
        kind = InDoubt if error.writing else Transient
        step = (
            "Find the request in Stripe's dashboard by its id, and compare the answer with the description."
        )
        raise kind(f"{error}. {step}", code="unreadable_answer") from error


def integration_error(error: StripeError, *, now: datetime | None = None) -> IntegrationError:
    """The framework's error for an answer of Stripe.

    `Stripe-Should-Retry` overrides the table for answers that say that nothing was done. A failed read leaves
    nothing in doubt, so it may always be tried again.
    """
    row = next((row for row in TABLE if row.covers(error)), UNEXPECTED)
    kind = row.kind
    if kind is InDoubt and not error.writing:
        kind = Transient
    if error.should_retry is True and kind is Permanent:
        kind = Transient
    if error.should_retry is False and kind is Transient:
        kind = Permanent
    said = error.error
    code = said.decline_code or said.code or said.type
    message = _sentence(said.message or f"Stripe answered {error.status}") + " " + _next_step(row, kind)
    if kind is Transient:
        wait = retry_after(error.retry_after, now or datetime.now(UTC))
        return Transient(message, code=code, retry_after=wait)
    return kind(message, code=code)


def _next_step(row: Row, kind: type[IntegrationError]) -> str:
    """What is in the table, unless the headers made another class of it."""
    if kind is row.kind:
        return row.next_step
    return TRIED_AGAIN if kind is Transient else "Stripe advises against trying again; look at its dashboard."


def _sentence(said: str) -> str:
    return said if said.endswith((".", "!", "?")) else f"{said}."


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """How long `Retry-After` asks to wait, in seconds or until a date; None if it cannot be read."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return timedelta(seconds=int(header))
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment - now, timedelta(0))
