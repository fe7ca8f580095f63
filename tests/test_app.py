"""The whole App as it is composed: GitHub tells of a pull request, and GitHub and Slack hear the verdict."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select
from starlette.types import ASGIApp

from app import create_app, pull_request_changed
from business.quality import (
    GateCheck,
    GateComment,
    GateNotice,
    PullRequestChanged,
    Quality,
    QualityMeasured,
    Revision,
    Showing,
    Verdict,
)
from framework.app import App
from framework.model.apicall import CallStatus
from framework.testing.faults import Fault
from framework.testing.sandbox import listening
from integrations.github import webhooks
from integrations.github.sandbox import GitHubSandbox
from integrations.slack.sandbox import SlackSandbox

pytestmark = pytest.mark.anyio

CHANNEL = "C0QUALITY0"
API_TOKEN = "an-api-token-that-nobody-may-see"


@dataclass
class Face:
    """The App's web face, where the doubles can reach it."""

    app: ASGIApp

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclass
class World:
    """The App on a socket, and its two vendors on another."""

    app: App
    address: str
    github: GitHubSandbox
    slack: SlackSandbox

    async def deliver(self, kind: str, payload: dict[str, Any], id: str, secret: str | None = None) -> int:
        """GitHub delivers what it once delivered; the status with which it is answered."""
        body = json.dumps(payload).encode()
        headers = {
            webhooks.EVENT: kind,
            webhooks.DELIVERY: id,
            webhooks.SIGNATURE: webhooks.sign(secret or self.github.webhook_secret, body),
            "content-type": "application/json",
        }
        async with httpx.AsyncClient(base_url=self.address, trust_env=False) as client:
            answer = await client.post("/webhooks/github/events", content=body, headers=headers)
        return answer.status_code

    def measured(self, revision: Revision, coverage: int = 85, passed: int = 12) -> None:
        """The tests of a revision ran."""
        event = QualityMeasured(
            revision_id=revision.id,
            repository=revision.repository,
            number=revision.number,
            head_sha=revision.head_sha,
            coverage_percent=coverage,
            tests_passed=passed,
            tests_total=12,
            channel=CHANNEL,
        )
        self.app.dispatch(event)

    def posted(self) -> list[dict[str, Any]]:
        """The messages as Slack was sent them; its own history shows little of attachments."""
        sent = (one for one in self.slack.requests if one.path.endswith("chat.postMessage"))
        return [json.loads(one.body) for one in sent]

    def only(self, model: Any) -> Any:
        (record,) = self.app.query(select(model))
        return record


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    github = GitHubSandbox(repositories=("octo/shop", "Codertocat/Hello-World"))
    slack = SlackSandbox()
    for name in ("GITHUB_APP_ID", "GITHUB_INSTALLATION_ID", "GITHUB_HOOK_ID", "GITHUB_HOOK_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**github.environment, **slack.environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MILLRACE_API_TOKEN", API_TOKEN)
    async with listening({"github": github, "slack": slack}) as vendors:
        monkeypatch.setenv("GITHUB_BASE_URL", f"{vendors}/github")
        monkeypatch.setenv("SLACK_BASE_URL", f"{vendors}/slack")
        app = create_app(f"sqlite:///{tmp_path / 'millrace.db'}")
        app.create()
        async with listening({"ours": Face(app.asgi)}) as address:
            github.send_webhooks_to(f"{address}/ours/webhooks/github/events")
            slack.send_webhooks_to(f"{address}/ours/webhooks/slack/events")
            yield World(app, f"{address}/ours", github, slack)
        app.close()


@pytest.fixture
def recorded(contracts: Path) -> dict[str, list[dict[str, Any]]]:
    """What GitHub itself once delivered, by kind."""
    payloads: dict[str, list[dict[str, Any]]] = json.loads(
        (contracts / "github" / "webhook_payloads.trim.json").read_text(encoding="utf-8")
    )
    return payloads


