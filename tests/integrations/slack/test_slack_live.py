"""The real Slack. Posts one message a run to the channel `SLACK_LIVE_CHANNEL`, and fails without a token."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from framework.integration.secrets import resolve
from integrations.slack.client import SlackClient, SlackError
from integrations.slack.mapping import Notice, reference_of, to_body
from integrations.slack.settings import SlackSettings

pytestmark = [pytest.mark.anyio, pytest.mark.live]

NEEDS = ("SLACK_BOT_TOKEN", "SLACK_LIVE_CHANNEL")


@pytest.fixture
async def live() -> AsyncIterator[SlackClient]:
    settings = SlackSettings()
    async with httpx.AsyncClient(base_url=settings.base_url, timeout=10) as http:
        yield SlackClient(http, resolve(settings.bot_token_ref))


async def test_the_token_is_somebodys(live: SlackClient) -> None:
    assert (await live.auth_test()).team_id


async def test_a_message_is_posted_and_found_again_by_the_calls_id(live: SlackClient) -> None:
    channel, call = os.environ["SLACK_LIVE_CHANNEL"], uuid4()
    posted = await live.post_message(to_body(Notice(channel=channel, text="A test of Millrace"), call))
    since = datetime.now(UTC) - timedelta(minutes=5)
    found = [
        message.ts
        async for message in live.all_messages(channel, since=since)
        if reference_of(message.metadata) == call
    ]
    assert found == [posted.ts]


async def test_an_unknown_channel_is_refused_within_a_200(live: SlackClient) -> None:
    with pytest.raises(SlackError) as refused:
        await live.post_message(to_body(Notice(channel="C00000000", text="x"), uuid4()))
    assert (refused.value.status, refused.value.code) == (200, "channel_not_found")
