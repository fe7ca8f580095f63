"""Two SDKs that others have written take the double for GitHub, and their signatures for ours."""

from collections.abc import AsyncIterator
from typing import Any

import anyio.to_thread
import pytest
from github import Auth, Github, GithubException
from githubkit import AppInstallationAuthStrategy, GitHub, TokenAuthStrategy
from githubkit.exception import RequestFailed
from githubkit.webhooks import parse, sign, verify

from framework.testing.sandbox import Fault
from integrations.github import webhooks
from integrations.github.sandbox import GitHubSandbox
from tests.contracts.witness import Listener
from tests.integrations.github.conftest import REPOSITORY, SECRET, SHA, TOKEN

pytestmark = pytest.mark.anyio

OWNER, _, NAME = REPOSITORY.partition("/")


@pytest.fixture
async def kit(github_address: str) -> AsyncIterator[GitHub[TokenAuthStrategy]]:
    auth = TokenAuthStrategy(TOKEN.get_secret_value())
    async with GitHub(auth, base_url=github_address, auto_retry=False) as kit:
        yield kit


@pytest.fixture
async def kit_of_app(
    github_address: str, private_key: str
) -> AsyncIterator[GitHub[AppInstallationAuthStrategy]]:
    auth = AppInstallationAuthStrategy("4711", private_key, 77)
    async with GitHub(auth, base_url=github_address, auto_retry=False) as kit:
        yield kit


async def test_githubkit_shows_checks(kit: GitHub[Any], github_sandbox: GitHubSandbox) -> None:
    annotation = {
        "path": "README.md",
        "start_line": 1,
        "end_line": 1,
        "annotation_level": "notice",
        "message": "Good.",
    }
    output: Any = {"title": "t", "summary": "s", "annotations": [annotation]}
    made = await kit.rest.checks.async_create(
        OWNER, NAME, data={"name": "quality", "head_sha": SHA, "status": "in_progress", "output": output}
    )
    run = made.parsed_data.id
    changed = await kit.rest.checks.async_update(
        OWNER, NAME, run, data={"status": "completed", "conclusion": "success"}
    )
    listed = await kit.rest.checks.async_list_for_ref(OWNER, NAME, SHA, check_name="quality")
    annotations = await kit.rest.checks.async_list_annotations(OWNER, NAME, run)
    assert changed.parsed_data.conclusion == "success"
    assert [one.id for one in listed.parsed_data.check_runs] == [run]
    assert [one.message for one in annotations.parsed_data] == ["Good."]
    assert [one["id"] for one in github_sandbox.books()["check_runs"]] == [run]


async def test_githubkit_sets_statuses_and_writes_comments(
    kit: GitHub[Any], github_sandbox: GitHubSandbox
) -> None:
    data: Any = {"state": "success", "context": "quality", "description": "Fine"}
    await kit.rest.repos.async_create_commit_status(OWNER, NAME, SHA, data=data)
    statuses = await kit.rest.repos.async_list_commit_statuses_for_ref(OWNER, NAME, SHA)
    assert [one.context for one in statuses.parsed_data] == ["quality"]
    data = {"title": "Tea", "head": "tea", "base": "main"}
    pull = (await kit.rest.pulls.async_create(OWNER, NAME, data=data)).parsed_data
    assert (await kit.rest.pulls.async_get(OWNER, NAME, pull.number)).parsed_data.head.ref == "tea"
    files = await kit.rest.pulls.async_list_files(OWNER, NAME, pull.number)
    changed: Any = files.parsed_data
    assert [one.filename for one in changed] == ["README.md"]
    comment = await kit.rest.issues.async_create_comment(OWNER, NAME, pull.number, data={"body": "Hello"})
    said = comment.parsed_data.id
    await kit.rest.issues.async_update_comment(OWNER, NAME, said, data={"body": "Bye"})
    listed = await kit.rest.issues.async_list_comments(OWNER, NAME, pull.number)
    comments: Any = listed.parsed_data
    assert [(one.id, one.body) for one in comments] == [(said, "Bye")]
    assert (await kit.rest.rate_limit.async_get()).parsed_data.resources.core.limit == 5000


