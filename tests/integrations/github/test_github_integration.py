"""A check is shown and a comment written once, whatever happens on the way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from framework.errors import Declined, InDoubt, NeedsAttention, Permanent, Transient
from framework.integration.calls import CallView, idempotency_key
from framework.integration.delivery import Delivery
from framework.integration.handlers import CallHandlers
from framework.integration.http import HTTPClient
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, ExternalId, Failed, NotSubmitted, Outcome, Processing
from framework.integration.secrets import MissingCredentials
from framework.integration.signature import InvalidSignature
from framework.model.apicall import APICall
from framework.model.entity import Event
from framework.model.payload import Payload
from framework.testing.sandbox import Fault
from integrations.github import GitHubDelivery, GitHubSettings, create_github_integration
from integrations.github.mapping import Check, Remark
from integrations.github.sandbox import GitHubSandbox
from tests.contracts.checker import Contract
from tests.contracts.witness import Listener, Witness
from tests.integrations.github.conftest import REPOSITORY, SECRET, SHA, TOKEN

pytestmark = pytest.mark.anyio


class Line(Payload):
    path: str
    start_line: int
    end_line: int
    annotation_level: str
    message: str


class Verdict(Payload):
    repository: str = REPOSITORY
    head_sha: str = SHA
    name: str = "quality"
    conclusion: str | None = "success"
    title: str | None = "3 of 3 passed"
    summary: str | None = "*Fine.*"
    text: str | None = None
    details_url: str | None = None
    annotations: tuple[Line, ...] = ()
    check_run_id: int | None = None


class Shown(Payload):
    kind: str
    url: str | None
    conclusion: str | None
    check_run_id: int | None


class Say(Payload):
    repository: str = REPOSITORY
    number: int = 1
    body: str = "All is well."
    comment_id: int | None = None


class Said(Payload):
    url: str
    comment_id: int


class SandboxCheck(APICall, table=True):
    request: Verdict
    result: Shown | None = None


class SandboxComment(APICall, table=True):
    request: Say
    result: Said | None = None


class SandboxPull(Event, table=True):
    number: int


def pull_opened(delivery: GitHubDelivery) -> Event | None:
    if (delivery.kind, delivery.action) != ("pull_request", "opened"):
        return None
    return SandboxPull(number=delivery.told.number)  # type: ignore[attr-defined]  # the kind says that it has one


class _Known(CallView):
    """A call of which the external id may be known, as after `initialized`."""

    __slots__ = ("_known",)

    def __init__(self, record: APICall, known: str | None) -> None:
        super().__init__(record, idempotency_key=idempotency_key("github", record.id))
        object.__setattr__(self, "_known", known)

    @property
    def external_id(self) -> Any:
        return self._known


class Clerk:
    """Carries out one call as the framework would, step by step."""

    def __init__(self, handlers: CallHandlers, http: HTTPClient, call: APICall) -> None:
        self.handlers, self.http, self.call = handlers, http, call
        self.external_id: str | None = None

    @property
    def id(self) -> UUID:
        return self.call.id

    async def send(self) -> Any:
        handler = self.handlers.submit or self.handlers.call
        assert handler is not None
        outcome = await handler(self._view, self.http)
        assert not isinstance(outcome, str)
        self.external_id = outcome.external_id
        return outcome

    async def poll(self) -> Any:
        assert self.handlers.poll is not None
        return await self.handlers.poll(self._view, self.http)

    async def recover(self) -> Any:
        assert self.handlers.recover is not None
        return await self.handlers.recover(self._view, self.http)

    async def cancel(self) -> Any:
        assert self.handlers.cancel is not None
        return await self.handlers.cancel(self._view, self.http)

    async def reconcile(self, since: datetime) -> list[Outcome]:
        assert self.handlers.reconcile is not None
        listed: Any = self.handlers.reconcile(since, self.http)
        return [outcome async for outcome in listed]

    def hear(self, headers: dict[str, str], body: bytes) -> Any:
        (webhook,) = self.handlers.webhooks
        delivery = Delivery(headers=headers, body=body, received_at=datetime.now(UTC))
        assert webhook.verify is not None
        webhook.verify(delivery)
        return webhook.parse(delivery)

    @property
    def _view(self) -> CallView:
        return _Known(self.call, self.external_id)


Serve = Callable[..., Integration[GitHubSettings]]


@pytest.fixture
def serve(github_address: str, monkeypatch: pytest.MonkeyPatch, private_key: str) -> Serve:
    """Makes the integration as an operator sets it up; `**variables` are of the environment."""
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN.get_secret_value())
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", f"the one of last year, {SECRET}")
    monkeypatch.setenv("GITHUB_BASE_URL", github_address)
    monkeypatch.setenv("GITHUB_APP_PRIVATE_KEY", private_key)

    def serve(*, options: dict[str, Any] | None = None, **variables: str) -> Integration[GitHubSettings]:
        for name, value in variables.items():
            monkeypatch.setenv(f"GITHUB_{name.upper()}", value)
        github = create_github_integration(SandboxCheck, SandboxComment, **(options or {}))
        github.configure()
        return github

    return serve


@pytest.fixture
def as_app(serve: Serve) -> Integration[GitHubSettings]:
    return serve(app_id="4711", installation_id="77", options={"on_event": pull_opened})


@pytest.fixture
def checker(serve: Serve, http: HTTPClient) -> Callable[..., Clerk]:
    """Makes a call for a check, and who carries it out."""

    def checker(github: Integration[GitHubSettings] | None = None, **verdict: Any) -> Clerk:
        call = SandboxCheck(id=uuid4(), request=Verdict(**verdict))
        return Clerk((github or serve()).handlers[SandboxCheck], http, call)

    return checker


@pytest.fixture
async def writer(serve: Serve, http: HTTPClient, github_sandbox: GitHubSandbox) -> Callable[..., Clerk]:
    """Makes a call for a comment in a pull request, and who carries it out."""
    github_sandbox.open_pull_request()

    def writer(github: Integration[GitHubSettings] | None = None, **say: Any) -> Clerk:
        call = SandboxComment(id=uuid4(), request=Say(**say))
        return Clerk((github or serve()).handlers[SandboxComment], http, call)

    return writer


def runs(sandbox: GitHubSandbox) -> list[dict[str, Any]]:
    return list(sandbox.books()["check_runs"])


def statuses(sandbox: GitHubSandbox) -> list[dict[str, Any]]:
    return list(sandbox.books()["statuses"])


def comments(sandbox: GitHubSandbox) -> list[dict[str, Any]]:
    return list(sandbox.books()["comments"])


async def test_a_verdict_is_shown_as_a_completed_check_run(
    checker: Callable[..., Clerk], github_sandbox: GitHubSandbox
) -> None:
    clerk = checker(details_url="https://quality.example/1", text="At length.")
    shown = await clerk.send()
    (run,) = runs(github_sandbox)
    assert isinstance(shown, Completed)
    assert shown.external_id == f"check_run:{run['id']}"
    assert shown.result == Shown(
        kind="check_run", url=run["html_url"], conclusion="success", check_run_id=run["id"]
    )
    assert (run["name"], run["head_sha"], run["conclusion"]) == ("quality", SHA, "success")
    assert (run["external_id"], run["details_url"]) == (str(clerk.id), "https://quality.example/1")
    said = {"title": "3 of 3 passed", "summary": "*Fine.*", "text": "At length."}
    assert said.items() <= run["output"].items()


async def test_a_failing_verdict_is_a_completed_call(checker: Callable[..., Clerk]) -> None:
    shown = await checker(conclusion="failure").send()
    assert isinstance(shown, Completed)
    assert isinstance(shown.result, Shown)
    assert shown.result.conclusion == "failure"


async def test_texts_that_github_would_refuse_are_cut(
    checker: Callable[..., Clerk], writer: Callable[..., Clerk], github_sandbox: GitHubSandbox
) -> None:
    await checker(summary="s" * 70_000, text="t" * 65_535).send()
    clerk = writer(body="b" * 70_000)
    await clerk.send()
    (run,) = runs(github_sandbox)
    assert run["output"]["summary"] == "s" * 65_534 + "…"
    assert run["output"]["text"] == "t" * 65_535
    (comment,) = comments(github_sandbox)
    assert len(comment["body"]) == 65_536
    assert comment["body"].endswith(f"…\n\n<!-- ac:{clerk.id} -->")


async def test_more_annotations_than_fit_follow_fifty_at_a_time(
    checker: Callable[..., Clerk], github_sandbox: GitHubSandbox, witness: Witness[Contract]
) -> None:
    lines = [annotation(number) for number in range(120)]
    await checker(annotations=lines).send()
    (run,) = runs(github_sandbox)
    assert run["output"]["annotations_count"] == 120
    assert witness.asked("PATCH", REPOSITORY) == [f"check-runs/{run['id']}"] * 2


def annotation(number: int) -> Line:
    return Line(
        path="a.py", start_line=number, end_line=number, annotation_level="notice", message=f"{number}"
    )


async def test_a_check_run_that_is_open_is_followed_to_its_end_by_polls(
    checker: Callable[..., Clerk], github_sandbox: GitHubSandbox
) -> None:
    clerk = checker(conclusion=None)
    shown = await clerk.send()
    (run,) = runs(github_sandbox)
    assert shown == Processing(detail="in_progress", external_id=ExternalId(f"check_run:{run['id']}"))
    assert await clerk.poll() == shown
    github_sandbox.conclude(run["id"], "timed_out")
    ended = await clerk.poll()
    assert isinstance(ended, Completed)
    assert ended.result.conclusion == "timed_out"  # type: ignore[union-attr]  # a Shown


async def test_a_second_call_concludes_the_run_of_the_first(
    checker: Callable[..., Clerk], github_sandbox: GitHubSandbox
) -> None:
    first = checker(conclusion=None)
    await first.send()
    (run,) = runs(github_sandbox)
    second = await checker(conclusion="failure", check_run_id=run["id"]).send()
    assert isinstance(second, Completed)
    assert second.external_id is None
    (run,) = runs(github_sandbox)
    assert (run["conclusion"], run["external_id"]) == ("failure", str(first.id))
    assert isinstance(await first.poll(), Completed)


async def test_a_run_of_our_app_is_told_of_by_webhook(
    checker: Callable[..., Clerk],
    as_app: Integration[GitHubSettings],
    github_sandbox: GitHubSandbox,
    listener: Listener,
) -> None:
    clerk = checker(as_app)
    shown = await clerk.send()
    await github_sandbox.idle()
    assert listener.kinds == ["check_run.created", "check_run.completed"]
    told = [clerk.hear(*request) for request in listener.requests]
    assert [type(outcome) for outcome in told] == [Completed, Completed]
    assert {(one.external_id, one.reference) for one in told} == {(shown.external_id, clerk.id)}
    assert [one.event_id for one in told] == [
        headers["x-github-delivery"] for headers, _ in listener.requests
    ]
    assert told[1].result == shown.result


async def test_a_forged_delivery_is_refused(
    checker: Callable[..., Clerk], github_sandbox: GitHubSandbox, listener: Listener
) -> None:
    clerk = checker()
    github_sandbox.webhook_secret = "somebody else's"
    await clerk.send()
    await github_sandbox.idle()
    with pytest.raises(InvalidSignature):
        clerk.hear(*listener.requests[0])


async def test_an_open_run_is_cancelled(checker: Callable[..., Clerk], github_sandbox: GitHubSandbox) -> None:
    clerk = checker(conclusion=None)
    await clerk.send()
    cancelled = await clerk.cancel()
    (run,) = runs(github_sandbox)
    assert (run["status"], run["conclusion"]) == ("completed", "cancelled")
    assert isinstance(cancelled, Failed)
    assert cancelled.code == "cancelled"
    assert await clerk.poll() == cancelled


async def test_what_is_concluded_cannot_be_cancelled(
    checker: Callable[..., Clerk], github_sandbox: GitHubSandbox
) -> None:
    clerk = checker()
    shown = await clerk.send()
    assert await clerk.cancel() == shown
    assert runs(github_sandbox)[0]["conclusion"] == "success"


async def test_a_call_that_github_does_not_know_needs_no_cancellation(checker: Callable[..., Clerk]) -> None:
    clerk = checker()
    assert await clerk.cancel() is None
    assert await clerk.poll() is None


@pytest.fixture(params=["personal", "without permission"])
def statuses_only(
    request: pytest.FixtureRequest, serve: Serve, github_sandbox: GitHubSandbox
) -> Integration[GitHubSettings]:
    """The integration where only commit statuses may be written."""
    if request.param == "personal":
        github_sandbox._token = "ghp_somebodys_own"
        return serve(token="ghp_somebodys_own")
    github_sandbox.checks_allowed = False
    return serve()


async def test_where_check_runs_are_forbidden_the_verdict_becomes_a_commit_status(
    checker: Callable[..., Clerk], statuses_only: Integration[GitHubSettings], github_sandbox: GitHubSandbox
) -> None:
    shown = await checker(statuses_only, conclusion="timed_out", title="t" * 141).send()
    (status,) = statuses(github_sandbox)
    assert (status["state"], status["context"]) == ("failure", "quality")
    assert status["description"] == "t" * 139 + "…"
    assert isinstance(shown, Completed)
    assert shown.external_id == f"status:{status['id']}"
    assert shown.result == Shown(kind="status", url=None, conclusion="failure", check_run_id=None)
    assert runs(github_sandbox) == []


async def test_a_pending_status_is_followed_by_its_context(
    checker: Callable[..., Clerk], statuses_only: Integration[GitHubSettings], github_sandbox: GitHubSandbox
) -> None:
    clerk = checker(statuses_only, conclusion=None)
    shown = await clerk.send()
    assert isinstance(shown, Processing)
    assert await clerk.poll() == shown
    await checker(statuses_only, name="another", conclusion="failure").send()
    assert await clerk.poll() == shown
    await checker(statuses_only, conclusion="neutral").send()
    ended = await clerk.poll()
    assert isinstance(ended, Completed)
    assert ended.external_id == shown.external_id


async def test_a_pending_status_is_cancelled(
    checker: Callable[..., Clerk], statuses_only: Integration[GitHubSettings], github_sandbox: GitHubSandbox
) -> None:
    clerk = checker(statuses_only, conclusion=None)
    await clerk.send()
    cancelled = await clerk.cancel()
    assert isinstance(cancelled, Failed)
    assert [status["state"] for status in statuses(github_sandbox)] == ["pending", "error"]


async def test_a_status_whose_answer_was_lost_is_found(
    checker: Callable[..., Clerk], statuses_only: Integration[GitHubSettings], github_sandbox: GitHubSandbox
) -> None:
    clerk = checker(statuses_only)
    assert await clerk.recover() == NotSubmitted()
    github_sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    with pytest.raises(InDoubt):
        await clerk.send()
    found = await clerk.recover()
    assert isinstance(found, Completed)
    assert found.external_id == f"status:{statuses(github_sandbox)[0]['id']}"
    assert await checker(statuses_only, conclusion="failure").recover() == NotSubmitted()


LOST = [(Fault.DROP_AFTER_ACCEPTANCE, "answer_lost"), (Fault.ERROR_AFTER_SUCCESS, "server_error")]


@pytest.mark.parametrize(("fault", "code"), LOST)
async def test_a_check_run_whose_answer_was_lost_is_found_and_not_made_twice(
    checker: Callable[..., Clerk], github_sandbox: GitHubSandbox, fault: Fault, code: str
) -> None:
    await checker().send()
    clerk = checker()
    github_sandbox.fail_next(fault)
    with pytest.raises(InDoubt) as doubt:
        await clerk.send()
    assert doubt.value.code == code
    found = await clerk.recover()
    assert isinstance(found, Completed)
    assert found.external_id == f"check_run:{runs(github_sandbox)[1]['id']}"
    assert len(runs(github_sandbox)) == 2


async def test_a_check_run_that_never_arrived_may_be_sent_again(
    checker: Callable[..., Clerk], github_sandbox: GitHubSandbox
) -> None:
    clerk = checker()
    assert await clerk.recover() == NotSubmitted()
    await clerk.send()
    assert len(runs(github_sandbox)) == 1


async def test_annotations_that_were_cut_off_are_added_by_recovery(
    checker: Callable[..., Clerk], github_sandbox: GitHubSandbox, witness: Witness[Contract]
) -> None:
    clerk = checker(annotations=[annotation(number) for number in range(70)])
    github_sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    with pytest.raises(InDoubt):
        await clerk.send()
    assert runs(github_sandbox)[0]["output"]["annotations_count"] == 50
    assert isinstance(await clerk.recover(), Completed)
    assert runs(github_sandbox)[0]["output"]["annotations_count"] == 70


async def test_a_change_whose_answer_was_lost_is_seen_to_be_done(
    checker: Callable[..., Clerk], github_sandbox: GitHubSandbox
) -> None:
    await checker(conclusion=None).send()
    (run,) = runs(github_sandbox)
    change = checker(conclusion="success", check_run_id=run["id"], annotations=[annotation(1)])
    assert await change.recover() == NotSubmitted()
    github_sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    with pytest.raises(InDoubt):
        await change.send()
    assert isinstance(await change.recover(), Completed)
    assert runs(github_sandbox)[0]["output"]["annotations_count"] == 1


async def test_a_comment_is_written_and_carries_its_call(
    writer: Callable[..., Clerk], github_sandbox: GitHubSandbox
) -> None:
    clerk = writer()
    said = await clerk.send()
    (comment,) = comments(github_sandbox)
    assert comment["body"] == f"All is well.\n\n<!-- ac:{clerk.id} -->"
    assert isinstance(said, Completed)
    assert said.external_id == str(comment["id"])
    assert said.result == Said(url=comment["html_url"], comment_id=comment["id"])


@pytest.mark.parametrize(("fault", "code"), LOST)
async def test_a_comment_whose_answer_was_lost_is_found_and_not_written_twice(
    writer: Callable[..., Clerk], github_sandbox: GitHubSandbox, fault: Fault, code: str
) -> None:
    await writer().send()
    clerk = writer()
    assert await clerk.recover() == NotSubmitted()
    github_sandbox.fail_next(fault)
    with pytest.raises(InDoubt) as doubt:
        await clerk.send()
    assert doubt.value.code == code
    found = await clerk.recover()
    assert isinstance(found, Completed)
    assert found.external_id == str(comments(github_sandbox)[1]["id"])
    assert len(comments(github_sandbox)) == 2


async def test_a_comment_on_the_second_page_is_found(
    writer: Callable[..., Clerk], github_sandbox: GitHubSandbox, witness: Witness[Contract]
) -> None:
    for _ in range(101):
        await writer(body="Noise").send()
    clerk = writer()
    await clerk.send()
    witness.exchanges.clear()
    found = await clerk.recover()
    assert found.external_id == clerk.external_id
    assert len(witness.asked("GET", REPOSITORY)) == 2


async def test_a_comment_that_somebody_quotes_is_not_taken_for_the_call(
    writer: Callable[..., Clerk], github_sandbox: GitHubSandbox
) -> None:
    clerk = writer()
    await writer(body=f"> All is well.\n>\n> <!-- ac:{clerk.id} -->\n\nIs it?").send()
    assert await clerk.recover() == NotSubmitted()


async def test_a_comment_is_changed(writer: Callable[..., Clerk], github_sandbox: GitHubSandbox) -> None:
    first = await writer().send()
    change = writer(body="All was well.", comment_id=first.result.comment_id)
    changed = await change.send()
    (comment,) = comments(github_sandbox)
    assert comment["body"] == f"All was well.\n\n<!-- ac:{change.id} -->"
    assert changed.result == first.result
    assert await change.recover() == NotSubmitted()


async def test_a_comment_of_our_app_is_told_of_by_webhook(
    writer: Callable[..., Clerk],
    as_app: Integration[GitHubSettings],
    github_sandbox: GitHubSandbox,
    listener: Listener,
) -> None:
    clerk = writer(as_app)
    said = await clerk.send()
    await github_sandbox.idle()
    told = clerk.hear(*listener.requests[-1])
    assert isinstance(told, Completed)
    assert (told.result, told.external_id, told.reference) == (said.result, said.external_id, clerk.id)


async def test_an_early_webhook_names_the_call_before_we_know_the_run(
    checker: Callable[..., Clerk],
    as_app: Integration[GitHubSettings],
    github_sandbox: GitHubSandbox,
    listener: Listener,
) -> None:
    await checker(as_app).send()  # has a token from now on
    await github_sandbox.idle()
    listener.requests.clear()
    clerk = checker(as_app)
    github_sandbox.fail_next(Fault.EARLY_WEBHOOKS)
    github_sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    with pytest.raises(InDoubt):
        await clerk.send()
    early = clerk.hear(*listener.requests[0])
    assert isinstance(early, Completed)
    assert early.reference == clerk.id


async def test_a_duplicate_webhook_is_the_same_event_twice(
    writer: Callable[..., Clerk],
    as_app: Integration[GitHubSettings],
    github_sandbox: GitHubSandbox,
    listener: Listener,
) -> None:
    clerk = writer(as_app)
    await github_sandbox.idle()
    listener.requests.clear()
    github_sandbox.fail_next(Fault.DUPLICATE_WEBHOOKS)
    await clerk.send()
    await github_sandbox.idle()
    first, second = (clerk.hear(*request) for request in listener.requests)
    assert first == second
    assert first.event_id is not None


async def test_reordered_webhooks_keep_their_own_calls(
    writer: Callable[..., Clerk],
    as_app: Integration[GitHubSettings],
    github_sandbox: GitHubSandbox,
    listener: Listener,
) -> None:
    one, other = writer(as_app), writer(as_app)
    await github_sandbox.idle()
    listener.requests.clear()
    github_sandbox.fail_next(Fault.REORDER_WEBHOOKS)
    await one.send()
    await other.send()
    await github_sandbox.idle()
    assert [one.hear(*request).reference for request in listener.requests] == [other.id, one.id]


async def test_what_was_lost_on_the_way_to_us_comes_home_by_reconciliation(
    checker: Callable[..., Clerk],
    as_app: Integration[GitHubSettings],
    github_sandbox: GitHubSandbox,
    listener: Listener,
) -> None:
    clerk, since = checker(as_app), datetime.now(UTC) - timedelta(minutes=5)
    github_sandbox.fail_next(Fault.LOST_WEBHOOKS)
    github_sandbox.fail_next(Fault.LOST_WEBHOOKS)
    shown = await clerk.send()
    await github_sandbox.idle()
    assert listener.kinds == []
    found = await clerk.reconcile(since)
    assert [(one.external_id, one.reference) for one in found] == [(shown.external_id, clerk.id)] * 2
    assert await clerk.reconcile(since + timedelta(hours=1)) == []


async def test_what_arrived_is_not_reconciled(
    checker: Callable[..., Clerk], as_app: Integration[GitHubSettings], github_sandbox: GitHubSandbox
) -> None:
    clerk = checker(as_app)
    await clerk.send()
    await github_sandbox.idle()
    assert await clerk.reconcile(datetime.now(UTC) - timedelta(minutes=5)) == []


async def test_what_is_no_outcome_is_delivered_again_under_the_same_id(
    checker: Callable[..., Clerk],
    as_app: Integration[GitHubSettings],
    github_sandbox: GitHubSandbox,
    listener: Listener,
) -> None:
    clerk, since = checker(as_app), datetime.now(UTC) - timedelta(minutes=5)
    listener.status = 503
    github_sandbox.open_pull_request()
    await github_sandbox.idle()
    listener.status = 200
    assert await clerk.reconcile(since) == []
    await github_sandbox.idle()
    assert listener.kinds == ["pull_request.opened"] * 2
    assert len({headers["x-github-delivery"] for headers, _ in listener.requests}) == 1
    await clerk.reconcile(since)
    await github_sandbox.idle()
    assert len(listener.requests) == 2


async def test_what_fails_again_and_again_is_left_alone(
    checker: Callable[..., Clerk],
    as_app: Integration[GitHubSettings],
    github_sandbox: GitHubSandbox,
    listener: Listener,
) -> None:
    clerk, since = checker(as_app), datetime.now(UTC) - timedelta(minutes=5)
    listener.status = 500
    github_sandbox.open_pull_request()
    for _ in range(8):
        await github_sandbox.idle()
        await clerk.reconcile(since)
    assert len(listener.requests) == 6


async def test_with_a_token_the_deliveries_of_the_repositorys_webhook_are_asked_for(
    checker: Callable[..., Clerk], serve: Serve, witness: Witness[Contract]
) -> None:
    clerk = checker(serve(hook_repository=REPOSITORY, hook_id="12"))
    assert await clerk.reconcile(datetime.now(UTC)) == []
    assert witness.asked("GET", REPOSITORY) == ["hooks/12/deliveries"]


async def test_where_no_webhook_is_known_nothing_is_reconciled(
    checker: Callable[..., Clerk], witness: Witness[Contract]
) -> None:
    assert await checker().reconcile(datetime.now(UTC)) == []
    assert witness.exchanges == []


async def test_a_throttled_call_waits_as_long_as_github_asks_and_is_carried_out_once(
    checker: Callable[..., Clerk], github_sandbox: GitHubSandbox
) -> None:
    clerk = checker()
    github_sandbox.faults = replace(github_sandbox.faults, retry_after=9)
    github_sandbox.fail_next(Fault.THROTTLE)
    with pytest.raises(Transient) as throttled:
        await clerk.send()
    assert (throttled.value.retry_after, throttled.value.code) == (timedelta(seconds=9), "rate_limit")
    assert statuses(github_sandbox) == []
    await clerk.send()
    assert len(runs(github_sandbox)) == 1


async def test_when_the_hours_requests_are_used_up_the_reset_is_waited_for(
    writer: Callable[..., Clerk], serve: Serve, github_sandbox: GitHubSandbox, http: HTTPClient
) -> None:
    clerk, github = writer(), serve()
    await clerk.send()
    github_sandbox.remaining = 0
    with pytest.raises(Transient) as limited:
        await writer().send()
    assert limited.value.retry_after is not None
    assert timedelta(0) < limited.value.retry_after <= timedelta(hours=1)
    check_health = github.hook("check_health")
    assert check_health is not None
    with pytest.raises(Transient):
        await check_health(http)


async def test_a_comment_in_a_locked_conversation_is_declined_and_pauses_nothing(
    writer: Callable[..., Clerk], github_sandbox: GitHubSandbox
) -> None:
    github_sandbox.lock(1)
    with pytest.raises(Declined) as declined:
        await writer().send()
    assert declined.value.code == "locked"


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        ({"repository": "octo/unknown"}, "not_found"),
        ({"head_sha": "abcdef0"}, "invalid"),
        ({"repository": "octo"}, "unmapped_request"),
        ({"repository": "../.."}, "unmapped_request"),
        ({"repository": "octo/shop/issues"}, "unmapped_request"),
        ({"head_sha": "main/../.."}, "unmapped_request"),
        (
            {"annotations": [Line(path="a", start_line=1, end_line=1, annotation_level="loud", message="x")]},
            "unmapped_request",
        ),
    ],
)
async def test_a_wrong_request_is_our_mistake_and_leaves_nothing_in_doubt(
    checker: Callable[..., Clerk], verdict: dict[str, Any], code: str
) -> None:
    with pytest.raises(Permanent) as wrong:
        await checker(**verdict).send()
    assert wrong.value.code == code


async def test_a_wrong_token_needs_attention_and_is_shown_nowhere(
    checker: Callable[..., Clerk], serve: Serve, http: HTTPClient, caplog: pytest.LogCaptureFixture
) -> None:
    github = serve(token="ghs_a_wrong_token")
    with pytest.raises(NeedsAttention) as refused:
        await checker(github).send()
    try_it = github.hook("test_connection")
    assert try_it is not None
    with pytest.raises(NeedsAttention):
        await try_it(http)
    assert "ghs_a_wrong_token" not in f"{refused.value!r} {refused.value.__cause__!r} {caplog.text}"


async def test_a_token_that_was_revoked_is_tried_once_more_with_another(
    checker: Callable[..., Clerk], as_app: Integration[GitHubSettings], github_sandbox: GitHubSandbox
) -> None:
    await checker(as_app).send()
    await checker(as_app).send()
    github_sandbox._given.clear()
    with pytest.raises(Transient) as revoked:
        await checker(as_app).send()
    assert revoked.value.code == "token_revoked"
    assert isinstance(await checker(as_app).send(), Completed)


async def test_an_app_whose_key_is_wrong_needs_attention(
    checker: Callable[..., Clerk], serve: Serve, github_sandbox: GitHubSandbox
) -> None:
    with pytest.raises(NeedsAttention) as refused:
        await checker(serve(app_id="12", installation_id="77")).send()
    assert refused.value.code == "unauthorized"
    with pytest.raises(NeedsAttention) as unreadable:
        await checker(serve(app_id="12", installation_id="77", app_private_key="nonsense")).send()
    assert unreadable.value.code == "bad_private_key"


async def test_a_good_token_connects(serve: Serve, http: HTTPClient) -> None:
    github = serve()
    for verb in ("test_connection", "check_health"):
        probe = github.hook(verb)
        assert probe is not None
        await probe(http)


async def test_a_missing_token_is_named(
    checker: Callable[..., Clerk], serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    github = serve()
    monkeypatch.delenv("GITHUB_TOKEN")
    with pytest.raises(MissingCredentials, match="GITHUB_TOKEN"):
        await checker(github).send()
    assert [one.name for one in github.credentials() if one.missing] == ["GITHUB_TOKEN"]


async def test_other_names_are_mapped_by_functions(
    serve: Serve, http: HTTPClient, github_sandbox: GitHubSandbox
) -> None:
    pull = github_sandbox.open_pull_request()
    github = serve(
        options={
            "to_check": lambda request: Check(
                repository=REPOSITORY, head_sha=SHA, name="other", conclusion="neutral"
            ),
            "to_check_result": lambda shown: Shown(
                kind="mine", url=None, conclusion=None, check_run_id=shown.id
            ),
            "to_remark": lambda request: Remark(repository=REPOSITORY, number=pull["number"], body="Mapped"),
            "to_comment_result": lambda comment: Said(url="mine", comment_id=comment.id),
        }
    )
    shown = await Clerk(github.handlers[SandboxCheck], http, SandboxCheck(request=Verdict())).send()
    said = await Clerk(github.handlers[SandboxComment], http, SandboxComment(request=Say())).send()
    (run,), (comment,) = runs(github_sandbox), comments(github_sandbox)
    assert (run["name"], run["output"]["title"]) == ("other", None)
    assert shown.result == Shown(kind="mine", url=None, conclusion=None, check_run_id=run["id"])
    assert comment["body"].startswith("Mapped")
    assert said.result == Said(url="mine", comment_id=comment["id"])


async def test_the_frameworks_own_connections_do_the_same(
    serve: Serve, github_sandbox: GitHubSandbox
) -> None:
    github = serve()
    async with github.open_client() as http:
        clerk = Clerk(github.handlers[SandboxCheck], http, SandboxCheck(request=Verdict()))
        github_sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
        with pytest.raises(InDoubt):
            await clerk.send()
        assert isinstance(await clerk.recover(), Completed)
    assert len(runs(github_sandbox)) == 1


class GivenTokens:
    """Tokens from somewhere else."""

    async def token(self, http: HTTPClient) -> SecretStr:
        return TOKEN

    def refused(self, token: SecretStr) -> bool:
        return False


async def test_tokens_may_come_from_elsewhere(
    serve: Serve, http: HTTPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    github = serve(options={"tokens": GivenTokens()})
    monkeypatch.delenv("GITHUB_TOKEN")
    assert isinstance(
        await Clerk(github.handlers[SandboxCheck], http, SandboxCheck(request=Verdict())).send(), Completed
    )


def test_either_class_of_calls_may_be_left_out() -> None:
    assert set(create_github_integration(comment=SandboxComment).handlers) == {SandboxComment}
    assert set(create_github_integration(SandboxCheck).handlers) == {SandboxCheck}
    listening_only = create_github_integration(on_event=pull_opened)
    assert listening_only.handlers == {}
    assert [inbound.path for inbound in listening_only.create_inbounds()] == ["events"]
