"""Payments leave as payment intents and come home as webhooks.

A call is charged at once and off session: one request creates and confirms the intent, under the call's
idempotency key and with the call's id in its metadata. Whatever happens to the answer, the intent is found
again by that id.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from framework.integration.calls import CallView, result_type
from framework.integration.client import HTTPClient
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, Failed, NotSubmitted, Outcome, Processing
from framework.integration.policy import Policy, PollSchedule, Rate
from framework.integration.secrets import resolve
from framework.integration.signature import Verify
from framework.model.apicall import APICall
from integrations.stripe import mapping
from integrations.stripe.client import StripeClient, StripeError
from integrations.stripe.errors import UNEXPECTED_STATE, translated
from integrations.stripe.events import hear_events
from integrations.stripe.mapping import (
    REFERENCE,
    ToIntent,
    ToRefund,
    ToRefundResult,
    ToResult,
    is_declined,
    outcome_of,
)
from integrations.stripe.models import PaymentIntent
from integrations.stripe.refunds import give_refunds
from integrations.stripe.settings import StripeSettings
from integrations.stripe.webhooks import FINAL, outcome_of_event, signed_with

__all__ = ["StripeSettings", "create_stripe_integration"]

POLICY = Policy(
    concurrency=16,
    rate=Rate(90, burst=90),
    poll=PollSchedule(first=30, factor=2, cap=3600),
    deadline=timedelta(hours=23),
    on_doubt="recover",
)
"""Stripe allows 100 requests a second in live mode, and remembers idempotency keys for 24 hours."""

NOT_YET_SEARCHABLE = timedelta(hours=1)
"""Search lags behind by a minute, and more in an outage; younger intents are looked for in the list."""


class StripeIntegration(Integration[StripeSettings]):
    """Asks about a silent payment as soon as the settings say, where they say it."""

    def configure(self) -> None:
        super().configure()
        if self.settings.poll_seconds is not None:
            poll = replace(self.policy.poll, first=self.settings.poll_seconds)
            self.policy = replace(self.policy, poll=poll)


def create_stripe_integration(
    call: type[APICall] | None = None,
    settings: StripeSettings | None = None,
    *,
    to_intent: ToIntent = mapping.to_intent,
    to_result: ToResult | None = None,
    refund: type[APICall] | None = None,
    to_refund: ToRefund = mapping.to_refund,
    to_refund_result: ToRefundResult | None = None,
    policy: Policy = POLICY,
) -> Integration[StripeSettings]:
    """Charge for every call of this class, and give back for every call of the class `refund`.

    `to_intent` reads the call's request, `to_result` makes its result of a succeeded intent. By default the
    request has `amount_cents` and `currency`, and maybe `receipt_email`, `payment_method` and `description`;
    the result's fields are filled by name: `url` (of the receipt), `payment_intent`, `charge`, `amount_cents`
    and `currency`.

    A refund's request has `payment_intent`, and maybe `amount_cents` (without it all that is left goes back)
    and `reason`; its result takes `refund`, `payment_intent`, `amount_cents` and `currency`.
    """
    stripe = StripeIntegration("stripe", settings=settings or StripeSettings, policy=policy)

    def client_for(http: HTTPClient) -> StripeClient:
        return StripeClient(http, resolve(stripe.settings.secret_key_ref))

    def webhook_secrets() -> list[str]:
        """The signing secrets that count now: two while one is rotated."""
        listed = resolve(stripe.settings.webhook_secret_ref).get_secret_value()
        return [secret for part in listed.split(",") if (secret := part.strip())]

    signed = signed_with(webhook_secrets)

    if call is not None:
        as_result = to_result or mapping.to_result_of(result_type(call))
        take_payments(stripe, call, to_intent, as_result, client_for, signed)
    if refund is not None:
        as_refund = to_refund_result or mapping.to_refund_result_of(result_type(refund))
        give_refunds(stripe, refund, to_refund, as_refund, client_for, signed)

    @stripe.test_connection
    @stripe.check_health
    async def reach(http: HTTPClient) -> None:
        with translated():
            await client_for(http).list_payment_intents(limit=1)

    return stripe


def take_payments(
    stripe: Integration[StripeSettings],
    call: type[APICall],
    to_intent: ToIntent,
    as_result: ToResult,
    client_for: Callable[[HTTPClient], StripeClient],
    signed: Verify,
) -> None:
    """Let every call of this class be one payment intent."""

    @stripe.submit(call)
    async def create_intent(charge: CallView, http: HTTPClient) -> Completed | Failed | Processing:
        client, wanted = client_for(http), to_intent(charge.request)
        with translated():
            try:
                intent = await client.create_payment_intent(
                    amount=wanted.amount,
                    currency=wanted.currency,
                    payment_method=wanted.payment_method,
                    receipt_email=wanted.receipt_email,
                    description=wanted.description,
                    metadata={REFERENCE: str(charge.id)},
                    idempotency_key=charge.idempotency_key,
                )
            except StripeError as refusal:
                declined = refusal.error.payment_intent
                if refusal.status != 402 or declined is None:
                    raise
                intent = declined
            return await conclude(client, intent)

    hear_events(stripe, call, FINAL, lambda event: outcome_of_event(event, as_result), client_for, signed)

    @stripe.poll(call)
    async def look_up(charge: CallView, http: HTTPClient) -> Outcome | None:
        client = client_for(http)
        with translated():
            intent = await find(client, charge)
            return None if intent is None else await conclude(client, intent)

    @stripe.recover(call)
    async def recover(charge: CallView, http: HTTPClient) -> Outcome | NotSubmitted:
        client = client_for(http)
        with translated():
            intent = await find(client, charge)
            return NotSubmitted() if intent is None else await conclude(client, intent)

    @stripe.cancel(call)
    async def cancel_intent(charge: CallView, http: HTTPClient) -> Outcome | None:
        client = client_for(http)
        with translated():
            intent = await find(client, charge)
            if intent is None:
                return None
            return outcome_of(await canceled(client, intent, "requested_by_customer"), as_result)

    async def conclude(client: StripeClient, intent: PaymentIntent) -> Outcome:
        """What an intent means for its call. A declined one is closed first: nobody is there to pay it."""
        if is_declined(intent):
            intent = await canceled(client, intent, "abandoned")
        return outcome_of(intent, as_result)


async def find(client: StripeClient, charge: CallView) -> PaymentIntent | None:
    """The intent of a call as it is now, by its id, or else by the call's id, which it carries."""
    intent_id = charge.external_id or await find_id(client, charge)
    return None if intent_id is None else await client.retrieve_payment_intent(intent_id)


async def find_id(client: StripeClient, charge: CallView) -> str | None:
    """The id of the intent that carries the call's id. What search says of its status may be old."""
    reference = str(charge.id)
    page = await client.search_payment_intents(f"metadata['{REFERENCE}']:'{reference}'")
    for intent in page.data:
        return intent.id
    since = max(charge.created_at - timedelta(minutes=5), datetime.now(UTC) - NOT_YET_SEARCHABLE)
    async for intent in client.all_payment_intents(created_since=since):
        if intent.metadata.get(REFERENCE) == reference:
            return intent.id
    return None


async def canceled(client: StripeClient, intent: PaymentIntent, reason: str) -> PaymentIntent:
    """The intent after it was canceled; or as it is, if it was paid or canceled in the meantime."""
    try:
        after = await client.cancel_payment_intent(intent.id, reason=reason)
    except StripeError as refusal:
        if refusal.error.code != UNEXPECTED_STATE:
            raise
        after = await client.retrieve_payment_intent(intent.id)
    error = after.last_payment_error or intent.last_payment_error
    return after.model_copy(update={"last_payment_error": error})
