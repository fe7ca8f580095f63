"""The quality business and GitHub fit by their names alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlmodel import select

from business import quality
from business.quality import (
    GateCheck,
    GateComment,
    PullRequestChanged,
    QualityMeasured,
    Revision,
    Showing,
    Verdict,
)
from framework.app import App
from framework.model.entity import Event
from framework.testing.sandbox import listening
from integrations.github import GitHubDelivery, create_github_integration
from integrations.github.models import PullRequestTold
from integrations.github.sandbox import GitHubSandbox
from tests.integrations.github.conftest import SECRET, TOKEN
from tests.integrations.github.test_github_app import Ours

pytestmark = pytest.mark.anyio


def to_event(delivery: GitHubDelivery) -> Event | None:
    """What the composition root says of a pull request."""
    match delivery.told:
        case PullRequestTold(action="opened" | "synchronize" | "reopened") as told:
            return PullRequestChanged(
                repository=delivery.repository or "",
                number=told.number,
                branch=told.pull_request.head.ref,
                head_sha=told.pull_request.head.sha,
                author=told.pull_request.user.login if told.pull_request.user else "ghost",
            )
        case _:
            return None


@pytest.fixture
async def app(
    github_sandbox: GitHubSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[App]:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN.get_secret_value())
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", SECRET)
    async with listening({"github": github_sandbox}) as vendor:
        monkeypatch.setenv("GITHUB_BASE_URL", f"{vendor}/github")
        github = create_github_integration(GateCheck, GateComment, on_event=to_event)
        app = App([quality], [github], f"sqlite:///{tmp_path / 'quality.db'}")
        app.create()
        async with listening({"ours": Ours(app.asgi)}) as ours:
            github_sandbox.send_webhooks_to(f"{ours}/ours/webhooks/github/events")
            yield app
        app.close()


async def test_each_push_is_judged_at_its_own_commit(app: App, github_sandbox: GitHubSandbox) -> None:
    pull = github_sandbox.open_pull_request(author="ada")
    github_sandbox.push_to(pull["number"])
    await github_sandbox.idle()
    revisions = app.query(select(Revision))
    assert [revision.author for revision in revisions] == ["ada", "ada"]
    assert pull["head"]["sha"] in {revision.head_sha for revision in revisions}
    for revision, coverage in zip(revisions, (79, 80), strict=True):
        measured = QualityMeasured(
            revision_id=revision.id,
            repository=revision.repository,
            number=revision.number,
            head_sha=revision.head_sha,
            coverage_percent=coverage,
            tests_passed=3,
            tests_total=3,
        )
        app.dispatch(measured)
    await app.settle()
    shown = {run["head_sha"]: run["conclusion"] for run in github_sandbox.books()["check_runs"]}
    assert shown == {revisions[0].head_sha: "failure", revisions[1].head_sha: "success"}
    assert len(github_sandbox.books()["comments"]) == 2
    for verdict in app.query(select(Verdict)):
        assert verdict.showing is Showing.SHOWN
        assert verdict.check_url is not None
        assert verdict.comment_url is not None
    assert app.verify() == []
