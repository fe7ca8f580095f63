"""The client and Stripe's double understand each other, over a socket and by Stripe's own description."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from integrations.stripe.client import Form, StripeClient, StripeError, UnreadableAnswer, flatten
from integrations.stripe.models import Charge, PaymentIntent
from integrations.stripe.sandbox import StripeSandbox

pytestmark = pytest.mark.anyio


async def pay(
    stripe: StripeClient,
    *,
    amount: int = 1250,
    key: str = "key-1",
    payment_method: str = "pm_card_visa",
    confirm: bool = True,
    reference: str = "call-1",
) -> PaymentIntent:
    return await stripe.create_payment_intent(
        amount=amount,
        currency="eur",
        payment_method=payment_method,
        confirm=confirm,
        receipt_email="ada@example.org",
        metadata={"api_call_id": reference},
        idempotency_key=key,
    )


async def test_a_payment_is_processing_at_once_and_succeeds_later_with_a_receipt(
    stripe: StripeClient, stripe_sandbox: StripeSandbox
) -> None:
    created = await pay(stripe)
    await stripe_sandbox.idle()
    later = await stripe.retrieve_payment_intent(created.id)
    assert (created.status, created.amount, created.currency) == ("processing", 1250, "eur")
    assert created.metadata == {"api_call_id": "call-1"}
    assert (later.status, later.amount_received) == ("succeeded", 1250)
    assert isinstance(later.latest_charge, Charge)
    assert (
        later.latest_charge.receipt_url == f"https://pay.stripe.com/receipts/payment/{later.latest_charge.id}"
    )
    assert (await stripe.retrieve_charge(later.latest_charge.id)) == later.latest_charge


async def test_the_request_carries_version_key_and_idempotency_key_and_shows_no_credentials(
    stripe: StripeClient, stripe_sandbox: StripeSandbox
) -> None:
    await pay(stripe)
    request = stripe_sandbox.requests[0]
    assert request.headers["stripe-version"] == "2023-08-16"
    assert request.headers["idempotency-key"] == "key-1"
    assert request.headers["authorization"] == "[hidden]"
    assert parse_qs(request.body) == {
        "amount": ["1250"],
        "currency": ["eur"],
        "payment_method": ["pm_card_visa"],
        "confirm": ["true"],
        "off_session": ["true"],
        "automatic_payment_methods[enabled]": ["true"],
        "automatic_payment_methods[allow_redirects]": ["never"],
        "receipt_email": ["ada@example.org"],
        "metadata[api_call_id]": ["call-1"],
    }


async def test_the_same_key_and_body_give_the_saved_answer_and_charge_once(
    stripe: StripeClient, stripe_sandbox: StripeSandbox
) -> None:
    first, again = await pay(stripe), await pay(stripe)
    assert again == first
    assert len(stripe_sandbox.books()["payment_intents"]) == 1


async def test_the_same_key_with_another_body_is_refused(
    stripe: StripeClient, stripe_sandbox: StripeSandbox
) -> None:
    await pay(stripe)
    with pytest.raises(StripeError) as refused:
        await pay(stripe, amount=1)
    assert (refused.value.status, refused.value.error.type) == (400, "idempotency_error")
    assert len(stripe_sandbox.books()["payment_intents"]) == 1


@pytest.mark.parametrize(
    ("payment_method", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_authenticationRequired", "authentication_required", "authentication_required"),
    ],
)
async def test_a_declined_card_leaves_an_intent_that_waits_for_another(
    stripe: StripeClient, payment_method: str, code: str, decline_code: str
) -> None:
    with pytest.raises(StripeError) as refused:
        await pay(stripe, payment_method=payment_method)
    error = refused.value.error
    assert (refused.value.status, error.type, error.code, error.decline_code) == (
        402,
        "card_error",
        code,
        decline_code,
    )
    assert error.payment_intent is not None
    assert error.payment_intent.status == "requires_payment_method"
    with pytest.raises(StripeError) as repeated:
        await pay(stripe, payment_method=payment_method)
    assert repeated.value.error == error


async def test_a_declined_intent_is_paid_with_another_card(
    stripe: StripeClient, stripe_sandbox: StripeSandbox
) -> None:
    with pytest.raises(StripeError) as refused:
        await pay(stripe, payment_method="pm_card_chargeDeclined")
    assert refused.value.error.payment_intent is not None
    intent = refused.value.error.payment_intent.id
    confirmed = await stripe.confirm_payment_intent(
        intent, payment_method="pm_card_visa", off_session=True, idempotency_key="key-2"
    )
    await stripe_sandbox.idle()
    assert confirmed.status == "processing"
    assert (await stripe.retrieve_payment_intent(intent)).status == "succeeded"


async def test_an_intent_is_canceled_once(stripe: StripeClient) -> None:
    created = await pay(stripe, confirm=False)
    canceled = await stripe.cancel_payment_intent(created.id, reason="abandoned")
    assert (created.status, canceled.status) == ("requires_confirmation", "canceled")
    assert canceled.cancellation_reason == "abandoned"
    with pytest.raises(StripeError) as refused:
        await stripe.cancel_payment_intent(created.id)
    assert refused.value.error.code == "payment_intent_unexpected_state"


async def test_intents_are_listed_newest_first_page_by_page(stripe: StripeClient) -> None:
    ids = [(await pay(stripe, key=f"key-{number}")).id for number in range(5)]
    page = await stripe.list_payment_intents(limit=2)
    after = await stripe.list_payment_intents(limit=2, starting_after=page.data[-1].id)
    since = datetime.now(UTC) - timedelta(hours=1)
    assert [intent.id for intent in (*page.data, *after.data)] == ids[:0:-1]
    assert (page.has_more, after.has_more) == (True, True)
    assert [intent.id async for intent in stripe.all_payment_intents(created_since=since)] == ids[::-1]
    assert [one async for one in stripe.all_payment_intents(created_since=since + timedelta(hours=2))] == []


async def test_an_intent_is_found_by_the_call_that_it_carries(stripe: StripeClient) -> None:
    await pay(stripe, key="key-1", reference="call-1")
    wanted = await pay(stripe, key="key-2", reference="call-2")
    found = await stripe.search_payment_intents("metadata['api_call_id']:'call-2'")
    assert [intent.id for intent in found.data] == [wanted.id]
    assert (await stripe.search_payment_intents("metadata['api_call_id']:'call-3'")).data == []


async def test_events_are_listed_by_type_over_all_pages(
    stripe: StripeClient, stripe_sandbox: StripeSandbox
) -> None:
    for number in range(103):
        await pay(stripe, key=f"key-{number}")
    await stripe_sandbox.idle()
    since = datetime.now(UTC) - timedelta(hours=1)
    kinds = ["payment_intent.succeeded"]
    events = [event async for event in stripe.all_events(types=kinds, created_since=since)]
    assert len({event.id for event in events}) == 103
    assert {event.type for event in events} == {"payment_intent.succeeded"}


async def test_a_payment_is_refunded_in_parts_and_never_beyond(
    stripe: StripeClient, stripe_sandbox: StripeSandbox
) -> None:
    intent = await pay(stripe)
    await stripe_sandbox.idle()
    part = await stripe.create_refund(payment_intent=intent.id, amount=250, idempotency_key="refund-1")
    rest = await stripe.create_refund(payment_intent=intent.id, idempotency_key="refund-2")
    assert (part.amount, rest.amount, rest.status) == (250, 1000, "succeeded")
    with pytest.raises(StripeError):
        await stripe.create_refund(payment_intent=intent.id, idempotency_key="refund-3")


async def test_a_wrong_key_is_refused(http: httpx.AsyncClient) -> None:
    with pytest.raises(StripeError) as refused:
        await StripeClient(http, SecretStr("sk_test_wrong")).list_payment_intents(limit=1)
    assert refused.value.status == 401


async def test_an_unknown_intent_is_missing(stripe: StripeClient) -> None:
    with pytest.raises(StripeError) as refused:
        await stripe.retrieve_payment_intent("pi_unknown")
    assert (refused.value.status, refused.value.error.code) == (404, "resource_missing")


async def test_an_id_cannot_reach_another_endpoint(
    stripe: StripeClient, stripe_sandbox: StripeSandbox
) -> None:
    intent = await pay(stripe, confirm=False)
    with pytest.raises(StripeError):
        await stripe.confirm_payment_intent(f"{intent.id}/cancel?x=", idempotency_key="key-2")
    assert (await stripe.retrieve_payment_intent(intent.id)).status == "requires_confirmation"


async def test_a_confirmation_without_a_place_to_return_to_needs_methods_that_do_not_redirect(
    http: httpx.AsyncClient, stripe: StripeClient
) -> None:
    headers = {"authorization": f"Bearer {stripe.key.get_secret_value()}", "stripe-version": "2023-08-16"}
    form = {"amount": "100", "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
    answer = await http.post("/v1/payment_intents", data=form, headers=headers)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "return_url")


async def test_an_answer_that_is_no_intent_is_unreadable_and_not_quoted() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"id": "pi_1", "client_secret": "pi_1_secret_x"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://x") as http:
        with pytest.raises(
            UnreadableAnswer, match="unreadable amount, created, currency, status"
        ) as unreadable:
            await StripeClient(http, SecretStr("sk")).retrieve_payment_intent("pi_1")
    assert "pi_1_secret_x" not in str(unreadable.value)


def test_forms_are_flattened_in_stripes_notation() -> None:
    form: Form = {"a": 1, "b": {"c": True, "d": {"e": "f"}}, "g": ["h", "i"], "j": None}
    assert flatten(form) == [("a", "1"), ("b[c]", "true"), ("b[d][e]", "f"), ("g[]", "h"), ("g[]", "i")]
