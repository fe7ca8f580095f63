"""Stripe's own SDK is at home in the double, and believes what it signs."""

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import stripe

from framework.integration.delivery import Delivery
from integrations.stripe.client import API_VERSION
from integrations.stripe.sandbox import StripeSandbox
from integrations.stripe.webhooks import sign, signed_with
from tests.contracts.witness import Listener
from tests.integrations.stripe.conftest import KEY, SECRET

pytestmark = pytest.mark.anyio


@pytest.fixture
def sdk(stripe_address: str, monkeypatch: pytest.MonkeyPatch) -> stripe.StripeClient:
    monkeypatch.setenv("NO_PROXY", "*")
    return stripe.StripeClient(
        KEY.get_secret_value(),
        stripe_version=API_VERSION,
        base_addresses={"api": stripe_address},
        max_network_retries=0,
        http_client=stripe.HTTPXClient(),
    )


def sale(**changes: Any) -> Any:
    return {
        "amount": 1250,
        "currency": "eur",
        "payment_method": "pm_card_visa",
        "confirm": True,
        "off_session": True,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": {"api_call_id": "7"},
    } | changes


async def test_the_sdk_pays_and_reads_the_webhook(
    sdk: stripe.StripeClient, stripe_sandbox: StripeSandbox, listener: Listener
) -> None:
    intent = await sdk.v1.payment_intents.create_async(sale(), {"idempotency_key": "once"})
    assert (intent.status, intent.amount, intent.metadata["api_call_id"]) == ("processing", 1250, "7")
    await stripe_sandbox.idle()
    ((headers, body),) = listener.requests
    event = stripe.Webhook.construct_event(body, headers["stripe-signature"], SECRET)
    assert (event.type, event.data.object.id) == ("payment_intent.succeeded", intent.id)
    paid = await sdk.v1.payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge"]})
    assert (paid.status, paid.amount_received) == ("succeeded", 1250)
    assert isinstance(paid.latest_charge, stripe.Charge)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", headers["stripe-signature"], SECRET)


async def test_the_sdk_pays_once_under_one_key(
    sdk: stripe.StripeClient, stripe_sandbox: StripeSandbox
) -> None:
    first, second = [
        await sdk.v1.payment_intents.create_async(sale(), {"idempotency_key": "once"}) for _ in range(2)
    ]
    assert first.id == second.id
    assert len(stripe_sandbox.books()["payment_intents"]) == 1
    with pytest.raises(stripe.IdempotencyError):
        await sdk.v1.payment_intents.create_async(sale(amount=1), {"idempotency_key": "once"})


async def test_the_sdk_finds_lists_confirms_and_cancels(sdk: stripe.StripeClient) -> None:
    waiting = await sdk.v1.payment_intents.create_async(sale(confirm=False, off_session=None))
    found = await sdk.v1.payment_intents.search_async({"query": "metadata['api_call_id']:'7'"})
    assert [one.id for one in found.data] == [waiting.id]
    confirmed = await sdk.v1.payment_intents.confirm_async(waiting.id)
    assert confirmed.status == "processing"
    unwanted = await sdk.v1.payment_intents.create_async(sale(confirm=False, off_session=None))
    reason = {"cancellation_reason": "requested_by_customer"}
    canceled = await sdk.v1.payment_intents.cancel_async(unwanted.id, cast(Any, reason))
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "requested_by_customer")
    listed = await sdk.v1.payment_intents.list_async({"limit": 1})
    assert [one.id async for one in listed.auto_paging_iter()] == [unwanted.id, waiting.id]


async def test_the_sdk_gives_back_and_hears_of_it(
    sdk: stripe.StripeClient, stripe_sandbox: StripeSandbox, listener: Listener
) -> None:
    stripe_sandbox.pending_refunds = True
    intent = await sdk.v1.payment_intents.create_async(sale())
    await stripe_sandbox.idle()
    refund = await sdk.v1.refunds.create_async({"payment_intent": intent.id, "amount": 250})
    assert (refund.status, refund.amount) == ("pending", 250)
    await stripe_sandbox.idle()
    assert (await sdk.v1.refunds.retrieve_async(refund.id)).status == "succeeded"
    (listed,) = (await sdk.v1.refunds.list_async({"payment_intent": intent.id})).data
    assert listed.id == refund.id
    events = await sdk.v1.events.list_async({"types": ["charge.refund.updated"]})
    assert [one.data.object.id for one in events.data] == [refund.id]
    assert listener.kinds[-1] == "charge.refund.updated"


async def test_the_sdk_is_refused_as_by_stripe(
    sdk: stripe.StripeClient, stripe_sandbox: StripeSandbox, stripe_address: str
) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await sdk.v1.payment_intents.create_async(sale(payment_method="pm_card_chargeDeclined"))
    assert (declined.value.code, declined.value.http_status) == ("card_declined", 402)
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        await sdk.v1.payment_intents.retrieve_async("pi_unknown")
    assert unknown.value.code == "resource_missing"
    with pytest.raises(stripe.InvalidRequestError, match="colour"):
        await sdk.v1.payment_intents.create_async(sale(colour="red"))
    stripe_sandbox.fail_next("throttle")
    with pytest.raises(stripe.RateLimitError):
        await sdk.v1.payment_intents.list_async()
    stripe_sandbox.fail_next("error_after_success")
    with pytest.raises(stripe.APIError):
        await sdk.v1.payment_intents.create_async(sale())
    stranger = stripe.StripeClient(
        "sk_test_wrong",
        stripe_version=API_VERSION,
        base_addresses={"api": stripe_address},
        http_client=stripe.HTTPXClient(),
    )
    with pytest.raises(stripe.AuthenticationError):
        await stranger.v1.payment_intents.list_async()


def test_each_side_believes_the_signatures_of_the_other() -> None:
    now = datetime.now(UTC)
    body = json.dumps({"id": "evt_1", "object": "event", "type": "payment_intent.succeeded"})
    assert stripe.Webhook.construct_event(body, sign(SECRET, body.encode(), now), SECRET).id == "evt_1"
    timestamp = int(now.timestamp())
    theirs = stripe.WebhookSignature._compute_signature(f"{timestamp}.{body}", SECRET)
    delivery = Delivery(
        headers={"stripe-signature": f"t={timestamp},v1={theirs}"}, body=body.encode(), received_at=now
    )
    signed_with(lambda: [SECRET])(delivery)
