"""Each answer of OpenAI says whose problem it is, row by row."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from framework.errors import InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from integrations.openai.client import OpenAIClient, OpenAIError, UnreadableAnswer
from integrations.openai.errors import TABLE, as_integration_error, refusals_translated
from integrations.openai.models import APIError, CreateBody
from integrations.openai.sandbox import OpenAISandbox, Refusal
from tests.integrations.openai.conftest import KEY

ROWS: list[tuple[int, str | None, type[IntegrationError]]] = [
    (400, "unknown_parameter", Permanent),
    (400, "invalid_prompt", Permanent),
    (400, "billing_hard_limit_reached", NeedsAttention),
    (401, "invalid_api_key", NeedsAttention),
    (403, "unsupported_country_region_territory", NeedsAttention),
    (404, "model_not_found", Permanent),
    (408, None, Transient),
    (409, None, Transient),
    (413, None, Permanent),
    (422, None, Permanent),
    (429, "rate_limit_exceeded", Transient),
    (429, "insufficient_quota", NeedsAttention),
    (429, "billing_not_active", NeedsAttention),
    (500, None, InDoubt),
    (502, None, InDoubt),
    (503, None, Transient),
    (504, None, InDoubt),
    (302, None, NeedsAttention),
]

HELLO = CreateBody(model="gpt-5-mini", input="Hello")


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "code", "kind"), ROWS)
async def test_a_refused_prompt_is_somebodys_problem(
    openai: OpenAIClient,
    openai_sandbox: OpenAISandbox,
    status: int,
    code: str | None,
    kind: type[IntegrationError],
) -> None:
    openai_sandbox.refuse_next(Refusal(status, "Words.", code=code))
    with pytest.raises(kind) as refused:
        with refusals_translated():
            await openai.create_response(HELLO)
    assert type(refused.value) is kind
    assert refused.value.code == (code or "invalid_request_error")
    assert f"OpenAI answered {status}" in str(refused.value)
    assert "Words." in str(refused.value)
    assert isinstance(refused.value.__cause__, OpenAIError)
    assert openai_sandbox.responses == []


def test_every_row_of_the_table_is_tried() -> None:
    tried = [OpenAIError(status, APIError(code=code), writing=True) for status, code, _ in ROWS]
    deciding = [next(row for row in TABLE if row.covers(error)) for error in tried]
    assert [row for row in TABLE if row not in deciding] == []


def refused(status: int, *, writing: bool = True, **headers: Any) -> IntegrationError:
    error = OpenAIError(status, APIError(type="invalid_request_error"), writing=writing, **headers)
    return as_integration_error(error)


@pytest.mark.parametrize(
    ("status", "advice", "kind"),
    [
        (400, True, Transient),
        (404, True, Transient),
        (429, False, Permanent),
        (409, False, Permanent),
        (500, True, InDoubt),
        (500, False, InDoubt),
        (401, True, NeedsAttention),
    ],
)
def test_openais_advice_overrides_the_table_where_nothing_was_begun(
    status: int, advice: bool, kind: type[IntegrationError]
) -> None:
    assert type(refused(status, should_retry=advice)) is kind


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failed_look_up_leaves_nothing_in_doubt(status: int) -> None:
    assert type(refused(status, writing=False)) is Transient


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "7"}, timedelta(seconds=7)),
        ({"retry-after": "0.5"}, timedelta(seconds=0.5)),
        ({"retry-after-ms": "250"}, timedelta(milliseconds=250)),
        ({"retry-after-ms": "250", "retry-after": "7"}, timedelta(milliseconds=250)),
        ({"retry-after-ms": "soon", "retry-after": "7"}, timedelta(seconds=7)),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-7"}, None),
        ({"retry-after": "nan"}, None),
        (
            {"retry-after": "Fri, 20 Nov 2026 12:01:30 GMT", "date": "Fri, 20 Nov 2026 12:00:00 GMT"},
            timedelta(seconds=90),
        ),
    ],
)
@pytest.mark.anyio
async def test_a_throttled_prompt_waits_as_long_as_openai_asks(
    headers: dict[str, str], wait: timedelta | None
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers=headers, json={"error": {"message": "Slower", "type": "requests"}})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(Transient) as throttled:
            with refusals_translated():
                await OpenAIClient(http, KEY, "https://api.openai.com/v1").create_response(HELLO)
    assert throttled.value.retry_after == wait


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "kind"), [(502, InDoubt), (404, Permanent)])
async def test_a_gateway_that_answers_in_its_own_words_is_judged_by_its_status(
    status: int, kind: type[IntegrationError]
) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, text="<html>Bad gateway</html>"))
    async with httpx.AsyncClient(transport=transport) as http:
        with pytest.raises(kind) as answered:
            with refusals_translated():
                await OpenAIClient(http, KEY, "https://api.openai.com/v1").create_response(HELLO)
    assert answered.value.code == f"http_{status}"
    assert "<html>" not in str(answered.value)


@pytest.mark.anyio
@pytest.mark.parametrize("body", ["", "[]", '{"object": "response", "output": "private words"}'])
async def test_an_answer_that_cannot_be_read_is_in_doubt_and_not_quoted(body: str) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text=body))
    async with httpx.AsyncClient(transport=transport) as http:
        client = OpenAIClient(http, KEY, "https://api.openai.com")
        with pytest.raises(InDoubt) as lost:
            with refusals_translated():
                await client.create_response(HELLO)
        with pytest.raises(Transient):
            with refusals_translated():
                await client.retrieve_response("resp_1")
    assert lost.value.code == "unreadable_answer"
    assert "private" not in str(lost.value)
    assert isinstance(lost.value.__cause__, UnreadableAnswer)


@pytest.mark.anyio
@pytest.mark.parametrize("base", ["https://api.openai.com", "https://api.openai.com/v1", "https://a.b/v1/"])
async def test_the_address_may_have_its_version_or_not(base: str) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"id": "resp_1", "status": "queued"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        client = OpenAIClient(http, KEY, base, "org-1", "proj-1")
        await client.retrieve_response("../models")
    assert asked[0].url.raw_path == b"/v1/responses/..%2Fmodels"
    assert asked[0].headers["openai-organization"] == "org-1"
    assert asked[0].headers["openai-project"] == "proj-1"
