"""The client against Volcengine's double, over a socket."""

import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from integrations.volctts.client import (
    AppAccess,
    ConsoleKey,
    Credentials,
    UnreadableAnswer,
    VolcRefusal,
    VolcTTSClient,
)
from integrations.volctts.mapping import SpeechRequest, to_submit_body
from integrations.volctts.models import AudioParams, SubmitBody, TaskStatus
from integrations.volctts.sandbox import VolcTTSSandbox
from tests.integrations.volctts.conftest import KEY, Clock

pytestmark = pytest.mark.anyio
CALL = UUID("9b2f8a52-9f4e-4a0b-8a44-0c1d8b7e5a11")
SPEAKER = "en_female_sandbox"


def body(text: str = "Hello", speaker: str = SPEAKER) -> SubmitBody:
    return to_submit_body(
        SpeechRequest(text=text, speaker=speaker), call=CALL, user="millrace", audio=AudioParams()
    )


async def test_a_submitted_text_is_spoken_after_a_while(volc: VolcTTSClient) -> None:
    task = await volc.submit(body())
    running = await volc.query(task.task_id)
    done = await volc.query(task.task_id)
    assert running.task_status == TaskStatus.RUNNING
    assert running.audio_url is None
    assert done.task_status == TaskStatus.SUCCESS
    assert done.audio_url
    assert done.answered_at is not None
    assert done.answered_at.tzinfo is not None


async def test_a_task_may_take_its_time(
    volc: VolcTTSClient, volc_sandbox: VolcTTSSandbox, vendor_clock: Clock
) -> None:
    volc_sandbox.running_queries, volc_sandbox.speaks_after = 0, timedelta(minutes=10)
    task = await volc.submit(body())
    vendor_clock.forward(timedelta(minutes=9))
    assert (await volc.query(task.task_id)).task_status == TaskStatus.RUNNING
    vendor_clock.forward(timedelta(minutes=1))
    assert (await volc.query(task.task_id)).task_status == TaskStatus.SUCCESS


async def test_a_task_that_fails_says_why(volc: VolcTTSClient, volc_sandbox: VolcTTSSandbox) -> None:
    volc_sandbox.running_queries = 0
    task = await volc.submit(body())
    volc_sandbox.fail(task.task_id, "unpronounceable")
    failed = await volc.query(task.task_id)
    assert (failed.task_status, failed.err_msg) == (TaskStatus.FAILED, "unpronounceable")


async def test_a_second_submit_under_one_id_is_refused_and_bills_nothing(
    volc: VolcTTSClient, volc_sandbox: VolcTTSSandbox
) -> None:
    await volc.submit(body())
    with pytest.raises(VolcRefusal) as refused:
        await volc.submit(body())
    assert refused.value.code == 40000002
    assert volc_sandbox.books()["characters"] == 5


async def test_a_lost_answer_is_found_again_by_the_calls_own_id(
    volc: VolcTTSClient, volc_sandbox: VolcTTSSandbox
) -> None:
    volc_sandbox.fail_next("drop_after_acceptance")
    with pytest.raises(httpx.TransportError):
        await volc.submit(body())
    assert (await volc.query(str(CALL))).task_status == TaskStatus.RUNNING
    assert len(volc_sandbox.tasks) == 1


@pytest.mark.parametrize(
    ("credentials", "resource"),
    [
        (ConsoleKey(SecretStr("wrong")), "seed-tts-2.0"),
        (AppAccess(SecretStr("sandbox-app"), SecretStr("wrong")), "seed-tts-2.0"),
        (ConsoleKey(KEY), "seed-of-somebody-else"),
    ],
)
async def test_wrong_credentials_or_resource_are_refused(
    http: httpx.AsyncClient,
    volc_address: str,
    volc_sandbox: VolcTTSSandbox,
    credentials: Credentials,
    resource: str,
) -> None:
    stranger = VolcTTSClient(http, credentials, resource, volc_address)
    with pytest.raises(VolcRefusal) as refused:
        await stranger.submit(body())
    assert refused.value.code == 45000000
    assert refused.value.logid
    assert volc_sandbox.tasks == {}


async def test_the_pair_of_the_old_console_is_accepted_too(
    http: httpx.AsyncClient, volc_address: str
) -> None:
    pair = AppAccess(SecretStr("sandbox-app"), SecretStr("sandbox-access"))
    task = await VolcTTSClient(http, pair, "seed-tts-2.0", volc_address).submit(body())
    assert task.task_id


