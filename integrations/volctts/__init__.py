"""Texts leave for Volcengine as tasks, and are asked about until they are spoken, or are streamed at once."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from pydantic import ValidationError

from framework import APICall, Payload
from framework.errors import Permanent
from framework.integration.calls import CallView, result_type
from framework.integration.client import HTTPClient
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, ExternalId, Failed, NotSubmitted, Outcome
from framework.integration.policy import Policy, PollSchedule, Rate
from framework.integration.secrets import Credential
from integrations.volctts.client import VolcRefusal, VolcTTSClient
from integrations.volctts.errors import DUPLICATE_REQUEST, TASK_GONE, nothing_in_doubt, refusals_translated
from integrations.volctts.mapping import (
    SpeechRequest,
    SpokenAtOnce,
    ToResult,
    ToSpeechRequest,
    ToSpokenResult,
    outcome_of,
    to_result_of,
    to_speak_body,
    to_speech_request,
    to_spoken_result_of,
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
    call: type[APICall] | None = None,
    settings: VolcTTSSettings | None = None,
    *,
    at_once: type[APICall] | None = None,
    to_speech_request: ToSpeechRequest = to_speech_request,
    to_result: ToResult | None = None,
    to_spoken_result: ToSpokenResult | None = None,
) -> Integration[VolcTTSSettings]:
    """Carry out `call` as a text that is spoken in a while, and `at_once` as one that is streamed.

    Its request has `text` and `speaker`, and its result takes `audio_url`, `expires_at` and `duration_ms` as
    far as it has fields of these names; the two functions serve other names.

    The call's id is the task's `unique_id`: the vendor refuses a second task under it, and finds the first.
    What is streamed has no task; its request is the same, and its result takes `audio_base64`.
    """
    volc = VolcTTSIntegration("volctts", settings=settings or VolcTTSSettings, policy=POLICY)

    def client(http: HTTPClient) -> VolcTTSClient:
        chosen = volc.settings
        return VolcTTSClient(http, chosen.credentials(), chosen.resource_id, chosen.base_url)

    def wanted(speech: CallView[Payload]) -> SpeechRequest:
        try:
            return to_speech_request(speech.request)
        except ValidationError as error:
            raise Permanent(
                f"The request is no speech: {_fields(error)}. Pass `to_speech_request`.",
                code="unmapped_request",
            ) from error

    async def task_known_as(name: str, http: HTTPClient) -> Task | None:
        with nothing_in_doubt():
            try:
                return await client(http).query(name)
            except VolcRefusal as refusal:
                if refusal.code != TASK_GONE:
                    raise
        return None

    if call is not None:
        speak_in_a_while(
            volc, call, wanted, to_result or to_result_of(result_type(call)), client, task_known_as
        )
    if at_once is not None:
        as_spoken = to_spoken_result or to_spoken_result_of(result_type(at_once))
        speak_at_once(volc, at_once, wanted, as_spoken, client)

    @volc.test_connection
    @volc.check_health
    async def try_the_credentials(http: HTTPClient) -> None:
        """Ask about a task that cannot exist: it costs nothing, and only valid credentials are told so."""
        await task_known_as(str(NO_TASK), http)

    return volc


def speak_in_a_while(
    volc: Integration[VolcTTSSettings],
    call: type[APICall],
    wanted: Callable[[CallView[Payload]], SpeechRequest],
    as_result: ToResult,
    client: Callable[[HTTPClient], VolcTTSClient],
    task_known_as: Callable[[str, HTTPClient], Awaitable[Task | None]],
) -> None:
    """Let every call of this class be one task."""

    def body_of(speech: CallView[Payload]) -> SubmitBody:
        settings = volc.settings
        return to_submit_body(wanted(speech), call=speech.id, user=settings.user, audio=settings.audio)

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


def speak_at_once(
    volc: Integration[VolcTTSSettings],
    call: type[APICall],
    wanted: Callable[[CallView[Payload]], SpeechRequest],
    as_result: ToSpokenResult,
    client: Callable[[HTTPClient], VolcTTSClient],
) -> None:
    """Let every call of this class be one stream, whose audio is the result."""

    @volc.call(call)
    async def speak(speech: CallView[Payload], http: HTTPClient) -> Completed:
        body = to_speak_body(wanted(speech), user=volc.settings.user, audio=volc.settings.audio)
        with refusals_translated():
            sound = await client(http).speak(body)
        return Completed(as_result(SpokenAtOnce(audio_base64=b64encode(sound).decode())))

    @volc.recover(call)
    async def nothing_is_kept(speech: CallView[Payload], http: HTTPClient) -> NotSubmitted:
        """A stream that was lost is spoken again: it costs its characters once more, and changes nothing."""
        return NotSubmitted()


def _fields(error: ValidationError) -> str:
    """Which fields are wrong, and how; never what they hold."""
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