async def test_githubkit_speaks_as_an_app_and_reads_what_was_delivered(
    kit_of_app: GitHub[Any], github_sandbox: GitHubSandbox, listener: Listener
) -> None:
    listener.status = 500
    await kit_of_app.rest.checks.async_create(
        OWNER, NAME, data={"name": "quality", "head_sha": SHA, "conclusion": "success"}
    )
    await github_sandbox.idle()
    app = kit_of_app.with_auth(kit_of_app.auth.as_app())
    attempts = (await app.rest.apps.async_list_webhook_deliveries()).parsed_data
    assert [(one.event, one.action, one.status_code) for one in attempts] == [
        ("check_run", "completed", 500),
        ("check_run", "created", 500),
    ]
    in_full = (await app.rest.apps.async_get_webhook_delivery(attempts[0].id)).parsed_data
    assert in_full.guid == attempts[0].guid
    assert in_full.request.payload is not None
    await app.rest.apps.async_redeliver_webhook_delivery(attempts[0].id)
    await github_sandbox.idle()
    assert len(listener.requests) == 3


async def test_githubkit_understands_every_webhook_and_its_signature(
    kit: GitHub[Any], github_sandbox: GitHubSandbox, listener: Listener
) -> None:
    pull = github_sandbox.open_pull_request()
    github_sandbox.push_to(pull["number"])
    github_sandbox.finish_workflow(SHA)
    await kit.rest.checks.async_create(
        OWNER, NAME, data={"name": "quality", "head_sha": SHA, "conclusion": "success"}
    )
    await kit.rest.issues.async_create_comment(OWNER, NAME, pull["number"], data={"body": "Hello"})
    data: Any = {"config": {"url": github_sandbox.postman.url, "content_type": "json"}}
    await kit.rest.repos.async_create_webhook(OWNER, NAME, data=data)
    await github_sandbox.idle()
    assert len(listener.requests) == 8
    for headers, body in listener.requests:
        assert verify(SECRET, body, headers["x-hub-signature-256"])
        event: Any = parse(headers["x-github-event"], body)
        assert event.repository.full_name == REPOSITORY
        assert webhooks.sign(SECRET, body) == sign(SECRET, body, method="sha256")


async def test_githubkit_sees_refusals_as_githubs(kit: GitHub[Any], github_sandbox: GitHubSandbox) -> None:
    with pytest.raises(RequestFailed) as missing:
        await kit.rest.issues.async_create_comment(OWNER, NAME, 99, data={"body": "Hello"})
    assert missing.value.response.status_code == 404
    github_sandbox.fail_next(Fault.THROTTLE)
    with pytest.raises(RequestFailed) as throttled:
        await kit.rest.rate_limit.async_get()
    assert type(throttled.value).__name__ == "SecondaryRateLimitExceeded"
    github_sandbox.remaining = 0
    with pytest.raises(RequestFailed) as used_up:
        await kit.rest.repos.async_get(OWNER, NAME)
    assert type(used_up.value).__name__ == "PrimaryRateLimitExceeded"


async def test_pygithub_works_with_the_double(
    github_address: str, github_sandbox: GitHubSandbox, private_key: str
) -> None:
    github_sandbox.address = github_address  # PyGithub goes where the objects say that they are
    pull = github_sandbox.open_pull_request()

    def work() -> tuple[str | None, str, int]:
        auth = Auth.AppAuth(4711, private_key).get_installation_auth(77)
        with Github(base_url=github_address, auth=auth, retry=None, seconds_between_writes=0) as github:
            home = github.get_repo(REPOSITORY)
            run = home.create_check_run("quality", SHA, status="in_progress", external_id="1")
            run.edit(conclusion="failure", output={"title": "t", "summary": "s"})
            comment = home.get_pull(pull["number"]).create_issue_comment("Hello")
            comment.edit("Bye")
            with pytest.raises(GithubException) as missing:
                home.get_check_run(1)
            return run.conclusion, comment.body, missing.value.status

    assert await anyio.to_thread.run_sync(work) == ("failure", "Bye", 404)
    assert github_sandbox.books()["check_runs"][0]["output"]["title"] == "t"


async def test_pygithub_may_not_write_check_runs_for_a_person(
    github_address: str, github_sandbox: GitHubSandbox
) -> None:
    github_sandbox.address = github_address
    github_sandbox._token = "ghp_somebodys_own"

    def work() -> int:
        with Github(base_url=github_address, auth=Auth.Token("ghp_somebodys_own"), retry=None) as github:
            with pytest.raises(GithubException) as refused:
                github.get_repo(REPOSITORY).create_check_run("quality", SHA)
            return refused.value.status

    assert await anyio.to_thread.run_sync(work) == 403
