"""OpenAI's own SDK is at home in the double: it asks, waits, cancels, reads webhooks, and is refused."""

from collections.abc import AsyncIterator

import openai
import pytest

from integrations.openai.sandbox import Ending, OpenAISandbox
from tests.contracts.witness import Listener
from tests.integrations.openai.conftest import KEY, SECRET

pytestmark = pytest.mark.anyio


@pytest.fixture
async def sdk(openai_address: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        api_key=KEY.get_secret_value(),
        base_url=f"{openai_address}/v1",
        webhook_secret=SECRET,
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(trust_env=False),
    ) as sdk:
        yield sdk


async def test_the_sdk_is_answered_at_once(sdk: openai.AsyncOpenAI) -> None:
    response = await sdk.responses.create(model="gpt-5-mini", input="Why?", metadata={"api_call_id": "7"})
    assert (response.status, response.output_text) == ("completed", "You asked: Why?")
    assert response.metadata == {"api_call_id": "7"}
    assert response.usage is not None
    assert response.usage.total_tokens == 4


async def test_the_sdk_waits_for_the_background_and_believes_the_webhook(
    sdk: openai.AsyncOpenAI, openai_sandbox: OpenAISandbox, listener: Listener
) -> None:
    queued = await sdk.responses.create(model="gpt-5-mini", input="Why?", background=True)
    assert (queued.status, queued.background, queued.output) == ("queued", True, [])
    await openai_sandbox.idle()
    ((headers, body),) = listener.requests
    event = sdk.webhooks.unwrap(body, headers)
    assert event.type == "response.completed"
    done = await sdk.responses.retrieve(event.data.id)
    assert (done.id, done.status, done.output_text) == (queued.id, "completed", "You asked: Why?")
    with pytest.raises(openai.InvalidWebhookSignatureError):
        sdk.webhooks.unwrap(body + b" ", headers)


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (Ending("failed", code="server_error"), "response.failed"),
        (Ending("incomplete", text="As far"), "response.incomplete"),
    ],
)
async def test_the_sdk_sees_how_a_response_ends(
    sdk: openai.AsyncOpenAI, openai_sandbox: OpenAISandbox, listener: Listener, ending: Ending, kind: str
) -> None:
    openai_sandbox.end_next(ending)
    queued = await sdk.responses.create(model="gpt-5-mini", input="Why?", background=True)
    await openai_sandbox.idle()
    ended = await sdk.responses.retrieve(queued.id)
    ((headers, body),) = listener.requests
    assert sdk.webhooks.unwrap(body, headers).type == kind
    assert ended.status == ending.status
    assert (ended.error is not None) == (ending.status == "failed")
    assert (ended.incomplete_details is not None) == (ending.status == "incomplete")


async def test_the_sdk_cancels_as_often_as_it_likes(
    sdk: openai.AsyncOpenAI, openai_sandbox: OpenAISandbox, listener: Listener
) -> None:
    openai_sandbox.automatic = False
    queued = await sdk.responses.create(model="gpt-5-mini", input="Why?", background=True)
    for _ in range(2):
        assert (await sdk.responses.cancel(queued.id)).status == "cancelled"
    await openai_sandbox.idle()
    assert listener.kinds == ["response.cancelled"]
    at_once = await sdk.responses.create(model="gpt-5-mini", input="Why?")
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        await sdk.responses.cancel(at_once.id)


async def test_the_sdk_lists_models(sdk: openai.AsyncOpenAI) -> None:
    assert "gpt-5-mini" in [model.id async for model in sdk.models.list()]


async def test_the_sdk_is_refused_as_by_openai(
    sdk: openai.AsyncOpenAI, openai_sandbox: OpenAISandbox, openai_address: str
) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        await sdk.responses.create(model="gpt-0", input="Why?")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as short:
        await sdk.responses.create(model="gpt-5", input="Why?", max_output_tokens=8)
    assert short.value.param == "max_output_tokens"
    with pytest.raises(openai.BadRequestError):
        await sdk.responses.create(model="gpt-5", input="Why?", background=True, store=False)
    with pytest.raises(openai.BadRequestError):
        await sdk.responses.create(model="gpt-5", input="Why?", extra_body={"colour": "red"})
    with pytest.raises(openai.NotFoundError):
        await sdk.responses.retrieve("resp_unknown")
    with pytest.raises(openai.AuthenticationError):
        await sdk.with_options(api_key="sk-wrong").models.list()
    openai_sandbox.quota = 0
    with pytest.raises(openai.RateLimitError) as empty:
        await sdk.with_options(max_retries=3).responses.create(model="gpt-5", input="Why?")
    assert empty.value.code == "insufficient_quota"
    assert "retry-after" not in empty.value.response.headers
    openai_sandbox.fail_next("error_after_success")
    openai_sandbox.quota = None
    with pytest.raises(openai.InternalServerError):
        await sdk.responses.create(model="gpt-5", input="Why?")


async def test_the_sdk_waits_when_it_is_throttled_and_not_when_there_is_no_money(
    sdk: openai.AsyncOpenAI, openai_sandbox: OpenAISandbox
) -> None:
    openai_sandbox.faults = openai_sandbox.faults.__class__(retry_after=0)
    openai_sandbox.fail_next("throttle")
    await sdk.with_options(max_retries=2).responses.create(model="gpt-5", input="Why?")
    assert len(openai_sandbox.requests) == 2
    openai_sandbox.quota = 0
    with pytest.raises(openai.RateLimitError):
        await sdk.with_options(max_retries=2).responses.create(model="gpt-5", input="Why?")
    assert len(openai_sandbox.requests) == 3
