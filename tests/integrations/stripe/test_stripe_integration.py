"""A charge is made once, whatever happens on the way, and ends as Stripe says."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from framework.errors import InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from framework.integration.calls import CallView, idempotency_key
from framework.integration.delivery import Delivery
from framework.integration.handlers import CallHandlers
from framework.integration.http import HTTPClient
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, Failed, NotSubmitted, Outcome, Processing
from framework.integration.signature import InvalidSignature
from framework.model.apicall import APICall
from framework.model.payload import Payload
from framework.testing.sandbox import Fault
from integrations.stripe import StripeSettings, create_stripe_integration
from integrations.stripe.mapping import NewIntent
from integrations.stripe.models import PaymentIntent
from integrations.stripe.sandbox import StripeSandbox
from integrations.stripe.webhooks import EventKind
from tests.contracts.witness import Listener
from tests.integrations.stripe.conftest import KEY, SECRET

pytestmark = pytest.mark.anyio


class Sale(Payload):
    amount_cents: int
    currency: str
    receipt_email: str
    payment_method: str = "pm_card_visa"


class Slip(Payload):
    url: str | None
    payment_intent: str


class SandboxCharge(APICall, table=True):
    request: Sale
    result: Slip | None = None


@pytest.fixture
def stripe_integration(stripe_address: str, monkeypatch: pytest.MonkeyPatch) -> Integration[StripeSettings]:
    monkeypatch.setenv("STRIPE_SECRET_KEY", KEY.get_secret_value())
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", f"whsec_of_last_year, {SECRET}")
    monkeypatch.setenv("STRIPE_BASE_URL", stripe_address)
    integration = create_stripe_integration(SandboxCharge)
    integration.configure()
    return integration


class Teller:
    """Carries out one charge as the framework would, step by step."""

    def __init__(self, handlers: CallHandlers, http: HTTPClient) -> None:
        self.handlers = handlers
        self.http = http
        self.id = uuid4()
        self.payment_method = "pm_card_visa"
        self.external_id: str | None = None

    @property
    def charge(self) -> CallView:
        sale = Sale(
            amount_cents=1250,
            currency="EUR",
            receipt_email="ada@example.org",
            payment_method=self.payment_method,
        )
        record = SandboxCharge(id=self.id, request=sale)
        return _Charge(record, idempotency_key("stripe", self.id), self.external_id)

    async def submit(self) -> Any:
        assert self.handlers.submit is not None
        outcome = await self.handlers.submit(self.charge, self.http)
        assert not isinstance(outcome, str)
        self.external_id = outcome.external_id
        return outcome

    async def poll(self) -> Outcome | None:
        assert self.handlers.poll is not None
        return await self.handlers.poll(self.charge, self.http)

    async def recover(self) -> Any:
        assert self.handlers.recover is not None
        return await self.handlers.recover(self.charge, self.http)

    async def cancel(self) -> Outcome | None:
        assert self.handlers.cancel is not None
        return await self.handlers.cancel(self.charge, self.http)

    async def reconcile(self, since: datetime) -> list[Outcome]:
        assert self.handlers.reconcile is not None
        listed: Any = self.handlers.reconcile(since, self.http)
        return [outcome async for outcome in listed]

    def hear(self, headers: Mapping[str, str], body: bytes, at: datetime | None = None) -> Outcome | None:
        (webhook,) = self.handlers.webhooks
        delivery = Delivery(headers=headers, body=body, received_at=at or datetime.now(UTC))
        assert webhook.verify is not None
        webhook.verify(delivery)
        return webhook.parse(delivery)


class _Charge(CallView):
    """A call of which the external id may be known, as after `initialized`."""

    __slots__ = ("_known",)

    def __init__(self, record: SandboxCharge, key: str, known: str | None) -> None:
        super().__init__(record, idempotency_key=key)
        object.__setattr__(self, "_known", known)

    @property
    def external_id(self) -> Any:
        return self._known


@pytest.fixture
def teller(stripe_integration: Integration[StripeSettings], http: HTTPClient) -> Teller:
    return Teller(stripe_integration.handlers[SandboxCharge], http)


def intents(sandbox: StripeSandbox) -> list[dict[str, Any]]:
    return list(sandbox.books()["payment_intents"])


async def test_a_charge_is_submitted_and_completed_by_webhook(
    teller: Teller, stripe_sandbox: StripeSandbox, listener: Listener
) -> None:
    submitted = await teller.submit()
    await stripe_sandbox.idle()
    (intent,) = intents(stripe_sandbox)
    assert submitted == Processing(detail="processing", external_id=intent["id"], reference=teller.id)
    assert (intent["amount"], intent["currency"]) == (1250, "eur")
    assert listener.kinds == ["payment_intent.succeeded"]
    completed = teller.hear(*listener.requests[0])
    assert isinstance(completed, Completed)
    assert (completed.external_id, completed.reference) == (intent["id"], teller.id)
    assert completed.event_id == listener.events[0]["id"]
    assert completed.result == Slip(url=None, payment_intent=intent["id"])


async def test_a_charge_is_completed_by_a_poll_with_its_receipt(
    teller: Teller, stripe_sandbox: StripeSandbox
) -> None:
    stripe_sandbox.automatic = False
    submitted = await teller.submit()
    assert await teller.poll() == submitted
    stripe_sandbox.succeed(submitted.external_id)
    completed = await teller.poll()
    assert isinstance(completed, Completed)
    (charge,) = stripe_sandbox.books()["charges"]
    assert completed.result == Slip(url=charge["receipt_url"], payment_intent=submitted.external_id)


async def test_a_subscription_to_charges_brings_the_receipt_by_webhook(
    teller: Teller, stripe_sandbox: StripeSandbox, listener: Listener
) -> None:
    stripe_sandbox.events = frozenset({EventKind.CHARGE_SUCCEEDED})
    submitted = await teller.submit()
    await stripe_sandbox.idle()
    completed = teller.hear(*listener.requests[0])
    (charge,) = stripe_sandbox.books()["charges"]
    assert listener.kinds == ["charge.succeeded"]
    assert isinstance(completed, Completed)
    assert (completed.external_id, completed.reference) == (submitted.external_id, teller.id)
    assert completed.result == Slip(url=charge["receipt_url"], payment_intent=submitted.external_id)


async def test_a_declined_charge_is_canceled_at_stripe_before_it_fails(
    teller: Teller, stripe_sandbox: StripeSandbox
) -> None:
    teller.payment_method = "pm_card_chargeDeclinedInsufficientFunds"
    failed = await teller.submit()
    (intent,) = intents(stripe_sandbox)
    assert intent["status"] == "canceled"
    assert failed == Failed(
        "Your card has insufficient funds.",
        code="insufficient_funds",
        external_id=intent["id"],
        reference=teller.id,
    )


async def test_a_declined_charge_that_is_submitted_again_fails_again_in_the_same_way(
    teller: Teller, stripe_sandbox: StripeSandbox
) -> None:
    teller.payment_method = "pm_card_chargeDeclined"
    assert await teller.submit() == await teller.submit()
    assert len(intents(stripe_sandbox)) == 1


async def test_a_payment_that_fails_later_is_processing_by_webhook_and_closed_by_the_next_poll(
    teller: Teller, stripe_sandbox: StripeSandbox, listener: Listener
) -> None:
    stripe_sandbox.automatic = False
    submitted = await teller.submit()
    stripe_sandbox.fail(submitted.external_id, "debit_not_authorized", "The debit was refused.")
    await stripe_sandbox.idle()
    heard = teller.hear(*listener.requests[0])
    assert listener.kinds == ["payment_intent.payment_failed"]
    assert isinstance(heard, Processing)
    closed = await teller.poll()
    assert isinstance(closed, Failed)
    assert (closed.reason, closed.code) == ("The debit was refused.", "debit_not_authorized")
    assert intents(stripe_sandbox)[0]["status"] == "canceled"


async def test_after_a_dropped_connection_the_charge_is_found_and_not_made_twice(
    teller: Teller, stripe_sandbox: StripeSandbox
) -> None:
    stripe_sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    with pytest.raises(InDoubt):
        await teller.submit()
    await stripe_sandbox.idle()
    found = await teller.recover()
    assert isinstance(found, Completed)
    assert found.reference == teller.id
    again = await teller.submit()
    assert again.external_id == found.external_id
    assert len(intents(stripe_sandbox)) == 1


async def test_the_frameworks_own_connections_charge_once_too(
    stripe_integration: Integration[StripeSettings], stripe_sandbox: StripeSandbox
) -> None:
    async with stripe_integration.open_client() as http:
        teller = Teller(stripe_integration.handlers[SandboxCharge], http)
        before = await teller.submit()
        teller = Teller(stripe_integration.handlers[SandboxCharge], http)
        stripe_sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
        with pytest.raises(InDoubt):
            await teller.submit()
        await stripe_sandbox.idle()
        found = await teller.recover()
    assert found.reference == teller.id
    assert [intent["id"] for intent in intents(stripe_sandbox)] == [before.external_id, found.external_id]


async def test_after_an_error_the_charge_is_found_and_not_made_twice(
    teller: Teller, stripe_sandbox: StripeSandbox
) -> None:
    stripe_sandbox.automatic = False
    stripe_sandbox.fail_next(Fault.ERROR_AFTER_SUCCESS)
    with pytest.raises(InDoubt):
        await teller.submit()
    found = await teller.recover()
    (intent,) = intents(stripe_sandbox)
    assert found == Processing(detail="processing", external_id=intent["id"], reference=teller.id)


async def test_a_charge_too_young_for_the_search_is_found_in_the_list(
    teller: Teller, stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lagging = {"object": "search_result", "url": "/", "has_more": False, "next_page": None, "data": []}
    monkeypatch.setattr(stripe_sandbox, "_search_intents", lambda request: lagging)
    submitted = await teller.submit()
    teller.external_id = None
    found = await teller.recover()
    assert found.external_id == submitted.external_id


async def test_a_charge_that_never_arrived_may_be_sent_again(
    teller: Teller, stripe_sandbox: StripeSandbox
) -> None:
    assert await teller.recover() == NotSubmitted()
    await teller.submit()
    assert len(intents(stripe_sandbox)) == 1


async def test_a_crash_between_the_refusal_and_the_cancellation_is_mended_by_recovery(
    teller: Teller, stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    teller.payment_method = "pm_card_chargeDeclined"
    monkeypatch.setattr("integrations.stripe.canceled", _crash)
    with pytest.raises(InDoubt):
        await teller.submit()
    monkeypatch.undo()
    monkeypatch.setenv("STRIPE_SECRET_KEY", KEY.get_secret_value())
    failed = await teller.recover()
    assert isinstance(failed, Failed)
    assert failed.code == "generic_decline"
    assert intents(stripe_sandbox)[0]["status"] == "canceled"


async def _crash(*_: object) -> PaymentIntent:
    raise InDoubt("The worker died")


async def test_lost_webhooks_come_home_by_reconciliation(
    teller: Teller, stripe_sandbox: StripeSandbox, listener: Listener
) -> None:
    stripe_sandbox.fail_next(Fault.LOST_WEBHOOKS)
    submitted = await teller.submit()
    await stripe_sandbox.idle()
    since = datetime.now(UTC) - timedelta(hours=1)
    (outcome,) = await teller.reconcile(since)
    assert listener.kinds == []
    assert isinstance(outcome, Completed)
    assert (outcome.external_id, outcome.reference) == (submitted.external_id, teller.id)
    assert outcome.event_id is not None
    assert await teller.reconcile(since + timedelta(hours=2)) == []


async def test_delivered_webhooks_are_not_reconciled(teller: Teller, stripe_sandbox: StripeSandbox) -> None:
    await teller.submit()
    await stripe_sandbox.idle()
    assert await teller.reconcile(datetime.now(UTC) - timedelta(hours=1)) == []


async def test_an_early_webhook_names_the_call_before_we_know_the_intent(
    teller: Teller, stripe_sandbox: StripeSandbox, listener: Listener
) -> None:
    stripe_sandbox.fail_next(Fault.EARLY_WEBHOOKS)
    stripe_sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    with pytest.raises(InDoubt):
        await teller.submit()
    early = teller.hear(*listener.requests[0])
    assert isinstance(early, Completed)
    assert early.reference == teller.id


async def test_a_duplicate_webhook_is_the_same_event_twice(
    teller: Teller, stripe_sandbox: StripeSandbox, listener: Listener
) -> None:
    stripe_sandbox.fail_next(Fault.DUPLICATE_WEBHOOKS)
    await teller.submit()
    await stripe_sandbox.idle()
    first, second = (teller.hear(*request) for request in listener.requests)
    assert first == second
    assert first is not None
    assert first.event_id is not None


async def test_reordered_webhooks_keep_their_own_calls(
    teller: Teller, stripe_sandbox: StripeSandbox, listener: Listener
) -> None:
    other = Teller(teller.handlers, teller.http)
    stripe_sandbox.fail_next(Fault.REORDER_WEBHOOKS)
    await teller.submit()
    await other.submit()
    await stripe_sandbox.idle()
    heard = [teller.hear(*request) for request in listener.requests]
    assert [outcome.reference for outcome in heard if outcome] == [other.id, teller.id]


async def test_a_throttled_charge_waits_and_is_then_made_once(
    teller: Teller, stripe_sandbox: StripeSandbox
) -> None:
    stripe_sandbox.faults = replace(stripe_sandbox.faults, retry_after=9)
    stripe_sandbox.fail_next(Fault.THROTTLE)
    with pytest.raises(Transient) as throttled:
        await teller.submit()
    assert (throttled.value.retry_after, throttled.value.code) == (timedelta(seconds=9), "rate_limit")
    await teller.submit()
    assert len(intents(stripe_sandbox)) == 1


async def test_a_charge_under_way_cannot_be_canceled_and_a_declined_one_can(
    teller: Teller, stripe_sandbox: StripeSandbox
) -> None:
    stripe_sandbox.automatic = False
    submitted = await teller.submit()
    assert await teller.cancel() == submitted
    stripe_sandbox.fail(submitted.external_id)
    canceled = await teller.cancel()
    assert isinstance(canceled, Failed)
    assert intents(stripe_sandbox)[0]["cancellation_reason"] == "requested_by_customer"


async def test_a_charge_that_stripe_does_not_know_needs_no_cancellation(teller: Teller) -> None:
    assert await teller.cancel() is None


async def test_an_unknown_payment_method_is_our_mistake(teller: Teller) -> None:
    teller.payment_method = "pm_unknown"
    with pytest.raises(Permanent) as refused:
        await teller.submit()
    assert refused.value.code == "resource_missing"


async def test_a_wrong_key_needs_an_operator_and_is_not_shown(
    teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_wrong_and_secret")
    with pytest.raises(NeedsAttention) as refused:
        await teller.submit()
    assert "sk_test" not in str(refused.value)


async def test_a_missing_key_names_what_to_do(teller: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIPE_SECRET_KEY")
    with pytest.raises(NeedsAttention, match="STRIPE_SECRET_KEY"):
        await teller.submit()


async def test_a_forged_webhook_is_refused(
    teller: Teller, stripe_sandbox: StripeSandbox, listener: Listener
) -> None:
    await teller.submit()
    await stripe_sandbox.idle()
    headers, body = listener.requests[0]
    with pytest.raises(InvalidSignature):
        teller.hear(headers, body.replace(b'"amount": 1250', b'"amount": 9999'))
    with pytest.raises(InvalidSignature):
        teller.hear(headers, body, at=datetime.now(UTC) + timedelta(minutes=6))


async def test_with_no_webhook_secret_no_webhook_is_believed(
    teller: Teller, stripe_sandbox: StripeSandbox, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    await teller.submit()
    await stripe_sandbox.idle()
    monkeypatch.delenv("STRIPE_WEBHOOK_SECRET")
    with pytest.raises(NeedsAttention):
        teller.hear(*listener.requests[0])


async def test_the_connection_is_tested_without_touching_money(
    stripe_integration: Integration[StripeSettings],
    http: HTTPClient,
    stripe_sandbox: StripeSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probe, health = stripe_integration.hook("test_connection"), stripe_integration.hook("check_health")
    assert probe is not None
    assert health is not None
    await probe(http)
    await health(http)
    assert [request.method for request in stripe_sandbox.requests] == ["GET", "GET"]
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_wrong")
    with pytest.raises(IntegrationError):
        await probe(http)


async def test_other_names_of_fields_are_mapped_by_two_functions(
    stripe_integration: Integration[StripeSettings], http: HTTPClient, stripe_sandbox: StripeSandbox
) -> None:
    integration = create_stripe_integration(
        SandboxCharge,
        stripe_integration.settings,
        to_intent=lambda sale: NewIntent(
            amount=sale.amount_cents * 2, currency="usd", payment_method="pm_card_amex"
        ),
        to_result=lambda intent: Slip(url="mapped", payment_intent=intent.id),
    )
    integration.configure()
    teller = Teller(integration.handlers[SandboxCharge], http)
    await teller.submit()
    await stripe_sandbox.idle()
    completed = await teller.poll()
    assert (intents(stripe_sandbox)[0]["amount"], intents(stripe_sandbox)[0]["currency"]) == (2500, "usd")
    assert isinstance(completed, Completed)
    assert completed.result == Slip(url="mapped", payment_intent=intents(stripe_sandbox)[0]["id"])


async def test_the_manifest_lists_what_is_needed(stripe_integration: Integration[StripeSettings]) -> None:
    manifest = stripe_integration.manifest
    assert manifest is not None
    assert manifest.hosts == ("api.stripe.com",)
    assert [credential.missing for credential in stripe_integration.credentials({})] == [True, True]
    assert [credential.missing for credential in stripe_integration.credentials()] == [False, False]
