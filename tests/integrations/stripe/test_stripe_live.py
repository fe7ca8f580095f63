"""The real Stripe, in test mode: no money moves. Every payment is refunded or canceled afterwards."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr

from framework.integration.secrets import resolve
from integrations.stripe.client import StripeClient, StripeError
from integrations.stripe.mapping import REFERENCE
from integrations.stripe.models import PaymentIntent
from integrations.stripe.settings import StripeSettings

pytestmark = [pytest.mark.anyio, pytest.mark.live]

NEEDS = ("STRIPE_SECRET_KEY",)
TEST_MODE = ("sk_test_", "rk_test_")
OVER = ("succeeded", "canceled")


def key_of_test_mode() -> SecretStr:
    """These tests charge cards: with a live key they would charge them in earnest."""
    key = resolve(StripeSettings().secret_key_ref)
    if not key.get_secret_value().startswith(TEST_MODE):
        pytest.fail(f"STRIPE_SECRET_KEY is no key of test mode ({' or '.join(TEST_MODE)}...)", pytrace=False)
    return key


@pytest.fixture
async def live() -> AsyncIterator[StripeClient]:
    key = key_of_test_mode()
    async with httpx.AsyncClient(base_url=StripeSettings().base_url, timeout=30) as http:
        yield StripeClient(http, key)


@pytest.fixture
async def call(live: StripeClient) -> AsyncIterator[UUID]:
    """The id of a call. What was made for it is undone, found as the integration would find it."""
    call = uuid4()
    yield call
    since = datetime.now(UTC) - timedelta(minutes=10)
    async for intent in live.all_payment_intents(created_since=since):
        if intent.metadata.get(REFERENCE) != str(call):
            continue
        if intent.status == "succeeded":
            await live.create_refund(payment_intent=intent.id, idempotency_key=f"undo:{call}")
        elif intent.status not in OVER:
            await live.cancel_payment_intent(intent.id, reason="abandoned")


async def charge(live: StripeClient, call: UUID, method: str = "pm_card_visa") -> PaymentIntent:
    return await live.create_payment_intent(
        amount=100,
        currency="eur",
        payment_method=method,
        receipt_email=None,
        description="A test of Millrace",
        metadata={REFERENCE: str(call)},
        idempotency_key=f"live:{call}",
    )


async def test_a_card_is_charged_and_the_payment_can_be_asked_about(live: StripeClient, call: UUID) -> None:
    made = await charge(live, call)
    assert (made.status, made.amount, made.metadata[REFERENCE]) == ("succeeded", 100, str(call))
    assert (await live.retrieve_payment_intent(made.id)).status == "succeeded"


async def test_the_same_key_is_the_same_payment(live: StripeClient, call: UUID) -> None:
    assert (await charge(live, call)).id == (await charge(live, call)).id


async def test_another_body_under_the_same_key_is_refused(live: StripeClient, call: UUID) -> None:
    await charge(live, call)
    with pytest.raises(StripeError) as refused:
        await charge(live, call, "pm_card_mastercard")
    assert (refused.value.status, refused.value.error.type) == (400, "idempotency_error")


async def test_a_payment_is_found_by_the_id_of_its_call(live: StripeClient, call: UUID) -> None:
    made = await charge(live, call)
    since = datetime.now(UTC) - timedelta(minutes=10)
    found = [
        intent.id
        async for intent in live.all_payment_intents(created_since=since)
        if intent.metadata.get(REFERENCE) == str(call)
    ]
    assert found == [made.id]


async def test_a_declined_card_leaves_a_payment_that_can_be_canceled(live: StripeClient, call: UUID) -> None:
    with pytest.raises(StripeError) as declined:
        await charge(live, call, "pm_card_chargeDeclined")
    assert declined.value.status == 402
    left = declined.value.error.payment_intent
    assert left is not None
    assert left.status == "requires_payment_method"
    assert (await live.cancel_payment_intent(left.id, reason="abandoned")).status == "canceled"


async def test_events_can_be_listed_for_reconciliation(live: StripeClient, call: UUID) -> None:
    await charge(live, call)
    since = datetime.now(UTC) - timedelta(minutes=10)
    listed = live.all_events(types=["payment_intent.succeeded"], created_since=since, delivery_success=None)
    assert [event.type async for event in listed]
