"""What the contract asks of Stripe."""

import json
from dataclasses import replace
from typing import Any

from framework import APICall, Payload
from framework.testing.contract import Subject, Variant
from integrations.stripe import create_stripe_integration
from integrations.stripe.mapping import NewIntent, NewRefund
from integrations.stripe.sandbox import StripeSandbox

KEY, SIGNING = "sk_test_unseen_51HfCq", "whsec_unseen_8Rk2vQpLmZ"


class Sale(Payload):
    amount_cents: int
    currency: str = "eur"
    payment_method: str = "pm_card_visa"


class Slip(Payload):
    payment_intent: str


class Bill(Payload):
    total: int


class ContractCharge(APICall, table=True):
    request: Sale
    result: Slip | None = None


class RenamedCharge(APICall, table=True):
    request: Bill
    result: Slip | None = None


def unknown_status(answer: dict[str, Any]) -> None:
    if answer.get("object") == "payment_intent":
        answer["status"] = "requires_patience"


def canceled(body: bytes) -> bytes:
    event = json.loads(body)
    event |= {"id": "evt_contradicted", "type": "payment_intent.canceled"}
    event["data"]["object"]["status"] = "canceled"
    return json.dumps(event).encode()


class Return(Payload):
    payment_intent: str
    amount_cents: int | None = None


class Credit(Payload):
    refund: str


class Complaint(Payload):
    about: str


class ContractRefund(APICall, table=True):
    request: Return
    result: Credit | None = None


class RenamedRefund(APICall, table=True):
    request: Complaint
    result: Credit | None = None


PAID_BEFORE = "pi_of_last_week"


def of_last_week(**kit: Any) -> StripeSandbox:
    """A Stripe that knows a payment large enough for many refunds, which take a moment."""
    stripe = StripeSandbox(api_key=KEY, webhook_secret=SIGNING, pending_refunds=True, **kit)
    stripe.was_paid(PAID_BEFORE, 100_000)
    return stripe


def unknown_status_of_refund(answer: dict[str, Any]) -> None:
    if answer.get("object") == "refund":
        answer["status"] = "on_its_way_by_horse"


def sent_back(body: bytes) -> bytes:
    event = json.loads(body)
    event["id"] = "evt_contradicted"
    event["data"]["object"] |= {"status": "failed", "failure_reason": "lost_or_stolen_card"}
    return json.dumps(event).encode()


STRIPE = Subject(
    name="stripe",
    usual=Variant(call=ContractCharge, create=create_stripe_integration, request=Sale(amount_cents=1250)),
    renamed=Variant(
        call=RenamedCharge,
        create=lambda call: create_stripe_integration(
            call,
            to_intent=lambda bill: NewIntent(
                amount=bill.total, currency="usd", payment_method="pm_card_amex"
            ),
            to_result=lambda intent: Slip(payment_intent=intent.id),
        ),
        request=Bill(total=1250),
    ),
    refused=Sale(amount_cents=1250, payment_method="pm_card_chargeDeclined"),
    environment={
        "STRIPE_SECRET_KEY": KEY,
        "STRIPE_WEBHOOK_SECRET": SIGNING,
        "STRIPE_BASE_URL": None,
        "STRIPE_POLL_SECONDS": None,
    },
    sandbox=lambda **kit: StripeSandbox(api_key=KEY, webhook_secret=SIGNING, **kit),
    effects=lambda stripe: len(stripe.books()["payment_intents"]),
    unknown_status=unknown_status,
    contradicted=canceled,
    signing_secret="STRIPE_WEBHOOK_SECRET",
)

STRIPE_REFUNDS = replace(
    STRIPE,
    part="refunds",
    usual=Variant(
        call=ContractRefund,
        create=lambda call: create_stripe_integration(refund=call),
        request=Return(payment_intent=PAID_BEFORE, amount_cents=1250),
    ),
    renamed=Variant(
        call=RenamedRefund,
        create=lambda call: create_stripe_integration(
            refund=call,
            to_refund=lambda complaint: NewRefund(payment_intent=complaint.about, amount=990),
            to_refund_result=lambda refund: Credit(refund=refund.id),
        ),
        request=Complaint(about=PAID_BEFORE),
    ),
    refused=Return(payment_intent=PAID_BEFORE, amount_cents=100_001),
    sandbox=of_last_week,
    effects=lambda stripe: len(stripe.books()["refunds"]),
    unknown_status=unknown_status_of_refund,
    contradicted=sent_back,
)
