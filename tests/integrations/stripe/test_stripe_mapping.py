"""Payloads become intents, and intents become results and verdicts."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from framework.integration.outcomes import Completed, Failed, Processing
from framework.model.payload import Payload
from integrations.stripe.mapping import (
    NewIntent,
    is_declined,
    outcome_of,
    reference_of,
    to_intent,
    to_result_of,
)
from integrations.stripe.models import PaymentIntent

CALL = UUID("0b9c1f7e-5d0e-4a55-9a5e-0d6f3a1c2b4d")


class Slip(Payload):
    url: str | None
    amount_cents: int
    note: str = "thank you"


def intent(**fields: Any) -> PaymentIntent:
    return PaymentIntent.model_validate(
        {"id": "pi_1", "status": "succeeded", "amount": 990, "currency": "eur", "created": 1, **fields}
    )


def test_a_request_needs_no_more_than_amount_and_currency() -> None:
    assert to_intent(SimpleNamespace(amount_cents=990, currency="EUR")) == NewIntent(
        amount=990, currency="eur", payment_method="pm_card_visa"
    )


def test_what_else_a_request_has_is_passed_on() -> None:
    request = SimpleNamespace(
        amount_cents=990,
        currency="eur",
        payment_method="pm_1",
        receipt_email="a@b.example",
        description="A book",
    )
    assert to_intent(request) == NewIntent(
        amount=990, currency="eur", payment_method="pm_1", receipt_email="a@b.example", description="A book"
    )


def test_a_result_takes_the_fields_that_it_declares() -> None:
    charge = {"id": "ch_1", "status": "succeeded", "amount": 990, "currency": "eur", "created": 1}
    paid = intent(amount_received=990, latest_charge={**charge, "receipt_url": "https://r.example/1"})
    assert to_result_of(Slip)(paid) == Slip(url="https://r.example/1", amount_cents=990)
    assert to_result_of(Slip)(intent(amount_received=990, latest_charge="ch_1")) == Slip(
        url=None, amount_cents=990
    )


def test_a_call_without_a_declared_result_completes_with_none() -> None:
    outcome = outcome_of(intent(), to_result_of(None))
    assert isinstance(outcome, Completed)
    assert outcome.result is None


@pytest.mark.parametrize(
    "status",
    [
        "requires_payment_method",
        "requires_confirmation",
        "requires_action",
        "processing",
        "requires_capture",
        "new",
    ],
)
def test_every_status_but_the_two_final_ones_is_processing(status: str) -> None:
    outcome = outcome_of(intent(status=status), to_result_of(None))
    assert isinstance(outcome, Processing)
    assert outcome.detail == status


@pytest.mark.parametrize(
    ("fields", "reason", "code"),
    [
        ({"cancellation_reason": "fraudulent"}, "The payment was canceled (fraudulent)", "canceled"),
        ({}, "The payment was canceled (no reason given)", "canceled"),
        (
            {"last_payment_error": {"type": "card_error", "code": "card_declined", "message": "No."}},
            "No.",
            "card_declined",
        ),
        (
            {
                "last_payment_error": {
                    "type": "card_error",
                    "code": "card_declined",
                    "decline_code": "lost_card",
                }
            },
            "The payment failed",
            "lost_card",
        ),
    ],
)
def test_a_canceled_intent_fails_with_what_the_card_said(
    fields: dict[str, Any], reason: str, code: str
) -> None:
    outcome = outcome_of(intent(status="canceled", **fields), to_result_of(None))
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.code) == (reason, code)


def test_only_an_intent_that_was_refused_is_declined() -> None:
    error = {"type": "card_error"}
    assert is_declined(intent(status="requires_payment_method", last_payment_error=error))
    assert not is_declined(intent(status="requires_payment_method"))
    assert not is_declined(intent(status="processing", last_payment_error=error))


@pytest.mark.parametrize(
    ("metadata", "reference"),
    [({"api_call_id": str(CALL)}, CALL), ({"api_call_id": "order 7"}, None), ({}, None)],
)
def test_an_intent_of_somebody_else_refers_to_no_call(
    metadata: dict[str, str], reference: UUID | None
) -> None:
    assert reference_of(intent(metadata=metadata)) == reference
