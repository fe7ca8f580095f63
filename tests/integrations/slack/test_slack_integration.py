"""A notice reaches its channel once, whatever happens on the way; told as an App lives it, over sockets."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlmodel import select

from framework import APICall, Event, Field, Payload, derive
from framework.app import App, opened
from framework.errors import InDoubt, NeedsAttention, Permanent
from framework.integration.calls import CallView
from framework.integration.filling import ResultNotFilled
from framework.integration.integration import Integration
from framework.integration.outcomes import NotSubmitted
from framework.integration.policy import Retry
from framework.model.apicall import CallStatus, IntegrationEvent, Standing
from framework.testing.sandbox import Fault, Faults
from integrations.slack import POLICY, SlackSettings, create_slack_integration
from integrations.slack.client import Pace
from integrations.slack.mapping import Notice, Sent
from integrations.slack.models import Envelope, Interaction
from integrations.slack.sandbox import SlackSandbox
from tests.contracts.witness import Listener
from tests.integrations.slack.conftest import CHANNEL, SECRET, TOKEN

pytestmark = pytest.mark.anyio


class Announcement(Payload):
    channel: str
    text: str
    thread_ts: str | None = None
    campaign: int = 7


class Whereabouts(Payload):
    channel: str
    ts: str
    likes: int = 0


class Announced(Event, table=True):
    channel: str = CHANNEL
    text: str
    thread_ts: str | None = None


class Announcing(APICall, table=True):
    request: Announcement
    result: Whereabouts | None = None


class ButtonPressed(Event, table=True):
    action: str
    person: str
    message: str = Field(index=True)


class Headline(Payload):
    room: str
    title: str


class HeadlinePosting(APICall, table=True):
    request: Headline
    result: Headline | None = None


@derive
def announcing(announced: Announced) -> Announcing:
    request = Announcement(channel=announced.channel, text=announced.text, thread_ts=announced.thread_ts)
    return Announcing(id=announced.id, request=request)


def pressed(interaction: Interaction) -> ButtonPressed | None:
    if interaction.message is None or not interaction.actions:
        return None
    return ButtonPressed(
        action=interaction.actions[0].action_id,
        person=interaction.user.id,
        message=interaction.message.ts,
    )


SOON = replace(POLICY, retry=Retry(base=0.01, cap=0.05), rate=None)
"""Tries again at once, for the patience of tests."""


class Story:
    """An App whose announcements go to the double, and that takes its deliveries."""

    def __init__(self, app: App, sandbox: SlackSandbox) -> None:
        self.app, self.sandbox = app, sandbox

    def announce(self, text: str = "A book was sold", **facts: Any) -> UUID:
        return self.app.dispatch(Announced(text=text, **facts)).id

    async def deliver(self, path: str, headers: Any, body: bytes) -> httpx.Response:
        transport = httpx.ASGITransport(self.app.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://ours") as client:
            return await client.post(f"/webhooks/slack/{path}", content=body, headers=dict(headers))

    def call(self, id: UUID) -> Announcing:
        return self.app.get(Announcing, id)

    def events(self, id: UUID) -> list[tuple[str, str]]:
        found = self.app.query(select(IntegrationEvent).where(IntegrationEvent.call_id == id))
        return [(event.kind.value, event.source) for event in found if event.standing is Standing.APPLIED]

    def texts(self, channel: str = CHANNEL) -> list[str]:
        return [message["text"] for message in self.sandbox.messages(channel)]


@pytest.fixture
def environment(slack_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN.get_secret_value())
    monkeypatch.setenv("SLACK_SIGNING_SECRET", f"of-last-year, {SECRET}")
    monkeypatch.setenv("SLACK_BASE_URL", slack_address)
    monkeypatch.setenv("SLACK_CHANNEL_SECONDS", "0")


@pytest.fixture
def make(environment: None, tmp_path: Path, slack_sandbox: SlackSandbox) -> Iterator[Callable[..., Story]]:
    with_apps: list[Any] = []

    def make(**options: Any) -> Story:
        integration = create_slack_integration(Announcing, **{"policy": SOON, **options})
        declared = [Announced, Announcing, ButtonPressed, announcing]
        app = opened(App([declared], [integration], database=f"sqlite:///{tmp_path}/{len(with_apps)}.db"))
        with_apps.append(app)
        return Story(app.__enter__(), slack_sandbox)

    yield make
    for app in with_apps:
        app.__exit__(None, None, None)


@pytest.fixture
def story(make: Callable[..., Story]) -> Story:
    return make()


async def test_a_notice_is_posted_and_its_call_knows_where(story: Story) -> None:
    id = story.announce("A book was sold")
    await story.app.settle()
    (message,) = story.sandbox.messages(CHANNEL)
    call = story.call(id)
    assert call.status is CallStatus.COMPLETED
    assert call.external_id == f"{CHANNEL}:{message['ts']}"
    assert call.result == Whereabouts(channel=CHANNEL, ts=message["ts"])
    assert message["metadata"] == {"event_type": "millrace_call", "event_payload": {"api_call_id": str(id)}}
    assert story.events(id) == [("initialized", "submit"), ("processing", "submit"), ("completed", "submit")]
    assert story.app.verify() == []


async def test_the_notices_of_a_channel_keep_their_order(story: Story) -> None:
    for number in range(12):
        story.announce(str(number), channel=CHANNEL if number % 2 else "C0OTHER000")
    story.sandbox.faults = Faults(retry_after=0)
    for fault in (Fault.THROTTLE, Fault.DROP_AFTER_ACCEPTANCE, Fault.ERROR_AFTER_SUCCESS):
        story.sandbox.fail_next(fault)
    await story.app.settle(timeout=20)
    assert story.texts() == ["1", "3", "5", "7", "9", "11"]
    assert story.texts("C0OTHER000") == ["0", "2", "4", "6", "8", "10"]


async def test_an_answer_finds_its_thread(story: Story) -> None:
    question = story.announce("A question")
    await story.app.settle()
    first = story.call(question).result
    assert first is not None
    story.announce("An answer", thread_ts=first.ts)
    await story.app.settle()
    assert [one.get("thread_ts") for one in story.sandbox.messages(CHANNEL)] == [None, first.ts]


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER_ACCEPTANCE, Fault.ERROR_AFTER_SUCCESS])
async def test_a_notice_whose_answer_was_lost_is_found_in_its_channel_and_not_posted_again(
    story: Story, fault: Fault
) -> None:
    story.sandbox.fail_next(fault)
    id = story.announce()
    await story.app.settle()
    (message,) = story.sandbox.messages(CHANNEL)
    assert story.call(id).external_id == f"{CHANNEL}:{message['ts']}"
    assert story.events(id)[-1] == ("completed", "recover")
    assert story.app.verify() == []


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER_ACCEPTANCE, Fault.ERROR_AFTER_SUCCESS])
async def test_an_answer_in_a_thread_is_found_there(story: Story, fault: Fault) -> None:
    question = story.announce("A question")
    await story.app.settle()
    asked = story.call(question).result
    assert asked is not None
    story.sandbox.fail_next(fault)
    id = story.announce("An answer", thread_ts=asked.ts)
    await story.app.settle()
    assert story.texts() == ["A question", "An answer"]
    assert story.call(id).status is CallStatus.COMPLETED


async def test_a_notice_that_slack_may_have_posted_and_has_not_is_posted(story: Story) -> None:
    story.sandbox.refuse_next("fatal_error")
    id = story.announce()
    await story.app.settle()
    assert story.texts() == ["A book was sold"]
    assert story.call(id).status is CallStatus.COMPLETED
    assert [attempt.verb for attempt in story.app.attempts(id)] == ["call", "recover", "call"]


async def test_a_notice_is_found_behind_many_others(story: Story, slack_sandbox: SlackSandbox) -> None:
    story.sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    id = story.announce()
    calls = story.app.desks[story.app.plan.shapes[Announcing]]
    view = CallView(story.call(id), idempotency_key="unused")
    async with calls.integration.open_client() as http:
        assert calls.handlers.call is not None
        assert calls.handlers.recover is not None
        with pytest.raises(InDoubt):
            await calls.handlers.call(view, http)
        other = CallView(story.call(story.announce("Other")), idempotency_key="unused")
        for _ in range(250):
            await calls.handlers.call(other, http)
        found = await calls.handlers.recover(view, http)
    assert not isinstance(found, str | NotSubmitted)
    assert found.external_id == f"{CHANNEL}:{slack_sandbox.messages(CHANNEL)[0]['ts']}"


async def test_the_event_that_a_message_has_appeared_completes_a_call_in_doubt(
    make: Callable[..., Story], slack_sandbox: SlackSandbox, listener: Listener
) -> None:
    story = make()
    slack_sandbox.scopes = ("chat:write",)  # so that it cannot be looked for
    slack_sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    id = story.announce()
    await story.app.settle()
    assert story.call(id).status is CallStatus.PENDING
    await slack_sandbox.idle()
    answer = await story.deliver("events", *listener.requests[0])
    assert answer.status_code == 200
    assert story.call(id).status is CallStatus.COMPLETED
    assert story.events(id)[-1] == ("completed", "webhook")
    assert story.app.verify() == []


@pytest.mark.parametrize("fault", [Fault.DUPLICATE_WEBHOOKS, Fault.EARLY_WEBHOOKS])
async def test_an_event_that_comes_twice_or_too_early_changes_nothing(
    story: Story, listener: Listener, fault: Fault
) -> None:
    story.sandbox.fail_next(fault)
    id = story.announce()
    await story.app.settle()
    await story.sandbox.idle()
    for headers, body in listener.requests:
        assert (await story.deliver("events", headers, body)).status_code == 200
    assert len(listener.requests) == (2 if fault is Fault.DUPLICATE_WEBHOOKS else 1)
    assert [kind for kind, _ in story.events(id)] == ["initialized", "processing", "completed"]
    assert story.texts() == ["A book was sold"]


@pytest.mark.parametrize("fault", [Fault.LOST_WEBHOOKS, Fault.REORDER_WEBHOOKS])
async def test_nothing_waits_for_an_event(story: Story, fault: Fault) -> None:
    story.sandbox.fail_next(fault)
    id = story.announce()
    await story.app.settle()
    assert story.call(id).status is CallStatus.COMPLETED


async def test_an_app_that_may_not_read_leaves_what_is_in_doubt_to_its_operator(
    make: Callable[..., Story],
) -> None:
    story = make(policy=replace(SOON, on_doubt="fail"))
    story.sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    id = story.announce()
    await story.app.settle()
    assert story.call(id).status is CallStatus.FAILED
    assert [call.id for call in story.app.dead_calls()] == [id]
    assert story.texts() == ["A book was sold"]


async def test_a_throttled_notice_waits_and_burns_no_attempt(make: Callable[..., Story]) -> None:
    story = make(policy=replace(SOON, retry=Retry(max_attempts=1, base=0.01)))
    story.sandbox.faults = Faults(retry_after=0)
    story.sandbox.fail_next(Fault.THROTTLE)
    id = story.announce()
    await story.app.settle(timeout=10)
    assert story.call(id).status is CallStatus.COMPLETED
    assert [attempt.code for attempt in story.app.attempts(id)] == ["ratelimited", None]


async def test_a_channel_that_refuses_fails_its_call_and_no_other(story: Story) -> None:
    archived, good = story.announce(channel="C0ARCHIVED"), story.announce()
    await story.app.settle()
    failed = story.call(archived)
    assert failed.status is CallStatus.FAILED
    assert failed.error is not None
    assert "is_archived" in failed.error
    assert story.call(good).status is CallStatus.COMPLETED


async def test_a_revoked_token_pauses_the_integration_until_somebody_mends_it(story: Story) -> None:
    story.sandbox.revoked = True
    id = story.announce()
    await story.app.settle()
    (health,) = story.app.health()
    assert (story.call(id).status, health.is_well) == (CallStatus.PENDING, False)
    story.sandbox.revoked = False
    story.app.resume("slack")
    await story.app.settle()
    assert story.call(id).status is CallStatus.COMPLETED


async def test_slack_hears_its_challenge_only_where_it_has_proven_itself(story: Story) -> None:
    headers, body = story.sandbox.challenge()
    answer = await story.deliver("events", headers, body)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["challenge"] in body.decode()
    forged = await story.deliver("events", {**headers, "X-Slack-Signature": "v0=" + "0" * 64}, body)
    assert forged.status_code == 401
    assert "challenge" not in forged.text


async def test_a_button_that_is_pressed_becomes_an_event_of_the_business_once(
    make: Callable[..., Story],
) -> None:
    story = make(on_interaction=pressed)
    id = story.announce("May it be sold?")
    await story.app.settle()
    where = story.call(id).result
    assert where is not None
    headers, body = story.sandbox.pressed(CHANNEL, where.ts, "approve", "7", user="U0ADA")
    for _ in range(2):
        assert (await story.deliver("interactions", headers, body)).status_code == 200
    (event,) = story.app.query(select(ButtonPressed))
    assert (event.action, event.person, event.message) == ("approve", "U0ADA", where.ts)
    forged = await story.deliver("interactions", headers, body + b"&x=1")
    assert forged.status_code == 401


async def test_what_happens_in_slack_becomes_an_event_of_the_business(
    make: Callable[..., Story], listener: Listener
) -> None:
    def heard(envelope: Envelope) -> ButtonPressed | None:
        return ButtonPressed(action=envelope.kind, person="", message=envelope.event["message_ts"])

    story = make(on_event=heard)
    story.announce()
    await story.app.settle()
    await story.sandbox.idle()
    await story.deliver("events", *story.sandbox.challenge())
    for _ in range(2):
        await story.deliver("events", *listener.requests[0])
    (event,) = story.app.query(select(ButtonPressed))
    assert (event.action, event.message) == (
        "message_metadata_posted",
        story.sandbox.messages(CHANNEL)[0]["ts"],
    )


async def test_messages_of_a_channel_are_sent_apart_so_that_slack_throttles_none(
    make: Callable[..., Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_CHANNEL_SECONDS", "0.15")
    story = make()
    story.sandbox.channel_seconds = 0.05
    calls = [story.announce(str(number)) for number in range(4)]
    await story.app.settle(timeout=10)
    assert story.texts() == ["0", "1", "2", "3"]
    assert [len(story.app.attempts(id)) for id in calls] == [1, 1, 1, 1]


def test_a_pace_holds_for_each_channel_by_itself() -> None:
    pace = Pace()
    assert [pace.take("C1", 10.0, 1.0), pace.take("C1", 10.0, 1.0), pace.take("C2", 10.0, 1.0)] == [0, 1, 0]
    assert pace.take("C1", 10.5, 1.0) == 1.5
    assert pace.take("C1", 20.0, 1.0) == 0


@pytest.fixture
def bare(environment: None) -> Integration[SlackSettings]:
    integration = create_slack_integration(Announcing)
    integration.configure()
    return integration


async def test_the_token_is_tried_without_a_trace(
    bare: Integration[SlackSettings], slack_sandbox: SlackSandbox
) -> None:
    probe = bare.hook("test_connection")
    assert probe is not None
    async with bare.open_client() as http:
        await probe(http)
        slack_sandbox.revoked = True
        with pytest.raises(NeedsAttention) as refused:
            await probe(http)
    assert refused.value.code == "token_revoked"
    assert [received.path for received in slack_sandbox.requests] == ["/api/auth.test"] * 2
    assert slack_sandbox.books()["messages"] == {}


async def test_a_missing_token_needs_the_operator_and_nothing_is_sent(
    bare: Integration[SlackSettings], slack_sandbox: SlackSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    handler = bare.handlers[Announcing].call
    assert handler is not None
    view = CallView(Announcing(request=Announcement(channel=CHANNEL, text="Hello")), idempotency_key="unused")
    async with bare.open_client() as http:
        with pytest.raises(NeedsAttention, match="SLACK_BOT_TOKEN"):
            await handler(view, http)
    assert len(slack_sandbox.requests) == 0


async def test_a_request_that_is_no_notice_is_ours_to_correct_and_never_sent(
    environment: None, slack_sandbox: SlackSandbox
) -> None:
    integration = create_slack_integration(
        HeadlinePosting, to_result=lambda sent: Headline(room="", title="")
    )
    integration.configure()
    handlers = integration.handlers[HeadlinePosting]
    assert handlers.call is not None
    assert handlers.policy.ordering_key is not None
    view = CallView(HeadlinePosting(request=Headline(room="R", title="secret")), idempotency_key="unused")
    async with integration.open_client() as http:
        with pytest.raises(Permanent, match="channel: Field required") as refused:
            await handlers.call(view, http)
    assert refused.value.code == "unmapped_request"
    assert "secret" not in str(refused.value)
    assert handlers.policy.ordering_key(view) == ""
    assert len(slack_sandbox.requests) == 0


async def test_other_names_are_served_by_two_functions(
    environment: None, slack_sandbox: SlackSandbox
) -> None:
    def to_notice(headline: Headline) -> Notice:
        return Notice(channel=headline.room, text=headline.title)

    def to_result(sent: Sent) -> Headline:
        return Headline(room=sent.channel, title=sent.ts)

    integration = create_slack_integration(HeadlinePosting, to_notice=to_notice, to_result=to_result)
    integration.configure()
    handler = integration.handlers[HeadlinePosting].call
    assert handler is not None
    view = CallView(HeadlinePosting(request=Headline(room=CHANNEL, title="News")), idempotency_key="unused")
    async with integration.open_client() as http:
        outcome: Any = await handler(view, http)
    (message,) = slack_sandbox.messages(CHANNEL)
    assert outcome.result == Headline(room=CHANNEL, title=message["ts"])


def test_a_result_that_slack_cannot_fill_is_found_at_once() -> None:
    with pytest.raises(ResultNotFilled, match="room, title of Headline"):
        create_slack_integration(HeadlinePosting)


async def test_the_manifest_names_both_secrets(bare: Integration[SlackSettings]) -> None:
    assert [(one.name, one.present) for one in bare.credentials()] == [
        ("SLACK_BOT_TOKEN", True),
        ("SLACK_SIGNING_SECRET", True),
    ]


async def test_no_secret_is_written_anywhere(
    story: Story, caplog: pytest.LogCaptureFixture, listener: Listener
) -> None:
    caplog.set_level("DEBUG")
    story.sandbox.revoked = True
    id = story.announce()
    await story.app.settle()
    await story.deliver("events", {"X-Slack-Signature": "v0=0"}, b"{}")
    said = caplog.text + repr(story.app.health()) + repr(story.app.attempts(id))
    assert TOKEN.get_secret_value() not in said
    assert SECRET not in said
    assert "token_revoked" in said
