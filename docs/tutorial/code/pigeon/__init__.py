"""Text messages leave for Pigeon, and whether they arrived comes home as webhooks."""

from docs.tutorial.code.pigeon import mapping
from docs.tutorial.code.pigeon.client import PigeonClient
from docs.tutorial.code.pigeon.errors import translated
from docs.tutorial.code.pigeon.mapping import ToMessage, ToResult, outcome_of, reference_in
from docs.tutorial.code.pigeon.settings import PigeonSettings
from docs.tutorial.code.pigeon.webhooks import event_in, signed_with
from framework import APICall, Payload
from framework.integration.calls import CallView, result_type
from framework.integration.client import HTTPClient
from framework.integration.delivery import Delivery
from framework.integration.integration import Integration
from framework.integration.outcomes import ExternalId, NotSubmitted, Outcome
from framework.integration.policy import Policy, PollSchedule, Rate
from framework.integration.secrets import resolve

__all__ = ["PigeonSettings", "create_pigeon_integration"]

POLICY = Policy(rate=Rate(20, burst=20), poll=PollSchedule(first=30, factor=2, cap=900), on_doubt="recover")


def create_pigeon_integration(
    call: type[APICall],
    settings: PigeonSettings | None = None,
    *,
    to_message: ToMessage = mapping.to_message,
    to_result: ToResult | None = None,
    policy: Policy = POLICY,
) -> Integration[PigeonSettings]:
    """Send a text message for every call of this class.

    Its request has `to` and `text`, and its result may have `parts`; the two functions serve other names.
    """
    pigeon = Integration("pigeon", settings=settings or PigeonSettings, policy=policy)
    as_result = to_result or mapping.to_result_of(result_type(call))

    def client(http: HTTPClient) -> PigeonClient:
        return PigeonClient(http, pigeon.settings.base_url, resolve(pigeon.settings.key_ref))

    @pigeon.submit(call)
    async def send(told: CallView[Payload], http: HTTPClient) -> ExternalId:
        message = to_message(told.request).model_copy(update={"reference": str(told.id)})
        with translated():
            taken = await client(http).send(message)
        return ExternalId(taken.id)

    @pigeon.webhook(call, verify=signed_with(lambda: resolve(pigeon.settings.webhook_secret_ref)))
    def on_event(delivery: Delivery) -> Outcome | None:
        event = event_in(delivery)
        if reference_in(event.message) is None:
            return None
        return outcome_of(event.message, as_result, event.event_id)

    @pigeon.poll(call)
    async def look_up(told: CallView[Payload], http: HTTPClient) -> Outcome | None:
        assert told.external_id is not None, "only what Pigeon has is polled"
        with translated():
            return outcome_of(await client(http).retrieve(told.external_id), as_result)

    @pigeon.recover(call)
    async def find(told: CallView[Payload], http: HTTPClient) -> Outcome | NotSubmitted:
        with translated():
            found = await client(http).find(str(told.id))
        return outcome_of(found[0], as_result) if found else NotSubmitted()

    @pigeon.test_connection
    async def try_the_key(http: HTTPClient) -> None:
        with translated():
            await client(http).find("nothing")

    return pigeon
