"""The real GitHub. Comments on `GITHUB_LIVE_ISSUE` of `GITHUB_LIVE_REPOSITORY`; they are deleted."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from framework.integration.secrets import resolve
from integrations.github.client import GitHubClient, GitHubRefusal
from integrations.github.mapping import signed_off, signer_of
from integrations.github.settings import GitHubSettings

pytestmark = [pytest.mark.anyio, pytest.mark.live]

NEEDS = ("GITHUB_TOKEN", "GITHUB_LIVE_REPOSITORY", "GITHUB_LIVE_ISSUE")


@pytest.fixture
async def live_http() -> AsyncIterator[httpx.AsyncClient]:
    headers = {"user-agent": "millrace"}
    async with httpx.AsyncClient(base_url=GitHubSettings().base_url, headers=headers, timeout=30) as http:
        yield http


@pytest.fixture
def live(live_http: httpx.AsyncClient) -> GitHubClient:
    return GitHubClient(live_http, resolve(GitHubSettings().token_ref))


async def test_the_token_has_requests_left(live: GitHubClient) -> None:
    assert (await live.rate_limits()).resources.core.remaining > 0


async def test_a_comment_is_found_again_by_the_call_that_signed_it(
    live: GitHubClient, live_http: httpx.AsyncClient
) -> None:
    repository, issue, call = (
        os.environ["GITHUB_LIVE_REPOSITORY"],
        int(os.environ["GITHUB_LIVE_ISSUE"]),
        uuid4(),
    )
    written = await live.create_comment(repository, issue, signed_off("A test of Millrace", call))
    try:
        since = datetime.now(UTC) - timedelta(minutes=5)
        comments = live.comments(repository, issue, since=since)
        found = [comment.id async for comment in comments if signer_of(comment.body) == call]
        assert found == [written.id]
    finally:
        token = live.token.get_secret_value()
        address = f"/repos/{repository}/issues/comments/{written.id}"
        gone = await live_http.delete(address, headers={"authorization": f"Bearer {token}"})
        assert gone.status_code == 204


async def test_an_unknown_issue_is_refused(live: GitHubClient) -> None:
    with pytest.raises(GitHubRefusal) as refused:
        await live.create_comment(os.environ["GITHUB_LIVE_REPOSITORY"], 2_000_000_000, "x")
    assert refused.value.status in (404, 410, 422)
