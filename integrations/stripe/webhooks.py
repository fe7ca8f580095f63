"""Stripe's webhooks: who sent them, and what they tell.

`Stripe-Signature: t=<unix>,v1=<hex>[,v1=<hex>][,v0=<hex>]` signs `<t>.<raw body>` with HMAC-SHA256. The key
is the whole `whsec_...` string, prefix included. While a secret is rotated Stripe signs with both, so
any `v1` will do; `v0` is of a test scheme and never counts.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import ValidationError

from framework.integration.delivery import Delivery, MalformedDelivery
from framework.integration.outcomes import Outcome
from framework.integration.signature import (
    InvalidSignature,
    Verify,
    hmac_sha256,
    require_match,
    require_recent,
    required_header,
)
from integrations.stripe.mapping import (
    ToRefundResult,
    ToResult,
    intent_of,
    moment,
    outcome_of,
    outcome_of_refund,
)
from integrations.stripe.models import Charge, Event, PaymentIntent, Refund

HEADER = "Stripe-Signature"


class EventKind(StrEnum):
    """The events worth subscribing to. Others are answered 2xx and ignored."""

    SUCCEEDED = "payment_intent.succeeded"
    CANCELED = "payment_intent.canceled"
    PAYMENT_FAILED = "payment_intent.payment_failed"
    """Not final: the intent may still succeed with another payment method."""
    CHARGE_SUCCEEDED = "charge.succeeded"
    """Subscribe to it in place of `payment_intent.succeeded` to have the receipt's address in the result."""

    REFUND_UPDATED = "charge.refund.updated"
    """Under API versions of 2024 and later it is called `refund.updated` and `refund.failed`."""


FINAL = (EventKind.SUCCEEDED, EventKind.CANCELED)
OF_REFUNDS = (EventKind.REFUND_UPDATED, "refund.updated", "refund.failed")


def sign(secret: str, body: bytes, at: datetime) -> str:
    """The value of `Stripe-Signature` for this body at this moment."""
    timestamp = int(at.timestamp())
    return f"t={timestamp},v1={_signature(secret, timestamp, body)}"


def signed_with(secrets: Callable[[], Sequence[str]]) -> Verify:
    """A check that the delivery is signed with one of the secrets, no more than five minutes ago or ahead.

    The secrets are asked for at each delivery, so that a rotated one counts without a restart.
    """

    def signed(delivery: Delivery) -> None:
        timestamp, given = _parse(required_header(delivery, HEADER))
        require_recent(timestamp, now=delivery.received_at)
        require_match([_signature(secret, timestamp, delivery.body) for secret in secrets()], given)

    return signed


def event_in(delivery: Delivery) -> Event:
    """The event in a verified delivery."""
    try:
        return Event.model_validate_json(delivery.body)
    except ValidationError:
        raise MalformedDelivery("Stripe event") from None  # pydantic's error quotes the body


def outcome_of_event(event: Event, to_result: ToResult) -> Outcome | None:
    """What an event tells about a call; None if it tells nothing.

    It goes by the status of the intent, not the kind of event: after `payment_failed` it may still succeed.
    """
    intent = _intent_in(event)
    if intent is None:
        return None
    return outcome_of(intent, to_result, event_id=event.id, occurred_at=moment(event.created))


def _intent_in(event: Event) -> PaymentIntent | None:
    try:
        if event.type.startswith("payment_intent."):
            return PaymentIntent.model_validate(event.data.object)
        if event.type == EventKind.CHARGE_SUCCEEDED:
            return intent_of(Charge.model_validate(event.data.object))
    except ValidationError:
        raise MalformedDelivery(f"Stripe event of type {event.type}") from None
    return None


def outcome_of_refund_event(event: Event, to_result: ToRefundResult) -> Outcome | None:
    """What an event tells about a refund; None if it tells nothing."""
    if event.type not in OF_REFUNDS:
        return None
    try:
        refund = Refund.model_validate(event.data.object)
    except ValidationError:
        raise MalformedDelivery(f"Stripe event of type {event.type}") from None
    return outcome_of_refund(refund, to_result, event_id=event.id, occurred_at=moment(event.created))


def _signature(secret: str, timestamp: int | str, body: bytes) -> str:
    return hmac_sha256(secret.encode(), f"{timestamp}.".encode() + body).hex()


def _parse(header: str) -> tuple[str, list[str]]:
    pairs = [pair.strip().partition("=") for pair in header.split(",")]
    timestamps = [value for name, _, value in pairs if name == "t"]
    if len(timestamps) != 1:
        raise InvalidSignature(f"{HEADER} has no single timestamp")
    return timestamps[0], [value for name, _, value in pairs if name == "v1"]
