"""Refunds: a payment goes back, in part or whole, and is found again by the call's id in its metadata."""

from collections.abc import Callable

from framework.integration.calls import CallView
from framework.integration.http import HTTPClient
from framework.integration.integration import Integration
from framework.integration.outcomes import NotSubmitted, Outcome
from framework.integration.signature import Verify
from framework.model.apicall import APICall
from integrations.stripe.client import StripeClient
from integrations.stripe.errors import translated
from integrations.stripe.events import hear_events
from integrations.stripe.mapping import REFERENCE, ToRefund, ToRefundResult, outcome_of_refund, reference_of
from integrations.stripe.models import Refund
from integrations.stripe.settings import StripeSettings
from integrations.stripe.webhooks import OF_REFUNDS, outcome_of_refund_event


def give_refunds(
    stripe: Integration[StripeSettings],
    call: type[APICall],
    to_refund: ToRefund,
    to_result: ToRefundResult,
    client_for: Callable[[HTTPClient], StripeClient],
    signed: Verify,
) -> None:
    """Let every call of this class be one refund. It has no cancel: Stripe takes no card's refund back."""

    @stripe.submit(call)
    async def create_refund(asked: CallView, http: HTTPClient) -> Outcome:
        wanted = to_refund(asked.request)
        with translated():
            refund = await client_for(http).create_refund(
                payment_intent=wanted.payment_intent,
                amount=wanted.amount,
                reason=wanted.reason,
                metadata={REFERENCE: str(asked.id)},
                idempotency_key=asked.idempotency_key,
            )
        return outcome_of_refund(refund, to_result)

    hear_events(
        stripe, call, OF_REFUNDS, lambda event: outcome_of_refund_event(event, to_result), client_for, signed
    )

    @stripe.poll(call)
    async def look_up(asked: CallView, http: HTTPClient) -> Outcome | None:
        refund = await find(asked, http)
        return None if refund is None else outcome_of_refund(refund, to_result)

    @stripe.recover(call)
    async def recover(asked: CallView, http: HTTPClient) -> Outcome | NotSubmitted:
        refund = await find(asked, http)
        return NotSubmitted() if refund is None else outcome_of_refund(refund, to_result)

    async def find(asked: CallView, http: HTTPClient) -> Refund | None:
        """The refund by its id, or else among those of its payment, by the call's id."""
        client = client_for(http)
        with translated():
            if asked.external_id is not None:
                return await client.retrieve_refund(asked.external_id)
            async for refund in client.all_refunds(to_refund(asked.request).payment_intent):
                if reference_of(refund) == asked.id:
                    return refund
        return None
