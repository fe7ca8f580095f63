"""Calls of a business carried out by Volcengine's double, through the framework's own client."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from framework import APICall, Payload
from framework.errors import Declined, InDoubt, NeedsAttention, Permanent, Transient
from framework.integration.calls import CallView, idempotency_key
from framework.integration.filling import ResultNotFilled
from framework.integration.handlers import CallHandlers
from framework.integration.http import HTTPClient
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, Failed, NotSubmitted, Processing
from integrations.volctts import VolcTTSSettings, create_volctts_integration
from integrations.volctts.mapping import Speech, SpeechRequest
from integrations.volctts.sandbox import VolcTTSSandbox
from tests.integrations.volctts.conftest import KEY, Clock

pytestmark = pytest.mark.anyio
CALL = UUID("9b2f8a52-9f4e-4a0b-8a44-0c1d8b7e5a11")


class Thanks(Payload):
    text: str
    speaker: str = "en_female_sandbox"
    donor: int = 7


class SpokenThanks(Payload):
    audio_url: str
    expires_at: datetime | None = None
    duration_ms: int | None = None


class Jingle(Payload):
    words: str


class ThanksSpeech(APICall, table=True):
    request: Thanks
    result: SpokenThanks | None = None


class JingleSpeech(APICall, table=True):
    request: Jingle
    result: Jingle | None = None


HELLO = Thanks(text="Hello")


def call_of(
    request: Any, *, external_id: str | None = None, kind: type[APICall] = ThanksSpeech
) -> CallView[Any]:
    record = kind(id=CALL, request=request)  # type: ignore[call-arg]  # subclasses have a request
    vars(record)["external_id"] = external_id  # as in a row that was read, for nobody may set it
    return CallView(record, idempotency_key=idempotency_key("volctts", CALL))


@pytest.fixture
def settings(volc_address: str, monkeypatch: pytest.MonkeyPatch) -> VolcTTSSettings:
    monkeypatch.setenv("VOLC_TTS_API_KEY", KEY.get_secret_value())
    return VolcTTSSettings(base_url=volc_address)


@pytest.fixture
def integration(settings: VolcTTSSettings) -> Integration[VolcTTSSettings]:
    integration = create_volctts_integration(ThanksSpeech, settings)
    integration.configure()
    return integration


@pytest.fixture
def handlers(integration: Integration[VolcTTSSettings]) -> CallHandlers:
    return integration.handlers[ThanksSpeech]


@pytest.fixture
async def framework_http(integration: Integration[VolcTTSSettings]) -> AsyncIterator[HTTPClient]:
    async with integration.open_client() as http:
        yield http


async def submit(handlers: CallHandlers, http: HTTPClient, call: CallView[Any] | None = None) -> Any:
    assert handlers.submit is not None
    return await handlers.submit(call or call_of(HELLO), http)


async def look_up(handlers: CallHandlers, http: HTTPClient, task_id: str = str(CALL)) -> Any:
    assert handlers.poll is not None
    return await handlers.poll(call_of(HELLO, external_id=task_id), http)


async def recover(handlers: CallHandlers, http: HTTPClient) -> Any:
    assert handlers.recover is not None
    return await handlers.recover(call_of(HELLO), http)


async def test_a_call_is_submitted_asked_about_and_completed(
    handlers: CallHandlers, framework_http: HTTPClient, vendor_clock: Clock
) -> None:
    task_id = await submit(handlers, framework_http)
    running = await look_up(handlers, framework_http, task_id)
    done = await look_up(handlers, framework_http, task_id)
    assert running == Processing(detail="running")
    assert isinstance(done, Completed)
    assert isinstance(done.result, SpokenThanks)
    assert str(CALL) in done.result.audio_url
    assert done.result.expires_at == vendor_clock.moment + timedelta(hours=1)
    assert done.result.duration_ms == 1000


async def test_a_repeated_submit_finds_the_task_of_the_first(
    handlers: CallHandlers, framework_http: HTTPClient, volc_sandbox: VolcTTSSandbox
) -> None:
    first = await submit(handlers, framework_http)
    again = await submit(handlers, framework_http)
    assert again == first
    assert volc_sandbox.books()["characters"] == len(HELLO.text)


@pytest.mark.parametrize("fault", ["drop_after_acceptance", "error_after_success"])
async def test_a_submit_whose_answer_was_lost_is_found_and_billed_once(
    handlers: CallHandlers, framework_http: HTTPClient, volc_sandbox: VolcTTSSandbox, fault: str
) -> None:
    volc_sandbox.fail_next(fault)
    with pytest.raises((InDoubt, Transient)):
        await submit(handlers, framework_http)
    found = await recover(handlers, framework_http)
    assert found == await submit(handlers, framework_http)
    assert volc_sandbox.books()["characters"] == len(HELLO.text)


async def test_a_call_that_never_arrived_may_be_sent_again(
    handlers: CallHandlers, framework_http: HTTPClient
) -> None:
    assert await recover(handlers, framework_http) == NotSubmitted()


async def test_a_task_that_is_known_and_not_found_is_left_to_the_operator(
    integration: Integration[VolcTTSSettings], handlers: CallHandlers
) -> None:
    """The vendor says it has the call, but under an id that nobody told us."""

    def forgetful(request: httpx.Request) -> httpx.Response:
        code = 40000002 if request.url.path.endswith("submit") else 40000001
        return httpx.Response(200, json={"code": code, "message": "no"})

    async with integration.open_client(transport=httpx.MockTransport(forgetful)) as http:
        outcome = await submit(handlers, http)
    assert isinstance(outcome, Failed)
    assert outcome.code == "in_doubt"
    assert str(CALL) in outcome.reason


async def test_a_task_that_failed_is_a_verdict_with_the_vendors_words(
    handlers: CallHandlers, framework_http: HTTPClient, volc_sandbox: VolcTTSSandbox
) -> None:
    volc_sandbox.running_queries = 0
    task_id = await submit(handlers, framework_http)
    volc_sandbox.fail(task_id, "unpronounceable")
    assert await look_up(handlers, framework_http, task_id) == Failed(
        "unpronounceable", code="synthesis_failed"
    )


async def test_a_task_that_the_vendor_forgot_has_failed(
    handlers: CallHandlers, framework_http: HTTPClient, volc_sandbox: VolcTTSSandbox
) -> None:
    task_id = await submit(handlers, framework_http)
    volc_sandbox.forget(task_id)
    outcome = await look_up(handlers, framework_http, task_id)
    assert isinstance(outcome, Failed)
    assert outcome.code == "task_gone"


@pytest.mark.parametrize(
    ("data", "detail"),
    [({"task_status": 7}, "task_status 7"), ({"task_status": 2}, "the audio has no address yet")],
)
async def test_what_is_not_understood_is_still_under_way(
    integration: Integration[VolcTTSSettings], handlers: CallHandlers, data: dict[str, int], detail: str
) -> None:
    body = {"code": 20000000, "message": "OK", "data": data}
    answers = httpx.MockTransport(lambda request: httpx.Response(200, json=body))
    async with integration.open_client(transport=answers) as http:
        assert await look_up(handlers, http) == Processing(detail=detail)


@pytest.mark.parametrize("fault", ["drop_after_acceptance", "error_after_success", "throttle"])
async def test_a_lost_answer_to_a_query_leaves_nothing_in_doubt(
    handlers: CallHandlers, framework_http: HTTPClient, volc_sandbox: VolcTTSSandbox, fault: str
) -> None:
    task_id = await submit(handlers, framework_http)
    volc_sandbox.fail_next(fault)
    with pytest.raises(Transient):
        await look_up(handlers, framework_http, task_id)
    assert isinstance(await look_up(handlers, framework_http, task_id), Processing | Completed)


async def test_an_unreadable_answer_is_in_doubt_for_a_submit_and_asked_for_again_by_a_query(
    integration: Integration[VolcTTSSettings], handlers: CallHandlers
) -> None:
    answers = httpx.MockTransport(lambda request: httpx.Response(200, json={"code": 20000000}))
    async with integration.open_client(transport=answers) as http:
        with pytest.raises(InDoubt):
            await submit(handlers, http)
        with pytest.raises(Transient):
            await look_up(handlers, http)


async def test_a_text_that_is_too_long_is_declined(
    handlers: CallHandlers, framework_http: HTTPClient, volc_sandbox: VolcTTSSandbox
) -> None:
    with pytest.raises(Declined) as declined:
        await submit(handlers, framework_http, call_of(Thanks(text="x" * 101)))
    assert declined.value.code == "text_too_long"
    assert volc_sandbox.tasks == {}


async def test_an_unknown_speaker_is_the_calls_problem_and_not_the_operators(
    handlers: CallHandlers, framework_http: HTTPClient
) -> None:
    with pytest.raises(Permanent) as refused:
        await submit(handlers, framework_http, call_of(Thanks(text="Hello", speaker="nobody")))
    assert refused.value.code == "speaker_not_permitted"


async def test_throttling_is_transient_and_says_when(
    handlers: CallHandlers, framework_http: HTTPClient, volc_sandbox: VolcTTSSandbox
) -> None:
    volc_sandbox.fail_next("throttle")
    with pytest.raises(Transient) as refused:
        await submit(handlers, framework_http)
    assert refused.value.retry_after == timedelta(seconds=1)


async def test_the_connection_is_tested_without_cost(
    integration: Integration[VolcTTSSettings],
    framework_http: HTTPClient,
    volc_sandbox: VolcTTSSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probe = integration.hook("test_connection")
    assert integration.hook("check_health") is probe
    assert probe is not None
    await probe(framework_http)
    assert volc_sandbox.tasks == {}
    monkeypatch.setenv("VOLC_TTS_API_KEY", "wrong")
    with pytest.raises(NeedsAttention):
        await probe(framework_http)


async def test_other_names_are_served_by_two_functions(
    settings: VolcTTSSettings, framework_http: HTTPClient, volc_sandbox: VolcTTSSandbox
) -> None:
    def to_speech_request(jingle: Jingle) -> SpeechRequest:
        return SpeechRequest(text=jingle.words, speaker="en_female_sandbox")

    def to_result(speech: Speech) -> Jingle:
        return Jingle(words=speech.audio_url)

    volc_sandbox.running_queries = 0
    integration = create_volctts_integration(
        JingleSpeech, settings, to_speech_request=to_speech_request, to_result=to_result
    )
    integration.configure()
    handlers = integration.handlers[JingleSpeech]
    task_id = await submit(handlers, framework_http, call_of(Jingle(words="la la"), kind=JingleSpeech))
    done = await look_up(handlers, framework_http, task_id)
    assert isinstance(done.result, Jingle)
    assert volc_sandbox.tasks[task_id].text == "la la"


def test_a_result_that_the_vendor_cannot_fill_is_found_at_once() -> None:
    with pytest.raises(ResultNotFilled, match="words of Jingle"):
        create_volctts_integration(JingleSpeech)


async def test_a_request_that_is_no_speech_is_ours_to_correct_and_never_sent(
    settings: VolcTTSSettings, framework_http: HTTPClient, volc_sandbox: VolcTTSSandbox
) -> None:
    integration = create_volctts_integration(
        JingleSpeech, settings, to_result=lambda speech: Jingle(words=speech.audio_url)
    )
    integration.configure()
    with pytest.raises(Permanent, match="speaker: Field required"):
        await submit(
            integration.handlers[JingleSpeech], framework_http, call_of(Jingle(words="la"), kind=JingleSpeech)
        )
    assert len(volc_sandbox.requests) == 0


def test_polls_come_after_2_seconds_and_at_most_30_apart_for_three_hours() -> None:
    policy = create_volctts_integration(ThanksSpeech).policy
    assert [policy.poll.wait(polls).total_seconds() for polls in range(3)] == [2, 3, 4.5]
    assert policy.poll.wait(50) == timedelta(seconds=30)
    assert policy.deadline == timedelta(hours=3)


@pytest.mark.parametrize(
    ("console", "needed"),
    [("new", {"VOLC_TTS_API_KEY"}), ("old", {"VOLC_TTS_APP_ID", "VOLC_TTS_ACCESS_KEY"})],
)
def test_only_the_credentials_of_the_chosen_console_are_missed(
    monkeypatch: pytest.MonkeyPatch, console: str, needed: set[str]
) -> None:
    monkeypatch.setenv("VOLC_TTS_CONSOLE", console)
    integration = create_volctts_integration(ThanksSpeech)
    integration.configure()
    assert {one.name for one in integration.credentials(environ={}) if one.missing} == needed
