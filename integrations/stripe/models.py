"""What Stripe says, as far as it is used here. New fields and new values of known fields are welcome.

`client_secret` is left out on purpose: it belongs in the payer's browser, and never in a record or a log.
"""

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict


class WireModel(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class PaymentError(WireModel):
    """Why something was refused: the body of an error answer, and the last error of a payment intent."""

    type: str
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None
    param: str | None = None
    payment_intent: "PaymentIntent | None" = None


class Charge(WireModel):
    id: str
    payment_intent: str | None = None
    receipt_url: str | None = None
    status: str
    captured: bool = False
    amount: int
    amount_captured: int = 0
    currency: str
    created: int
    metadata: dict[str, str] = {}


class PaymentIntent(WireModel):
    """An attempt to collect an amount, in the currency's smallest unit."""

    id: str
    status: str
    amount: int
    amount_received: int = 0
    currency: str
    created: int
    metadata: dict[str, str] = {}
    latest_charge: Charge | str | None = None
    last_payment_error: PaymentError | None = None
    cancellation_reason: str | None = None


class Refund(WireModel):
    """An amount on its way back to the payer. A bank may still send back what `succeeded`."""

    id: str
    amount: int
    currency: str
    created: int
    payment_intent: str | None = None
    status: str | None = None
    failure_reason: str | None = None
    metadata: dict[str, str] | None = None


class EventData(WireModel):
    object: dict[str, Any]


class EventRequest(WireModel):
    id: str | None = None
    idempotency_key: str | None = None


class Event(WireModel):
    """Something that happened at Stripe, with the object as it was then."""

    id: str
    type: str
    created: int
    data: EventData
    request: EventRequest | None = None


Item = TypeVar("Item", bound=WireModel)


class Page(WireModel, Generic[Item]):
    data: list[Item]
    has_more: bool = False
    next_page: str | None = None


class ErrorAnswer(WireModel):
    error: PaymentError
