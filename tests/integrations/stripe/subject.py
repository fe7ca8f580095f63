"""What the contract asks of Stripe."""

import json
from typing import Any

from framework import APICall, Payload
from framework.testing.contract import Subject, Variant
from integrations.stripe import create_stripe_integration
from integrations.stripe.mapping import NewIntent
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
