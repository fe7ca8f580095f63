"""Texts leave for Volcengine as tasks, and are asked about until they are spoken."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from pydantic import ValidationError

from framework import APICall, Payload
from framework.errors import Permanent
from framework.integration.calls import CallView, result_type
from framework.integration.http import HTTPClient
from framework.integration.integration import Integration
from framework.integration.outcomes import ExternalId, Failed, NotSubmitted, Outcome
from framework.integration.policy import Policy, PollSchedule, Rate
from framework.integration.secrets import Credential
from integrations.volctts.client import VolcRefusal, VolcTTSClient
from integrations.volctts.errors import DUPLICATE_REQUEST, TASK_GONE, nothing_in_doubt, refusals_translated
from integrations.volctts.mapping import (
    ToResult,
    ToSpeechRequest,
    outcome_of,
    to_result_of,
    to_speech_request,
    to_submit_body,
)
from integrations.volctts.models import SubmitBody, Task
from integrations.volctts.settings import VolcTTSSettings

__all__ = ["VolcTTSSettings", "create_volctts_integration"]

NO_TASK = UUID(int=0)
POLICY = Policy(
    rate=Rate(10, burst=10),
    poll=PollSchedule(first=2, factor=1.5, cap=30),
    deadline=timedelta(hours=3),
    on_doubt="recover",
)


class VolcTTSIntegration(Integration[VolcTTSSettings]):
    """Asks only for the credentials of the console that the settings name."""

    def credentials(self, environ: Mapping[str, str] | None = None) -> list[Credential]:
        wanted = self.settings.wanted_secrets
        return [replace(one, optional=one.name not in wanted) for one in super().credentials(environ)]


def create_volctts_integration(
    call: type[APICall],
    settings: VolcTTSSettings | None = None,
    *,
    to_speech_request: ToSpeechRequest = to_speech_request,
    to_result: ToResult | None = None,
) -> Integration[VolcTTSSettings]:
    """Carry out `call` as a text that is spoken.

    Its request has `text` and `speaker`, and its result takes `audio_url`, `expires_at` and `duration_ms` as
    far as it has fields of these names; the two functions serve other names.

    The call's id is the task's `unique_id`: the vendor refuses a second task under it, and finds the first.
    """
    as_result = to_result or to_result_of(result_type(call))
    volc = VolcTTSIntegration("volctts", settings=settings or VolcTTSSettings, policy=POLICY)

    def client(http: HTTPClient) -> VolcTTSClient:
        chosen = volc.settings
        return VolcTTSClient(http, chosen.credentials(), chosen.resource_id, chosen.base_url)

    def body_of(speech: CallView[Payload]) -> SubmitBody:
        try:
            request = to_speech_request(speech.request)
        except ValidationError as error:
            raise Permanent(
                f"The request of {call.__name__} is no speech: {_fields(error)}. Pass `to_speech_request`.",
                code="unmapped_request",
            ) from error
        return to_submit_body(request, call=speech.id, user=volc.settings.user, audio=volc.settings.audio)

    @volc.submit(call)
    async def submit(speech: CallView[Payload], http: HTTPClient) -> ExternalId | Failed:
        with refusals_translated():
            try:
                submitted = await client(http).submit(body_of(speech))
            except VolcRefusal as refusal:
                if refusal.code != DUPLICATE_REQUEST:
                    raise
            else:
                return ExternalId(submitted.task_id)
        return await accepted_before(speech, http)

    async def accepted_before(speech: CallView[Payload], http: HTTPClient) -> ExternalId | Failed:
        """The task that an earlier try has made."""
        task = await task_known_as(str(speech.id), http)
        if task is None:
            reason = f"Volcengine has the task {speech.id} and does not find it. Look it up in the console."
            return Failed(reason, code="in_doubt")
        return ExternalId(task.task_id or str(speech.id))

    @volc.recover(call)
    async def find(speech: CallView[Payload], http: HTTPClient) -> ExternalId | NotSubmitted:
        task = await task_known_as(str(speech.id), http)
        return ExternalId(task.task_id or str(speech.id)) if task else NotSubmitted()

    @volc.api(call, name="query_status")
    @volc.poll(call)
    async def look_up(speech: CallView[Payload], http: HTTPClient) -> Outcome:
        task = await task_known_as(speech.external_id or str(speech.id), http)
        if task is None:
            return Failed("Volcengine no longer knows the task; it keeps one for 7 days", code="task_gone")
        return outcome_of(task, as_result)

    @volc.test_connection
    async def try_the_credentials(http: HTTPClient) -> None:
        """Ask about a task that cannot exist: it costs nothing, and only valid credentials are told so."""
        await task_known_as(str(NO_TASK), http)

    async def task_known_as(name: str, http: HTTPClient) -> Task | None:
        with nothing_in_doubt():
            try:
                return await client(http).query(name)
            except VolcRefusal as refusal:
                if refusal.code != TASK_GONE:
                    raise
        return None

    return volc


def _fields(error: ValidationError) -> str:
    """Which fields are wrong, and how; never what they hold."""
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
