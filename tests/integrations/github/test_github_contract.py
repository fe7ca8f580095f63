"""Requests, answers and webhooks follow GitHub's own descriptions, which tell right ones from wrong ones."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from framework.integration.delivery import Delivery, MalformedDelivery
from integrations.github.client import GitHubClient, GitHubRefusal
from integrations.github.models import Annotation, CheckRunBody, Output, StatusBody
from integrations.github.sandbox import GitHubSandbox
from integrations.github.webhooks import KINDS, delivery_in
from tests.contracts.checker import JSON, Contract
from tests.contracts.witness import Listener, Witness
from tests.integrations.github.conftest import REPOSITORY, SHA

pytestmark = pytest.mark.anyio


@pytest.fixture
def contract(contracts: Path) -> Contract:
    return Contract.read(contracts / "github" / "openapi.trim.json")


async def test_every_kind_of_exchange_follows_the_description(
    contract: Contract, github: GitHubClient, github_sandbox: GitHubSandbox, witness: Witness[Contract]
) -> None:
    pull = github_sandbox.open_pull_request()
    annotation = Annotation(
        path="README.md", start_line=1, end_line=2, annotation_level="warning", message="Long."
    )
    output = Output(title="2 of 3", summary="*Fine*", text="All", annotations=(annotation,))
    run = await github.create_check_run(
        REPOSITORY,
        CheckRunBody(name="quality", head_sha=SHA, status="in_progress", external_id="1", output=output),
    )
    await github.update_check_run(
        REPOSITORY, run.id, CheckRunBody(status="completed", conclusion="success", output=output)
    )
    assert (await github.get_check_run(REPOSITORY, run.id)).output.annotations_count == 2
    assert [one.id async for one in github.check_runs(REPOSITORY, SHA, "quality")] == [run.id]
    status = StatusBody(state="success", context="quality", description="Fine", target_url="https://ci")
    made = await github.create_status(REPOSITORY, SHA, status)
    assert [one async for one in github.statuses(REPOSITORY, SHA)] == [made]
    comment = await github.create_comment(REPOSITORY, pull["number"], "Hello")
    changed = await github.update_comment(REPOSITORY, comment.id, "Hello again")
    since = comment.created_at
    assert [one async for one in github.comments(REPOSITORY, pull["number"], since=since)] == [changed]
    assert (await github.get_pull_request(REPOSITORY, pull["number"])).head.sha == pull["head"]["sha"]
    assert [one.filename async for one in github.changed_files(REPOSITORY, 1)] == ["README.md"]
    with pytest.raises(GitHubRefusal):
        await github.create_comment(REPOSITORY, 99, "Hello")
    with pytest.raises(GitHubRefusal):
        await github.create_comment(REPOSITORY, 1, "")
    problems = witness.problems(contract)
    assert problems == []
    assert len(witness.exchanges) == 13


@pytest.mark.parametrize(
    "body",
    [
        {"name": "quality"},
        {"head_sha": SHA, "name": "quality", "status": "done"},
        {"head_sha": SHA, "name": "quality", "conclusion": "perhaps"},
        {"head_sha": SHA, "name": "quality", "output": {"title": "without a summary"}},
        {"head_sha": SHA, "name": "quality", "output": {"title": "t", "summary": "s" * 65536}},
    ],
)
def test_the_description_refuses_wrong_requests(contract: Contract, body: dict[str, Any]) -> None:
    path = f"/repos/{REPOSITORY}/check-runs"
    assert contract.problems_of_request("POST", path, content_type=JSON, body=json.dumps(body))


def test_the_description_refuses_wrong_answers(contract: Contract, contracts: Path) -> None:
    described = json.loads((contracts / "github" / "openapi.trim.json").read_text())
    run = described["components"]["examples"]["check-run"]["value"]
    assert contract.problems_of("check-run", run) == []
    assert contract.problems_of("check-run", {**run, "status": "perhaps"})
    assert contract.problems_of("check-run", {**run, "id": "4"})


async def test_every_webhook_follows_the_description(
    contracts: Path,
    github: GitHubClient,
    github_sandbox: GitHubSandbox,
    github_address: str,
    listener: Listener,
) -> None:
    described = Contract.read(contracts / "github" / "webhooks.schema.trim.json")
    pull = github_sandbox.open_pull_request()
    github_sandbox.push_to(pull["number"])
    github_sandbox.finish_workflow(SHA, "failure")
    body = CheckRunBody(name="quality", head_sha=SHA, conclusion="neutral", external_id="1")
    run = await github.create_check_run(REPOSITORY, body)
    await github.create_comment(REPOSITORY, pull["number"], "Hello")
    await github.http.post(
        f"/repos/{REPOSITORY}/check-runs/{run.id}/rerequest",
        headers={"Authorization": f"Bearer {github.token.get_secret_value()}"},
    )
    await github.http.post(
        f"/repos/{REPOSITORY}/hooks",
        headers={"Authorization": f"Bearer {github.token.get_secret_value()}"},
        json={"config": {"url": github_sandbox.postman.url, "content_type": "json"}, "events": ["push"]},
    )
    await github_sandbox.idle()
    assert sorted(listener.kinds) == [
        "check_run.completed",
        "check_run.created",
        "check_run.rerequested",
        "issue_comment.created",
        "ping",
        "pull_request.opened",
        "pull_request.synchronize",
        "push",
        "workflow_run.completed",
    ]
    for kind, (headers, delivered) in zip(listener.kinds, listener.requests, strict=True):
        path = "/" + kind.replace(".", "-").replace("_", "-")
        problems = described.problems_of_request(
            "POST", path, content_type=headers["content-type"], body=delivered
        )
        assert problems == []
        spoiled = json.dumps({**json.loads(delivered), "repository": {"full_name": REPOSITORY}})
        assert described.problems_of_request("POST", path, content_type=JSON, body=spoiled)


def test_every_recorded_payload_is_understood(contracts: Path) -> None:
    recorded = json.loads((contracts / "github" / "webhook_payloads.trim.json").read_text())
    assert len(recorded) == 13
    for kind, payloads in recorded.items():
        for number, payload in enumerate(payloads):
            told = delivery_in(_delivery(kind, payload, f"{kind}-{number}"))
            assert (told.id, told.kind, told.action) == (f"{kind}-{number}", kind, payload.get("action"))
            assert told.repository == payload.get("repository", {}).get("full_name")
            assert type(told.told).__name__ == getattr(KINDS.get(kind), "__name__", "Told")


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"ping"}))
def test_a_payload_that_lacks_its_subject_is_malformed(contracts: Path, kind: str) -> None:
    recorded = json.loads((contracts / "github" / "webhook_payloads.trim.json").read_text())
    subject = {"issue_comment": "comment", "push": "after"}.get(kind, kind)
    payload = {key: value for key, value in recorded[kind][0].items() if key != subject}
    with pytest.raises(MalformedDelivery, match=kind):
        delivery_in(_delivery(kind, payload, "1"))


def _delivery(kind: str, payload: dict[str, Any], id: str) -> Delivery:
    headers = {"X-GitHub-Event": kind, "X-GitHub-Delivery": id, "Content-Type": "application/json"}
    return Delivery(headers=headers, body=json.dumps(payload).encode(), received_at=datetime.now(UTC))
