"""Prompts leave for OpenAI and are answered in the background; a webhook says when to look."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

from pydantic import ValidationError

from framework import APICall, Payload
from framework.errors import Permanent, Transient
from framework.integration import standard_webhooks
from framework.integration.calls import CallView, result_type
from framework.integration.client import HTTPClient
from framework.integration.delivery import Delivery
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, Failed, Outcome, PollNow, Processing
from framework.integration.policy import Policy, PollSchedule, Timeout
from framework.integration.secrets import Credential, resolve
from integrations.openai import mapping
from integrations.openai.client import OpenAIClient, OpenAIError
from integrations.openai.errors import PASSING, refusals_translated
from integrations.openai.mapping import ToPrompt, ToResult, outcome_of, to_body
from integrations.openai.models import CreateBody
from integrations.openai.settings import OpenAISettings
from integrations.openai.webhooks import news_in

__all__ = ["OpenAISettings", "create_openai_integration"]

IN_BACKGROUND = Policy(
    timeout=Timeout(read=60),
    concurrency=16,
    poll=PollSchedule(first=10, factor=1.5, cap=60),
    deadline=timedelta(hours=24),
)
"""OpenAI keeps a background response for ten minutes at least, so it is asked about more often than that."""

AT_ONCE = Policy(timeout=Timeout(read=600), concurrency=16, deadline=timedelta(hours=1))
"""A model may think for ten minutes before it answers a request that waits."""


Create: TypeAlias = Callable[[CallView[Payload], HTTPClient], Awaitable[Outcome]]


class OpenAIIntegration(Integration[OpenAISettings]):
    """Does in doubt what the settings say. Without `background` no webhooks come, and no secret is needed."""

    background: bool = True

    def configure(self) -> None:
        super().configure()
        chosen, poll = self.settings, self.policy.poll
        if chosen.poll_seconds is not None:
            poll = replace(poll, first=chosen.poll_seconds)
        self.policy = replace(self.policy, poll=poll, on_doubt=self.policy.on_doubt or chosen.on_doubt)

    def credentials(self, environ: Mapping[str, str] | None = None) -> list[Credential]:
        known = super().credentials(environ)
        if self.background:
            return known
        return [replace(one, optional=one.optional or "WEBHOOK" in one.name) for one in known]


def create_openai_integration(
    call: type[APICall],
    settings: OpenAISettings | None = None,
    *,
    background: bool = True,
    to_prompt: ToPrompt = mapping.to_prompt,
    to_result: ToResult | None = None,
    policy: Policy | None = None,
) -> Integration[OpenAISettings]:
    """Have every call of this class answered by a model.

    Its request has `input`, and maybe `instructions`, `model`, `max_output_tokens` and `json_schema`; its
    result takes `text`, `response_id`, `model`, `input_tokens` and `output_tokens` as far as it has fields of
    these names. The two functions serve other names; what `to_result` cannot read (it raises ValueError)
    fails the call.

    In the `background` a response takes as long as it needs: it is submitted, and asked about when a webhook
    says so, or now and then if none comes. Otherwise the request waits for the answer.
    """
    as_result = to_result or mapping.to_result_of(result_type(call))
    chosen = policy or (IN_BACKGROUND if background else AT_ONCE)
    openai = OpenAIIntegration("openai", settings=settings or OpenAISettings, policy=chosen)
    openai.background = background

    def client(http: HTTPClient) -> OpenAIClient:
        known = openai.settings
        key = resolve(known.api_key_ref)
        return OpenAIClient(http, key, known.base_url, known.org_id, known.project_id)

    def body_of(question: CallView[Payload]) -> CreateBody:
        try:
            prompt = to_prompt(question.request)
        except ValidationError as error:
            raise Permanent(
                f"The request of {call.__name__} is no prompt: {_fields(error)}. Pass `to_prompt`.",
                code="unmapped_request",
            ) from error
        return to_body(prompt, call=question.id, model=openai.settings.model, background=background)

    async def create(question: CallView[Payload], http: HTTPClient) -> Outcome:
        """A response that fails at once through nobody's fault is asked for again."""
        body = body_of(question)
        with refusals_translated():
            outcome = outcome_of(await client(http).create_response(body), as_result)
        if isinstance(outcome, Failed) and outcome.code in PASSING:
            raise Transient(f"OpenAI failed to answer: {outcome.reason}", code=outcome.code)
        return outcome

    if background:
        _in_background(openai, call, create, client, as_result)
    else:

        @openai.call(call)
        async def answer(question: CallView[Payload], http: HTTPClient) -> Completed | Failed:
            outcome = await create(question, http)
            if isinstance(outcome, Processing):
                return Failed(
                    f"OpenAI answered a request that waits with {outcome.detail}",
                    code="unfinished",
                    external_id=outcome.external_id,
                )
            return outcome

    @openai.test_connection
    @openai.check_health
    async def reach(http: HTTPClient) -> None:
        with refusals_translated():
            await client(http).list_models()

    return openai


def _in_background(
    openai: OpenAIIntegration,
    call: type[APICall],
    create: Create,
    client: Callable[[HTTPClient], OpenAIClient],
    as_result: ToResult,
) -> None:
    """The handlers of responses that take as long as they need."""

    def webhook_secrets() -> list[str]:
        """The secrets that count now: two while one is rotated."""
        listed = resolve(openai.settings.webhook_secret_ref).get_secret_value()
        return [secret for part in listed.split(",") if (secret := part.strip())]

    signed = standard_webhooks.signed_with(webhook_secrets)

    @openai.submit(call)
    async def submit(question: CallView[Payload], http: HTTPClient) -> Outcome:
        return await create(question, http)

    @openai.webhook(call, path="events", verify=signed)
    def on_event(delivery: Delivery) -> PollNow | None:
        return news_in(delivery)

    @openai.poll(call)
    async def look_up(question: CallView[Payload], http: HTTPClient) -> Outcome | None:
        if question.external_id is None:
            return None
        try:
            with refusals_translated():
                return outcome_of(await client(http).retrieve_response(question.external_id), as_result)
        except Permanent as refusal:
            if not _is_gone(refusal):
                raise
            return Failed("OpenAI no longer knows the response", code="response_gone")

    @openai.cancel(call)
    async def cancel(question: CallView[Payload], http: HTTPClient) -> Outcome | None:
        if question.external_id is None:
            return None
        with refusals_translated():
            return outcome_of(await client(http).cancel_response(question.external_id), as_result)


def _is_gone(refusal: Permanent) -> bool:
    cause = refusal.__cause__
    return isinstance(cause, OpenAIError) and cause.status == 404


def _fields(error: ValidationError) -> str:
    """Which fields are wrong, and how; never what they hold."""
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
