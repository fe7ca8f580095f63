"""Requests and answers follow Stripe's own description, which tells right ones from wrong ones."""

import json
from pathlib import Path

import pytest

from integrations.stripe.client import StripeClient, StripeError
from integrations.stripe.models import Event, PaymentIntent, Refund
from integrations.stripe.sandbox import StripeSandbox
from tests.contracts.checker import FORM, Contract
from tests.contracts.witness import Witness

pytestmark = pytest.mark.anyio


@pytest.fixture
def contract(contracts: Path) -> Contract:
    return Contract.read(contracts / "stripe" / "openapi.trim.json")


async def test_every_kind_of_exchange_follows_the_description(
    contract: Contract, stripe: StripeClient, stripe_sandbox: StripeSandbox, witness: Witness[Contract]
) -> None:
    async def pay(payment_method: str, *, confirm: bool = True) -> PaymentIntent:
        return await stripe.create_payment_intent(
            amount=990,
            currency="eur",
            payment_method=payment_method,
            confirm=confirm,
            description="A book",
            receipt_email="ada@example.org",
            metadata={"api_call_id": "1"},
            idempotency_key=f"{payment_method}-{confirm}",
        )

    paid = await pay("pm_card_visa")
    await stripe_sandbox.idle()
    await stripe.retrieve_payment_intent(paid.id)
    with pytest.raises(StripeError):
        await pay("pm_card_chargeDeclined")
    waiting = await pay("pm_card_mastercard", confirm=False)
    await stripe.confirm_payment_intent(waiting.id, idempotency_key="confirm")
    unwanted = await pay("pm_card_amex", confirm=False)
    await stripe.cancel_payment_intent(unwanted.id, reason="requested_by_customer")
    refund = await stripe.create_refund(
        payment_intent=paid.id, amount=90, reason="requested_by_customer", idempotency_key="r"
    )
    assert await stripe.retrieve_refund(refund.id) == refund
    assert [one async for one in stripe.all_refunds(paid.id)] == [refund]
    await stripe.list_payment_intents(limit=3, starting_after=unwanted.id)
    await stripe.list_events(types=["payment_intent.succeeded"])
    with pytest.raises(StripeError):
        await stripe.retrieve_payment_intent("pi_unknown")
    problems = witness.problems(contract)
    assert problems == []
    assert len(witness.exchanges) == 13
    assert [contract.problems_of("event", event) for event in stripe_sandbox.books()["events"]] == [
        [] for _ in stripe_sandbox.books()["events"]
    ]


@pytest.mark.parametrize(
    "body",
    [
        "amount=12.5&currency=eur",
        "amount=100",
        "amount=100&currency=eur&metadata=x",
        "amount=100&currency=eur&confirm=perhaps",
        "amount=100&currency=eur&colour=red",
        "amount=100&currency=eur&automatic_payment_methods[allow_redirects]=sometimes",
    ],
)
def test_the_description_refuses_wrong_requests(contract: Contract, body: str) -> None:
    assert contract.problems_of_request("POST", "/v1/payment_intents", content_type=FORM, body=body)


def test_the_description_refuses_wrong_answers(contract: Contract, contracts: Path) -> None:
    intent = json.loads((contracts / "stripe" / "fixtures.2023-09.json").read_text())["payment_intent"]
    assert contract.problems_of("payment_intent", intent) == []
    assert contract.problems_of("payment_intent", {**intent, "status": "paid"})
    assert contract.problems_of("payment_intent", {**intent, "amount": "1099"})


@pytest.mark.parametrize("file", ["fixtures.2023-09.json", "fixtures.2026-08.json"])
def test_stripes_own_examples_are_read_old_and_new(contracts: Path, file: str) -> None:
    examples = json.loads((contracts / "stripe" / file).read_text())
    assert PaymentIntent.model_validate(examples["payment_intent"]).amount == 1099
    assert Refund.model_validate(examples["refund"]).status == "succeeded"
    assert Event.model_validate(examples["event"]).type == "plan.created"
