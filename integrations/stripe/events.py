"""Events come as webhooks; those that no endpoint has taken are fetched."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from framework.integration.client import HTTPClient
from framework.integration.delivery import Delivery
from framework.integration.integration import Integration
from framework.integration.outcomes import Outcome
from framework.integration.signature import Verify
from framework.model.apicall import APICall
from integrations.stripe.client import StripeClient
from integrations.stripe.errors import translated
from integrations.stripe.models import Event
from integrations.stripe.settings import StripeSettings
from integrations.stripe.webhooks import event_in


def hear_events(
    stripe: Integration[StripeSettings],
    call: type[APICall],
    types: Sequence[str],
    outcome_of: Callable[[Event], Outcome | None],
    client_for: Callable[[HTTPClient], StripeClient],
    signed: Verify,
) -> None:
    """Let events of these types tell about the calls of this class, however they arrive."""

    @stripe.webhook(call, path="events", verify=signed)
    def on_event(delivery: Delivery) -> Outcome | None:
        return outcome_of(event_in(delivery))

    @stripe.reconcile(call)
    async def undelivered(since: datetime, http: HTTPClient) -> AsyncIterator[Outcome]:
        """The events since then that no webhook endpoint has taken."""
        events = client_for(http).all_events(types=types, created_since=since, delivery_success=False)
        with translated():
            async for event in events:
                outcome = outcome_of(event)
                if outcome is not None:
                    yield outcome
