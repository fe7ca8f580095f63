"""Slack's own SDK is at home in the double: it posts, reads, and is refused as by Slack."""

import anyio.to_thread
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from integrations.slack.sandbox import SlackSandbox
from tests.integrations.slack.conftest import CHANNEL, TOKEN

pytestmark = pytest.mark.anyio

METADATA = {"event_type": "millrace_call", "event_payload": {"api_call_id": "7"}}


@pytest.fixture
def sdk(slack_address: str) -> AsyncWebClient:
    return AsyncWebClient(token=TOKEN.get_secret_value(), base_url=f"{slack_address}/api/", timeout=5)


async def test_the_sdk_posts_and_finds_a_message_by_its_metadata(
    sdk: AsyncWebClient, slack_sandbox: SlackSandbox
) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "A *book*"}}]
    posted = await sdk.chat_postMessage(channel=CHANNEL, text="A book", blocks=blocks, metadata=METADATA)
    (message,) = slack_sandbox.messages(CHANNEL)
    assert (posted["ts"], posted["channel"]) == (message["ts"], CHANNEL)
    assert (message["text"], message["blocks"]) == ("A book", blocks)
    bare = await sdk.conversations_history(channel=CHANNEL)
    told = await sdk.conversations_history(channel=CHANNEL, include_all_metadata=True, oldest="0", limit=1)
    assert "metadata" not in bare["messages"][0]
    assert told["messages"][0]["metadata"] == METADATA


async def test_the_sdk_answers_in_a_thread_and_reads_it(sdk: AsyncWebClient) -> None:
    first = await sdk.chat_postMessage(channel=CHANNEL, text="A question")
    answer = await sdk.chat_postMessage(channel=CHANNEL, text="An answer", thread_ts=first["ts"])
    replies = await sdk.conversations_replies(channel=CHANNEL, ts=first["ts"])
    history = await sdk.conversations_history(channel=CHANNEL)
    assert [one["ts"] for one in replies["messages"]] == [answer["ts"], first["ts"]]
    assert [one["ts"] for one in history["messages"]] == [first["ts"]]


async def test_the_sdk_turns_pages(sdk: AsyncWebClient) -> None:
    for number in range(5):
        await sdk.chat_postMessage(channel=CHANNEL, text=str(number))
    texts = []
    async for page in await sdk.conversations_history(channel=CHANNEL, limit=2):
        texts.append([one["text"] for one in page["messages"]])
    assert texts == [["4", "3"], ["2", "1"], ["0"]]


async def test_the_sdk_knows_whose_token_it_has(sdk: AsyncWebClient) -> None:
    assert (await sdk.auth_test())["user_id"] == "U0SANDBOX"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"channel": "general", "text": "x"}, "channel_not_found"),
        ({"channel": "C0ARCHIVED", "text": "x"}, "is_archived"),
        ({"channel": "C0STRANGERS", "text": "x"}, "not_in_channel"),
        ({"channel": CHANNEL, "text": ""}, "no_text"),
        ({"channel": CHANNEL, "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": CHANNEL, "text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"channel": CHANNEL, "text": "x", "blocks": [{}]}, "invalid_blocks"),
        ({"channel": CHANNEL, "text": "x", "metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        ({"channel": CHANNEL, "text": "x", "attachments": [{"fallback": "y"}] * 101}, "too_many_attachments"),
        ({"channel": CHANNEL, "text": "x", "thread_ts": "1.000000"}, "cannot_reply_to_message"),
    ],
)
@pytest.mark.filterwarnings("ignore:The top-level `text` argument is missing")
async def test_the_sdk_is_refused_as_by_slack(
    sdk: AsyncWebClient, arguments: dict[str, object], code: str
) -> None:
    with pytest.raises(SlackApiError) as refused:
        await sdk.chat_postMessage(**arguments)  # type: ignore[arg-type]  # of many kinds
    assert refused.value.response["error"] == code
    assert refused.value.response.status_code == 200


async def test_the_sdk_is_told_which_scope_is_missing(
    sdk: AsyncWebClient, slack_sandbox: SlackSandbox
) -> None:
    slack_sandbox.scopes = ("chat:write",)
    with pytest.raises(SlackApiError) as refused:
        await sdk.conversations_history(channel=CHANNEL)
    assert (refused.value.response["error"], refused.value.response["needed"]) == (
        "missing_scope",
        "channels:history",
    )


async def test_the_sdk_without_a_good_token_is_refused(
    slack_address: str, slack_sandbox: SlackSandbox, sdk: AsyncWebClient
) -> None:
    slack_sandbox.revoked = True
    with pytest.raises(SlackApiError, match="token_revoked"):
        await sdk.auth_test()
    with pytest.raises(SlackApiError, match="invalid_auth"):
        await AsyncWebClient(token="xoxb-other", base_url=f"{slack_address}/api/").auth_test()
    with pytest.raises(SlackApiError, match="not_authed"):
        await AsyncWebClient(base_url=f"{slack_address}/api/").auth_test()


async def test_the_other_sdk_client_posts_forms_and_waits_when_it_is_throttled(
    slack_address: str, slack_sandbox: SlackSandbox
) -> None:
    patient = RateLimitErrorRetryHandler(max_retry_count=1)
    client = WebClient(
        token=TOKEN.get_secret_value(), base_url=f"{slack_address}/api/", retry_handlers=[patient]
    )

    def post() -> None:
        client.api_call(
            "chat.postMessage", data={"channel": CHANNEL, "text": "x", "blocks": '[{"type":"divider"}]'}
        )

    slack_sandbox.faults = slack_sandbox.faults.__class__(retry_after=0)
    slack_sandbox.fail_next("throttle")
    await anyio.to_thread.run_sync(post)
    (message,) = slack_sandbox.messages(CHANNEL)
    assert message["blocks"] == [{"type": "divider"}]
    assert len(slack_sandbox.requests) == 2