async def test_a_pull_request_is_judged_and_github_and_slack_hear_it(world: World) -> None:
    pull = world.github.open_pull_request(branch="tea", author="ada")
    await world.github.idle()
    revision = world.only(Revision)
    assert (revision.branch, revision.head_sha, revision.passed) == ("tea", pull["head"]["sha"], None)
    world.measured(revision, coverage=85)
    await world.app.settle()
    (run,), (comment,) = world.github.books()["check_runs"], world.github.books()["comments"]
    assert (run["name"], run["head_sha"], run["conclusion"]) == (
        "Quality Gate",
        revision.head_sha,
        "success",
    )
    assert comment["body"].startswith(":white_check_mark: **Quality Gate passed**")
    (message,), (posted,) = world.slack.messages(CHANNEL), world.posted()
    (attachment,) = posted["attachments"]
    assert attachment["color"] == "#36a64f"
    headline, figures = attachment["blocks"]
    assert headline["text"]["text"] == ":white_check_mark: *Quality Gate Passed*"
    assert [field["text"] for field in figures["fields"]] == [
        "*Coverage:* 85%",
        "*Tests:* 12/12",
        "*Branch:* tea",
        f"*Commit:* {revision.head_sha[:7]}",
    ]
    verdict = world.only(Verdict)
    assert (verdict.passed, verdict.showing, verdict.announced) == (True, Showing.SHOWN, True)
    assert verdict.check_url == run["html_url"]
    assert verdict.comment_url == comment["html_url"]
    assert world.only(GateNotice).external_id == f"{CHANNEL}:{message['ts']}"
    assert world.app.get(Revision, revision.id).passed is True
    assert world.app.verify() == []


async def test_the_gate_looks_at_every_push_by_itself(world: World) -> None:
    pull = world.github.open_pull_request()
    world.github.push_to(pull["number"])
    await world.github.idle()
    first, second = world.app.query(select(Revision).order_by(Revision.id))  # type: ignore[arg-type]  # a column
    world.measured(first, coverage=79)
    world.measured(second, coverage=91)
    await world.app.settle()
    shown = {run["head_sha"]: run["conclusion"] for run in world.github.books()["check_runs"]}
    assert shown == {first.head_sha: "failure", second.head_sha: "success"}
    assert len(world.slack.messages(CHANNEL)) == 2
    assert [one["attachments"][0]["color"] for one in world.posted()] == ["#ff0000", "#36a64f"]
    whole = world.app.get(Quality)
    assert (whole.revisions, whole.passed, whole.failed, whole.announced) == (2, 1, 1, 2)
    assert whole.coverage_percent == 85
    assert world.app.verify() == []


async def test_what_github_once_delivered_is_a_change_or_nothing(
    world: World, recorded: dict[str, list[dict[str, Any]]]
) -> None:
    """Every recorded payload is answered with 200. One is a pull request that was opened."""
    number = 0
    for kind, payloads in recorded.items():
        for payload in payloads:
            number += 1
            assert await world.deliver(kind, payload, f"delivery-{number}") == 200, kind
    assert number > 40
    changed, revision = world.only(PullRequestChanged), world.only(Revision)
    assert changed.id == revision.id
    assert (revision.repository, revision.number, revision.branch, revision.author) == (
        "Codertocat/Hello-World",
        2,
        "changes",
        "Codertocat",
    )
    assert revision.head_sha == "ec26c3e57ca3a959ca5aad62de7213c562f8c821"


