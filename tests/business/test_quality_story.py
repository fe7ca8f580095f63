"""A pull request that GitHub really delivered once goes the whole way: check run, comment, Slack."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from app import create_app
from business.quality import QualityMeasured, Revision, Showing, Verdict
from framework.testing.sandbox import listening
from integrations.github.sandbox import GitHubSandbox
from integrations.github.webhooks import sign
from integrations.slack.sandbox import SlackSandbox

pytestmark = pytest.mark.anyio

SECRET = GitHubSandbox.environment["GITHUB_WEBHOOK_SECRET"]


async def test_a_recorded_pull_request_is_judged_and_all_who_care_hear_of_it(
    contracts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: dict[str, Any] = json.loads((contracts / "github" / "webhook_payloads.trim.json").read_text())
    opened, *others = recorded["pull_request"]
    where, head = opened["repository"]["full_name"], opened["pull_request"]["head"]["sha"]
    github, slack = GitHubSandbox(repositories=[where]), SlackSandbox()
    github.open_pull_request(where, title="an earlier one")
    github.open_pull_request(where, title=opened["pull_request"]["title"])
    for sandbox in (github, slack):
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
    async with listening({"github": github, "slack": slack}) as vendors:
        monkeypatch.setenv("GITHUB_BASE_URL", f"{vendors}/github")
        monkeypatch.setenv("SLACK_BASE_URL", f"{vendors}/slack")
        app = create_app(f"sqlite:///{tmp_path / 'quality.db'}")
        app.create()
        for number, payload in enumerate([opened, opened, *others]):
            body = json.dumps(payload).encode()
            headers = {
                "X-GitHub-Event": "pull_request",
                "X-GitHub-Delivery": f"guid-{max(number, 1)}",  # the first is delivered twice
                "X-Hub-Signature-256": sign(SECRET, body),
                "Content-Type": "application/json",
            }
            transport = httpx.ASGITransport(app.asgi)
            async with httpx.AsyncClient(transport=transport, base_url="https://ours.example") as sender:
                answer = await sender.post("/webhooks/github/events", content=body, headers=headers)
            assert answer.is_success
        (revision,) = app.query(select(Revision))
        assert (revision.repository, revision.number, revision.head_sha) == (where, opened["number"], head)
        measured = QualityMeasured(
            revision_id=revision.id,
            repository=where,
            number=revision.number,
            head_sha=head,
            coverage_percent=91,
            tests_passed=12,
            tests_total=12,
            channel="C024BE91L",
        )
        app.dispatch(measured)
        await app.settle()
        (verdict,) = app.query(select(Verdict))
        (run,) = github.books()["check_runs"]
        (comment,) = github.books()["comments"]
        (message,) = slack.books()["messages"]
        assert (run["head_sha"], run["conclusion"]) == (head, "success")
        assert comment["issue_url"].endswith(f"/repos/{where}/issues/{opened['number']}")
        assert "91" in json.dumps(message)
        assert verdict.showing is Showing.SHOWN
        assert app.verify() == []
        app.close()
