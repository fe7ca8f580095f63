"""A pull request comes in, and a verdict and a remark go out: the whole way, over sockets."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select
from starlette.types import ASGIApp

from framework import (
    APICall,
    Entity,
    Event,
    Field,
    Payload,
    Relationship,
    StateMachine,
    Transition,
    completed,
    computed,
    derive,
)
from framework.app import App
from framework.model.apicall import CallStatus
from framework.testing.sandbox import Fault, listening
from integrations.github import GitHubDelivery, create_github_integration
from integrations.github.models import PullRequestTold
from integrations.github.sandbox import GitHubSandbox
from tests.integrations.github.conftest import REPOSITORY, SECRET, TOKEN

pytestmark = pytest.mark.anyio


class Seen(StrEnum):
    ASKED = "asked"
    SHOWN = "shown"


class ReviewAsked(Event, table=True):
    """Somebody opened a pull request."""

    repository: str
    number: int
    sha: str


class ReviewCheckBody(Payload):
    repository: str
    head_sha: str
    name: str
    conclusion: str
    title: str


class ReviewCheckShown(Payload):
    url: str | None


class ReviewCommentBody(Payload):
    repository: str
    number: int
    body: str


class ReviewCheck(APICall, table=True):
    review_id: UUID = Field(foreign_key="review.id", index=True)
    request: ReviewCheckBody
    result: ReviewCheckShown | None = None


class ReviewComment(APICall, table=True):
    review_id: UUID = Field(foreign_key="review.id", index=True)
    request: ReviewCommentBody


class Review(Entity, table=True):
    repository: str
    number: int
    sha: str
    checks: list[ReviewCheck] = Relationship()
    comments: list[ReviewComment] = Relationship()

    status: Seen = computed(
        StateMachine(Seen.ASKED, Transition(Seen.ASKED, Seen.SHOWN, when=completed(checks)))
    )


@derive
def review(asked: ReviewAsked) -> Review:
    return Review(id=asked.id, repository=asked.repository, number=asked.number, sha=asked.sha)


@derive
def check(review: Review) -> ReviewCheck:
    body = ReviewCheckBody(
        repository=review.repository,
        head_sha=review.sha,
        name="review",
        conclusion="neutral",
        title="Looked at",
    )
    return ReviewCheck(review_id=review.id, request=body)


@derive
def comment(review: Review) -> ReviewComment:
    body = ReviewCommentBody(repository=review.repository, number=review.number, body="Looked at.")
    return ReviewComment(review_id=review.id, request=body)


def asked(delivery: GitHubDelivery) -> Event | None:
    told = delivery.told
    if not isinstance(told, PullRequestTold) or told.action != "opened":
        return None
    return ReviewAsked(repository=REPOSITORY, number=told.number, sha=told.pull_request.head.sha)


@dataclass
class Ours:
    """The App's web face, where the double can reach it."""

    app: ASGIApp

    async def aclose(self) -> None:
        """Nothing is open."""


@pytest.fixture
async def app(
    github_sandbox: GitHubSandbox, tmp_path: Path, private_key: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[App]:
    github = create_github_integration(ReviewCheck, ReviewComment, on_event=asked)
    monkeypatch.setenv("GITHUB_APP_ID", "4711")
    monkeypatch.setenv("GITHUB_INSTALLATION_ID", "77")
    monkeypatch.setenv("GITHUB_APP_PRIVATE_KEY", private_key)
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", SECRET)
    async with listening({"github": github_sandbox}) as vendor:
        monkeypatch.setenv("GITHUB_BASE_URL", f"{vendor}/github")
        parts = [ReviewAsked, ReviewCheck, ReviewComment, Review, review, check, comment]
        app = App([parts], [github], f"sqlite:///{tmp_path / 'reviews.db'}")
        app.create()
        async with listening({"ours": Ours(app.asgi)}) as ours:
            github_sandbox.send_webhooks_to(f"{ours}/ours/webhooks/github/events")
            yield app
        app.close()


def only(app: App, model: Any) -> Any:
    (record,) = app.query(select(model))
    return record


async def test_a_pull_request_is_looked_at(app: App, github_sandbox: GitHubSandbox) -> None:
    pull = github_sandbox.open_pull_request()
    await github_sandbox.idle()
    await app.settle()
    (run,), (said,) = github_sandbox.books()["check_runs"], github_sandbox.books()["comments"]
    assert (run["head_sha"], run["conclusion"]) == (pull["head"]["sha"], "neutral")
    assert said["body"].startswith("Looked at.")
    assert only(app, Review).status is Seen.SHOWN
    assert only(app, ReviewCheck).external_id == f"check_run:{run['id']}"
    assert only(app, ReviewCheck).result == ReviewCheckShown(url=run["html_url"])
    assert only(app, ReviewComment).status is CallStatus.COMPLETED
    assert app.verify() == []


async def test_what_github_says_of_our_own_doing_changes_nothing(
    app: App, github_sandbox: GitHubSandbox
) -> None:
    github_sandbox.open_pull_request()
    await github_sandbox.idle()
    await app.settle()
    await github_sandbox.idle()
    kinds = {
        (one["event"], one["action"], one["status_code"]) for one in github_sandbox.books()["deliveries"]
    }
    assert {("check_run", "completed", 200), ("issue_comment", "created", 200)} <= kinds
    await app.settle()
    assert len(github_sandbox.books()["check_runs"]) == 1
    assert len(github_sandbox.books()["comments"]) == 1
    assert app.verify() == []


async def test_a_pull_request_that_is_told_twice_is_looked_at_once(
    app: App, github_sandbox: GitHubSandbox
) -> None:
    github_sandbox.fail_next(Fault.DUPLICATE_WEBHOOKS)
    github_sandbox.open_pull_request()
    await github_sandbox.idle()
    await app.settle()
    assert len(app.query(select(ReviewAsked))) == 1
    assert len(github_sandbox.books()["check_runs"]) == 1
    github_sandbox.open_pull_request()
    await github_sandbox.idle()
    assert len(app.query(select(ReviewAsked))) == 2


async def test_a_lost_answer_leaves_one_check_and_one_comment(
    app: App, github_sandbox: GitHubSandbox
) -> None:
    for _ in range(3):
        github_sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    github_sandbox.open_pull_request()
    await github_sandbox.idle()
    await app.settle(timeout=20)
    assert len(github_sandbox.books()["check_runs"]) == 1
    assert len(github_sandbox.books()["comments"]) == 1
    assert only(app, ReviewCheck).status is CallStatus.COMPLETED
    assert only(app, ReviewComment).status is CallStatus.COMPLETED
    assert app.verify() == []


async def test_what_is_not_signed_by_github_is_not_believed(app: App, github_sandbox: GitHubSandbox) -> None:
    github_sandbox.webhook_secret = "guessed"
    github_sandbox.open_pull_request()
    await github_sandbox.idle()
    (delivery,) = github_sandbox.books()["deliveries"]
    assert delivery["status_code"] == 401
    assert app.query(select(ReviewAsked)) == []


async def test_nobody_sees_the_token_or_the_secret(
    app: App,
    github_sandbox: GitHubSandbox,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    github_sandbox.open_pull_request()
    await github_sandbox.idle()
    await app.settle()
    printed = capsys.readouterr()
    seen = f"{caplog.text}{printed.out}{printed.err}{github_sandbox.requests}"
    tokens = [TOKEN.get_secret_value(), SECRET, *github_sandbox._given]
    assert len(tokens) == 3
    assert not any(token in seen for token in tokens)