async def test_a_recorded_pull_request_is_judged_to_the_end(
    world: World, recorded: dict[str, list[dict[str, Any]]]
) -> None:
    for _ in range(2):  # the comment goes below number 2
        world.github.open_pull_request("Codertocat/Hello-World")
    await world.github.idle()
    before = {one.id for one in world.app.query(select(Revision))}
    (opened,) = [one for one in recorded["pull_request"] if one["action"] == "opened"]
    for _ in range(2):
        assert await world.deliver("pull_request", opened, "72d3162e-cc78-11e3-81ab-4c9367dc0958") == 200
    (revision,) = [one for one in world.app.query(select(Revision)) if one.id not in before]
    world.measured(revision, coverage=85, passed=11)
    await world.app.settle()
    (run,) = world.github.books()["check_runs"]
    assert (run["head_sha"], run["conclusion"]) == (opened["pull_request"]["head"]["sha"], "failure")
    (comment,) = world.github.books()["comments"]
    assert comment["issue_url"].endswith("/repos/Codertocat/Hello-World/issues/2")
    (message,) = world.slack.messages(CHANNEL)
    assert message["text"] == "Quality Gate Failed: Codertocat/Hello-World #2"
    (posted,) = world.posted()
    assert posted["attachments"][0]["blocks"][1]["fields"][1]["text"] == "*Tests:* 11/12"
    assert world.app.verify() == []


async def test_what_is_not_signed_by_github_is_no_change(
    world: World, recorded: dict[str, list[dict[str, Any]]]
) -> None:
    assert await world.deliver("pull_request", recorded["pull_request"][0], "forged", secret="guessed") == 401
    assert world.app.query(select(PullRequestChanged)) == []


async def test_one_vendor_that_is_ill_does_not_silence_the_other(world: World) -> None:
    world.github.open_pull_request()
    await world.github.idle()
    world.slack.refuse_next("is_archived")
    world.measured(world.only(Revision))
    await world.app.settle()
    assert world.only(GateNotice).status is CallStatus.FAILED
    assert world.only(GateCheck).status is world.only(GateComment).status is CallStatus.COMPLETED
    assert world.only(Verdict).announced is False


async def test_lost_answers_leave_one_of_each(world: World) -> None:
    world.github.open_pull_request()
    await world.github.idle()
    for sandbox in (world.github, world.github, world.slack):
        sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    world.measured(world.only(Revision))
    await world.app.settle(timeout=20)
    assert len(world.github.books()["check_runs"]) == 1
    assert len(world.github.books()["comments"]) == 1
    assert len(world.slack.messages(CHANNEL)) == 1
    assert world.only(Verdict).announced is True
    assert world.app.verify() == []


async def test_the_operator_may_ask_over_http_how_the_notice_stands(world: World) -> None:
    world.github.open_pull_request()
    await world.github.idle()
    world.measured(world.only(Revision))
    await world.app.settle()
    notice = world.only(GateNotice)
    async with httpx.AsyncClient(base_url=world.address, trust_env=False) as client:
        stranger = await client.get(f"/api/calls/{notice.id}")
        client.headers["authorization"] = f"Bearer {API_TOKEN}"
        answer = await client.get(f"/api/calls/{notice.id}")
    assert stranger.status_code == 401
    assert answer.json()["status"] == "completed"
    assert answer.json()["external_id"] == notice.external_id
    assert [attempt["verb"] for attempt in answer.json()["attempts"]] == ["call"]
    assert CHANNEL not in json.dumps(answer.json()).replace(notice.external_id, "")


def test_whoever_is_gone_from_github_is_a_ghost(recorded: dict[str, list[dict[str, Any]]]) -> None:
    opened = json.loads(json.dumps(recorded["pull_request"][0]))
    delivery = webhooks.delivery_of("1", "pull_request", opened)
    changed = pull_request_changed(delivery)
    opened["pull_request"]["user"] = None
    gone = pull_request_changed(replace(delivery, told=webhooks.KINDS["pull_request"].model_validate(opened)))
    assert changed is not None
    assert gone is not None
    assert (changed.author, gone.author) == ("Codertocat", "ghost")


def test_every_call_of_the_business_is_served() -> None:
    app = create_app("sqlite://")
    calls = {shape.name for shape in app.plan.shapes.values() if shape.kind.value == "call"}
    assert {desk.shape.name for desk in app.desks.values()} == calls
    assert {"Charge", "Translation", "Speech", "GateCheck", "GateComment", "GateNotice"} == calls