@pytest.mark.parametrize(
    ("asked", "code"),
    [(body(text="x" * 101), 40402003), (body(speaker="nobody"), 45000000), (body(text=""), 40000000)],
)
async def test_what_cannot_be_spoken_is_refused(
    volc: VolcTTSClient, volc_sandbox: VolcTTSSandbox, asked: SubmitBody, code: int
) -> None:
    with pytest.raises(VolcRefusal) as refused:
        await volc.submit(asked)
    assert refused.value.code == code
    assert volc_sandbox.tasks == {}


async def test_additions_must_be_a_json_text(http: httpx.AsyncClient, volc_address: str) -> None:
    asked = body().model_dump(exclude_none=True)
    asked["req_params"]["additions"] = {"explicit_language": "en"}
    headers = {**ConsoleKey(KEY).headers, "X-Api-Resource-Id": "seed-tts-2.0"}
    answer = await http.post(f"{volc_address}/api/v3/tts/submit", json=asked, headers=headers)
    assert answer.json()["code"] == 40000000


async def test_a_forgotten_task_is_gone(volc: VolcTTSClient, volc_sandbox: VolcTTSSandbox) -> None:
    task = await volc.submit(body())
    volc_sandbox.forget(task.task_id)
    with pytest.raises(VolcRefusal) as refused:
        await volc.query(task.task_id)
    assert refused.value.code == 40000001


async def test_throttling_says_how_long_to_wait(volc: VolcTTSClient, volc_sandbox: VolcTTSSandbox) -> None:
    volc_sandbox.fail_next("throttle")
    with pytest.raises(VolcRefusal) as refused:
        await volc.submit(body())
    assert (refused.value.status, refused.value.code) == (429, 45000000)
    assert refused.value.retry_after == timedelta(seconds=1)


async def answering(response: httpx.Response) -> BaseException:
    """What the client raises at this answer."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda request: response)) as http:
        with pytest.raises((VolcRefusal, UnreadableAnswer)) as raised:
            await VolcTTSClient(http, ConsoleKey(KEY), "seed-tts-2.0").query("t1")
    return raised.value


async def test_a_refusal_of_the_gateway_is_read_too() -> None:
    body = {"header": {"reqid": "r1", "code": 45000010, "message": "load grant: requested grant not found"}}
    refused = await answering(httpx.Response(401, json=body))
    assert isinstance(refused, VolcRefusal)
    assert (refused.status, refused.code) == (401, 45000010)


async def test_an_error_page_is_named_by_its_status() -> None:
    refused = await answering(httpx.Response(502, html="<h1>Bad gateway</h1>"))
    assert isinstance(refused, VolcRefusal)
    assert (refused.status, refused.code, refused.message) == (502, 0, "Bad Gateway")


@pytest.mark.parametrize("content", [b"", b"{}", b'{"code": 20000000}', b'{"code": 20000000, "data": {}}'])
async def test_a_success_that_cannot_be_read_keeps_its_body(content: bytes) -> None:
    unreadable = await answering(httpx.Response(200, content=content))
    assert isinstance(unreadable, UnreadableAnswer)
    assert unreadable.body == content.decode()


async def test_an_answer_without_a_readable_date_has_no_time() -> None:
    body = {"code": 20000000, "message": "OK", "data": {"task_id": "t1", "task_status": 1}}
    answers = [httpx.Response(200, json=body, headers={"Date": "yesterday"}), httpx.Response(200, json=body)]
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda request: answers.pop())) as http:
        client = VolcTTSClient(http, ConsoleKey(KEY), "seed-tts-2.0")
        assert [(await client.query("t1")).answered_at for _ in range(2)] == [None, None]


async def test_the_time_of_an_answer_is_the_vendors() -> None:
    body = {"code": 20000000, "message": "OK", "data": {"task_id": "t1", "task_status": 1}}
    dated = httpx.Response(200, json=body, headers={"Date": "Fri, 20 Nov 2026 12:00:00 GMT"})
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda request: dated)) as http:
        task = await VolcTTSClient(http, ConsoleKey(KEY), "seed-tts-2.0").query("t1")
    assert task.answered_at == datetime(2026, 11, 20, 12, tzinfo=UTC)


async def test_the_credentials_are_neither_logged_nor_kept(
    volc: VolcTTSClient, volc_sandbox: VolcTTSSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await volc.submit(body())
    seen = caplog.text + repr(volc_sandbox.requests) + repr(volc)
    assert "/api/v3/tts/submit" in seen
    assert KEY.get_secret_value() not in seen
