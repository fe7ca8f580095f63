"""Stripe's objects and the payloads of a business, each turned into the other. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from framework.integration.outcomes import Completed, ExternalId, Failed, Outcome, Processing
from framework.model.payload import Payload
from integrations.stripe.models import Charge, PaymentIntent, Refund

REFERENCE = "api_call_id"
"""The metadata key under which Stripe keeps our call's id, and gives it back in every event."""
TEST_CARD = "pm_card_visa"
"""What a request without a payment method is charged to. Live mode refuses it, so it cannot cost anybody."""


@dataclass(frozen=True, kw_only=True)
class NewIntent:
    """What a business wants to be charged. `amount` is in the currency's smallest unit."""

    amount: int
    currency: str
    payment_method: str
    receipt_email: str | None = None
    description: str | None = None


ToIntent: TypeAlias = Callable[[Any], NewIntent]
ToResult: TypeAlias = Callable[[PaymentIntent], Payload | None]


def to_intent(request: Any) -> NewIntent:
    """From a request with `amount_cents` and `currency`, and what else of `NewIntent` it has."""
    return NewIntent(
        amount=request.amount_cents,
        currency=request.currency.lower(),
        payment_method=getattr(request, "payment_method", None) or TEST_CARD,
        receipt_email=getattr(request, "receipt_email", None),
        description=getattr(request, "description", None),
    )


def to_result_of(result: type[Payload] | None) -> ToResult:
    """A function that fills the fields of a payload class of which Stripe knows something."""

    def to_result(intent: PaymentIntent) -> Payload | None:
        if result is None:
            return None
        said = facts_of(intent)
        return result(**{name: said[name] for name in result.model_fields if name in said})

    return to_result


def facts_of(intent: PaymentIntent) -> dict[str, Any]:
    """What a result may ask for by name. `url` is the receipt's, known only where the charge came in full."""
    charge = intent.latest_charge
    return {
        "url": charge.receipt_url if isinstance(charge, Charge) else None,
        "payment_intent": intent.id,
        "charge": charge.id if isinstance(charge, Charge) else charge,
        "amount_cents": intent.amount_received,
        "currency": intent.currency,
    }


def intent_of(charge: Charge) -> PaymentIntent | None:
    """The intent that a captured charge has paid, as far as the charge tells."""
    if charge.payment_intent is None or not charge.captured or charge.status != "succeeded":
        return None
    return PaymentIntent(
        id=charge.payment_intent,
        status="succeeded",
        amount=charge.amount,
        amount_received=charge.amount_captured,
        currency=charge.currency,
        created=charge.created,
        metadata=charge.metadata,
        latest_charge=charge,
    )


def outcome_of(
    intent: PaymentIntent,
    to_result: ToResult,
    *,
    event_id: str | None = None,
    occurred_at: datetime | None = None,
) -> Outcome:
    """What the status of an intent means for its call.

    Only `succeeded` and `canceled` are final. After a failed payment an intent waits for another
    payment method and may still succeed, so every other status, known or new, is processing.
    """
    external_id, reference = ExternalId(intent.id), reference_of(intent)
    match intent.status:
        case "succeeded":
            return Completed(
                to_result(intent),
                external_id=external_id,
                reference=reference,
                event_id=event_id,
                occurred_at=occurred_at,
            )
        case "canceled":
            reason, code = why_canceled(intent)
            return Failed(
                reason,
                code=code,
                external_id=external_id,
                reference=reference,
                event_id=event_id,
                occurred_at=occurred_at,
            )
        case _:
            return Processing(
                detail=intent.status,
                external_id=external_id,
                reference=reference,
                event_id=event_id,
                occurred_at=occurred_at,
            )


@dataclass(frozen=True, kw_only=True)
class NewRefund:
    """What a business gives back. Without `amount` it is all that is left of the payment."""

    payment_intent: str
    amount: int | None = None
    reason: str | None = None


ToRefund: TypeAlias = Callable[[Any], NewRefund]
ToRefundResult: TypeAlias = Callable[[Refund], Payload | None]


def to_refund(request: Any) -> NewRefund:
    """From a request with `payment_intent`, and maybe `amount_cents` and `reason`."""
    return NewRefund(
        payment_intent=request.payment_intent,
        amount=getattr(request, "amount_cents", None),
        reason=getattr(request, "reason", None),
    )


def to_refund_result_of(result: type[Payload] | None) -> ToRefundResult:
    """A function that fills the fields of a payload class of which a refund knows something."""

    def to_result(refund: Refund) -> Payload | None:
        if result is None:
            return None
        said = {
            "refund": refund.id,
            "payment_intent": refund.payment_intent,
            "amount_cents": refund.amount,
            "currency": refund.currency,
        }
        return result(**{name: said[name] for name in result.model_fields if name in said})

    return to_result


def outcome_of_refund(
    refund: Refund,
    to_result: ToRefundResult,
    *,
    event_id: str | None = None,
    occurred_at: datetime | None = None,
) -> Outcome:
    """What the status of a refund means for its call; `pending` and what is new are not final."""
    names: dict[str, Any] = {
        "external_id": ExternalId(refund.id),
        "reference": reference_of(refund),
        "event_id": event_id,
        "occurred_at": occurred_at,
    }
    match refund.status:
        case "succeeded":
            return Completed(to_result(refund), **names)
        case "failed" | "canceled":
            why = refund.failure_reason or "no reason given"
            return Failed(
                f"The refund {refund.status} ({why})", code=refund.failure_reason or refund.status, **names
            )
        case _:
            return Processing(detail=refund.status or "pending", **names)


def is_declined(intent: PaymentIntent) -> bool:
    """Whether the intent waits for another payment method after one was refused."""
    return intent.status == "requires_payment_method" and intent.last_payment_error is not None


def why_canceled(intent: PaymentIntent) -> tuple[str, str]:
    """The reason and the code of a canceled intent: what the card said, if it said something."""
    error = intent.last_payment_error
    if error is not None:
        return error.message or "The payment failed", error.decline_code or error.code or error.type
    return f"The payment was canceled ({intent.cancellation_reason or 'no reason given'})", "canceled"


def reference_of(one: PaymentIntent | Refund) -> UUID | None:
    """Our call's id, if this intent or refund is one of ours."""
    try:
        return UUID((one.metadata or {})[REFERENCE])
    except (KeyError, ValueError):
        return None


def moment(unix: int) -> datetime:
    return datetime.fromtimestamp(unix, UTC)
