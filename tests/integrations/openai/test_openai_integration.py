"""A prompt is answered, or the business is told why not; told as an App lives it, over sockets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlmodel import select
from starlette.types import ASGIApp

from framework import APICall, Event, Payload, derive
from framework.app import App, opened
from framework.errors import DeclarationError, NeedsAttention, Permanent
from framework.integration.assembly import NoWayToRecover
from framework.integration.calls import CallView
from framework.integration.outcomes import Failed
from framework.integration.policy import PollSchedule, Retry
from framework.model.apicall import CallStatus, IntegrationEvent, Standing
from framework.testing.sandbox import Fault, Faults, listening
from integrations.openai import AT_ONCE, IN_BACKGROUND, OpenAISettings, create_openai_integration
from integrations.openai.mapping import Answer, Prompt
from integrations.openai.sandbox import Ending, OpenAISandbox, Refusal
from tests.contracts.witness import Listener
from tests.integrations.openai.conftest import KEY, SECRET

pytestmark = pytest.mark.anyio


class Riddle(Payload):
    input: str
    max_output_tokens: int | None = None
    author: str = "ada"


class Solution(Payload):
    text: str
    output_tokens: int | None = None


class Puzzled(Event, table=True):
    input: str
    max_output_tokens: int | None = None


class Solving(APICall, table=True):
    request: Riddle
    result: Solution | None = None


class Doubt(Payload):
    about: str


class Wondering(APICall, table=True):
    request: Doubt
    result: Doubt | None = None


@derive
def solving(puzzled: Puzzled) -> Solving:
    request = Riddle(input=puzzled.input, max_output_tokens=puzzled.max_output_tokens)
    return Solving(id=puzzled.id, request=request)


FAST = Retry(base=0.01, cap=0.05)
SELDOM = replace(IN_BACKGROUND, retry=FAST, poll=PollSchedule(first=3600, cap=3600))
"""Nobody asks before the hour is over, so that whatever ends before was told."""
OFTEN = replace(IN_BACKGROUND, retry=FAST, poll=PollSchedule(first=0.02, factor=1, cap=0.02))
AT_ONCE_FAST = replace(AT_ONCE, retry=FAST)


class Story:
    """An App whose riddles go to the double, and that takes its deliveries."""

    def __init__(self, app: App, sandbox: OpenAISandbox, listener: Listener) -> None:
        self.app, self.sandbox, self.listener = app, sandbox, listener

    def ask(self, question: str = "Why?", **facts: Any) -> UUID:
        return self.app.dispatch(Puzzled(input=question, **facts)).id

    async def settle(self, *, patience: float = 0) -> None:
        await self.app.settle(timeout=patience)
        await self.sandbox.idle()

    async def deliver(self, headers: Any, body: bytes) -> httpx.Response:
        transport = httpx.ASGITransport(self.app.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://ours") as client:
            return await client.post("/webhooks/openai/events", content=body, headers=dict(headers))

    async def deliver_all(self) -> None:
        """What OpenAI has sent so far reaches the App, which then does what is due."""
        for headers, body in self.listener.requests:
            assert (await self.deliver(headers, body)).status_code == 200
        await self.app.settle()

    def call(self, id: UUID) -> Solving:
        return self.app.get(Solving, id)

    def events(self, id: UUID) -> list[tuple[str, str]]:
        found = self.app.query(select(IntegrationEvent).where(IntegrationEvent.call_id == id))
        return [(event.kind.value, event.source) for event in found if event.standing is Standing.APPLIED]

    def asked(self, method: str) -> int:
        return len([received for received in self.sandbox.requests if received.method == method])


@pytest.fixture
def environment(openai_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY.get_secret_value())
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", f"whsec_b2xk, {SECRET}")
    monkeypatch.setenv("OPENAI_BASE_URL", openai_address)


Make = Callable[..., Story]


@pytest.fixture
def make(
    environment: None, tmp_path: Path, openai_sandbox: OpenAISandbox, listener: Listener
) -> Iterator[Make]:
    with_apps: list[Any] = []

    def make(**options: Any) -> Story:
        integration = create_openai_integration(Solving, **{"policy": SELDOM, **options})
        declared = [Puzzled, Solving, solving]
        app = opened(App([declared], [integration], database=f"sqlite:///{tmp_path}/{len(with_apps)}.db"))
        with_apps.append(app)
        return Story(app.__enter__(), openai_sandbox, listener)

    yield make
    for app in with_apps:
        app.__exit__(None, None, None)


# In the background.


async def test_a_prompt_is_answered_when_a_webhook_says_so(make: Make) -> None:
    story = make()
    id = story.ask("Why is the sky blue?")
    await story.settle()
    (response,) = story.sandbox.responses
    waiting = story.call(id)
    assert (waiting.status, waiting.external_id) == (CallStatus.PROCESSING, response["id"])
    assert response["metadata"] == {"api_call_id": str(id)}
    await story.deliver_all()
    done = story.call(id)
    assert done.status is CallStatus.COMPLETED
    assert done.result == Solution(text="You asked: Why is the sky blue?", output_tokens=7)
    assert story.events(id) == [("initialized", "submit"), ("processing", "submit"), ("completed", "poll")]
    assert story.asked("GET") == 1
    assert story.app.verify() == []


async def test_a_prompt_is_answered_although_no_webhook_comes(make: Make) -> None:
    story = make(policy=OFTEN)
    story.sandbox.fail_next(Fault.LOST_WEBHOOKS)
    id = story.ask()
    await story.settle(patience=5)
    assert story.listener.requests == []
    assert story.call(id).status is CallStatus.COMPLETED
    assert story.app.verify() == []


@dataclass(frozen=True)
class Face:
    """The web face of an App, as something that can be put on a socket."""

    app: ASGIApp

    async def aclose(self) -> None:
        """Nothing is open: the App belongs to the story."""


async def test_a_webhook_that_comes_before_the_answer_of_the_submission_is_not_lost(make: Make) -> None:
    story = make()
    async with listening({"app": Face(story.app.asgi)}) as address:
        story.sandbox.send_webhooks_to(f"{address}/app/webhooks/openai/events")
        story.sandbox.fail_next(Fault.EARLY_WEBHOOKS)
        id = story.ask()
        await story.settle()
    told = sorted(story.app.query(select(IntegrationEvent)), key=lambda event: event.id)
    assert [(event.code or event.kind.value, event.standing) for event in told] == [
        ("poll_now", Standing.STALE),
        ("initialized", Standing.APPLIED),
        ("processing", Standing.APPLIED),
        ("completed", Standing.APPLIED),
    ]
    assert {event.call_id for event in told} == {id}
    assert story.call(id).status is CallStatus.COMPLETED
    assert story.asked("GET") == 1


@pytest.mark.parametrize("fault", [Fault.DUPLICATE_WEBHOOKS, Fault.EARLY_WEBHOOKS])
async def test_a_webhook_that_comes_twice_or_early_asks_once(make: Make, fault: Fault) -> None:
    story = make()
    story.sandbox.fail_next(fault)
    id = story.ask()
    await story.settle()
    await story.deliver_all()
    assert len(story.listener.requests) == (2 if fault is Fault.DUPLICATE_WEBHOOKS else 1)
    assert story.asked("GET") == 1
    assert [kind for kind, _ in story.events(id)] == ["initialized", "processing", "completed"]


async def test_webhooks_in_the_wrong_order_are_as_good_as_any(make: Make) -> None:
    story = make()
    story.sandbox.fail_next(Fault.REORDER_WEBHOOKS)
    calls = [story.ask("One?"), story.ask("Two?")]
    await story.settle()
    await story.deliver_all()
    results = [story.call(id).result for id in calls]
    assert [result.text for result in results if result] == ["You asked: One?", "You asked: Two?"]


async def test_a_webhook_after_the_end_wakes_nobody(make: Make) -> None:
    story = make(policy=OFTEN)
    id = story.ask()
    await story.settle(patience=5)
    before = story.asked("GET")
    await story.deliver_all()
    assert story.call(id).status is CallStatus.COMPLETED
    assert story.asked("GET") == before


async def test_a_forged_webhook_is_refused_and_asks_nobody(make: Make) -> None:
    story = make()
    story.ask()
    await story.settle()
    ((headers, body),) = story.listener.requests
    assert (await story.deliver(headers, body.replace(b"completed", b"cancelled"))).status_code == 401
    assert (await story.deliver({}, body)).status_code == 401
    await story.app.settle()
    assert story.asked("GET") == 0


ENDINGS = [
    (Ending("failed", code="invalid_prompt", message="No."), "No."),
    (Ending("failed", code="server_error", message="Broken."), "Broken."),
    (Ending("incomplete", text="As far as"), "As far as it goes: As far as"),
    (Ending("cancelled"), "cancelled"),
    (Ending(text="", refusal="I will not."), "I will not."),
]


@pytest.mark.parametrize(("ending", "reason"), ENDINGS)
async def test_a_response_that_ends_badly_fails_its_call(make: Make, ending: Ending, reason: str) -> None:
    story = make()
    story.sandbox.end_next(ending)
    id = story.ask()
    await story.settle()
    await story.deliver_all()
    failed = story.call(id)
    assert failed.status is CallStatus.FAILED
    assert failed.error is not None
    assert reason in failed.error
    assert story.app.verify() == []


async def test_a_prompt_that_asks_for_too_little_is_answered_in_part(make: Make) -> None:
    story = make()
    id = story.ask(" ".join(["word"] * 30), max_output_tokens=16)
    await story.settle()
    await story.deliver_all()
    error = story.call(id).error
    assert error is not None
    assert "max_output_tokens" in error
    assert "You asked: word" in error


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER_ACCEPTANCE, Fault.ERROR_AFTER_SUCCESS])
async def test_a_prompt_whose_answer_was_lost_is_left_to_the_operator(make: Make, fault: Fault) -> None:
    story = make()
    story.sandbox.fail_next(fault)
    id = story.ask()
    await story.settle()
    assert story.call(id).status is CallStatus.FAILED
    assert [call.id for call in story.app.dead_calls()] == [id]
    assert len(story.sandbox.responses) == 1


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER_ACCEPTANCE, Fault.ERROR_AFTER_SUCCESS])
async def test_a_prompt_whose_answer_was_lost_is_sent_again_where_the_settings_say_so(
    make: Make, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setenv("OPENAI_ON_DOUBT", "retry")
    story = make()
    story.sandbox.fail_next(fault)
    id = story.ask()
    await story.settle(patience=2)
    await story.deliver_all()
    assert story.call(id).status is CallStatus.COMPLETED
    assert len(story.sandbox.responses) == 2  # both are paid for


async def test_a_throttled_prompt_waits_and_burns_no_attempt(make: Make) -> None:
    story = make(policy=replace(SELDOM, retry=Retry(max_attempts=1, base=0.01)))
    story.sandbox.faults = Faults(retry_after=0)
    story.sandbox.fail_next(Fault.THROTTLE)
    id = story.ask()
    await story.settle(patience=2)
    assert story.call(id).status is CallStatus.PROCESSING
    assert [attempt.code for attempt in story.app.attempts(id)] == ["rate_limit_exceeded", None]


async def test_without_money_the_integration_pauses_and_the_prompt_keeps_its_turn(make: Make) -> None:
    story = make()
    story.sandbox.quota = 0
    id = story.ask()
    await story.settle()
    (health,) = story.app.health()
    assert (story.call(id).status, health.is_well) == (CallStatus.PENDING, False)
    assert story.asked("POST") == 1
    story.sandbox.quota = None
    story.app.resume("openai")
    await story.settle()
    await story.deliver_all()
    assert story.call(id).status is CallStatus.COMPLETED


async def test_a_response_that_openai_has_forgotten_fails_its_call(make: Make) -> None:
    story = make()
    id = story.ask()
    await story.settle()
    story.sandbox.resume({"_books": {"responses": {}, "events": []}})
    await story.deliver_all()
    failed = story.call(id)
    assert (failed.status, failed.error) == (CallStatus.FAILED, "OpenAI no longer knows the response")


async def test_a_look_that_fails_is_taken_again(make: Make) -> None:
    story = make(policy=OFTEN)
    story.sandbox.automatic = False
    id = story.ask()
    await story.settle()
    story.sandbox.fail_next(Fault.THROTTLE)
    story.sandbox.faults = Faults(retry_after=0)
    story.sandbox.finish(story.sandbox.responses[0]["id"])
    await story.settle(patience=5)
    assert story.call(id).status is CallStatus.COMPLETED


async def test_a_call_is_cancelled_at_openai_or_told_how_it_ended(make: Make) -> None:
    story = make()
    story.sandbox.automatic = False
    running, over = story.ask("One?"), story.ask("Two?")
    await story.settle()
    ended = story.call(over).external_id
    assert ended is not None
    story.sandbox.finish(ended)
    desk = story.app.desks[story.app.plan.shapes[Solving]]
    cancel = desk.handlers.cancel
    assert cancel is not None
    async with desk.integration.open_client() as http:
        stopped = await cancel(CallView(story.call(running), idempotency_key="unused"), http)
        told = await cancel(CallView(story.call(over), idempotency_key="unused"), http)
        nothing = await cancel(CallView(Solving(request=Riddle(input="?")), idempotency_key="unused"), http)
    assert isinstance(stopped, Failed)
    assert stopped.code == "cancelled"
    assert told is not None
    assert told.external_id == ended
    assert nothing is None


# At once.


async def test_a_prompt_may_wait_for_its_answer(make: Make) -> None:
    story = make(background=False, policy=AT_ONCE_FAST)
    id = story.ask()
    await story.settle()
    (response,) = story.sandbox.responses
    done = story.call(id)
    assert (done.status, done.external_id) == (CallStatus.COMPLETED, response["id"])
    assert done.result == Solution(text="You asked: Why?", output_tokens=3)
    assert story.listener.requests == []
    assert story.asked("GET") == 0


async def test_a_waiting_prompt_is_asked_again_if_the_model_failed_through_nobodys_fault(make: Make) -> None:
    story = make(background=False, policy=AT_ONCE_FAST)
    for code in ("server_error", "rate_limit_exceeded", "vector_store_timeout"):
        story.sandbox.end_next(Ending("failed", code=code))
    id = story.ask()
    await story.settle(patience=2)
    assert story.call(id).status is CallStatus.COMPLETED
    assert [attempt.code for attempt in story.app.attempts(id)] == [
        "server_error",
        "rate_limit_exceeded",
        "vector_store_timeout",
        None,
    ]


@pytest.mark.parametrize(("ending", "reason"), [ENDINGS[0], ENDINGS[2], ENDINGS[4]])
async def test_a_waiting_prompt_that_ends_badly_fails_its_call(
    make: Make, ending: Ending, reason: str
) -> None:
    story = make(background=False, policy=AT_ONCE_FAST)
    story.sandbox.end_next(ending)
    id = story.ask()
    await story.settle()
    error = story.call(id).error
    assert error is not None
    assert reason in error


async def test_a_waiting_prompt_that_openai_leaves_unfinished_has_failed(make: Make) -> None:
    story = make(background=False, policy=AT_ONCE_FAST)
    story.sandbox.end_next(Ending("in_progress"))
    id = story.ask()
    await story.settle()
    error = story.call(id).error
    assert error is not None
    assert "in_progress" in error


# What holds for both.


@pytest.mark.parametrize("background", [True, False])
async def test_a_refused_prompt_fails_its_call_and_no_other(make: Make, background: bool) -> None:
    story = make(background=background)
    story.sandbox.refuse_next(Refusal(404, "No such model.", code="model_not_found"))
    refused, good = story.ask("One?"), story.ask("Two?")
    await story.settle()
    await story.deliver_all() if background else None
    statuses = sorted(story.call(id).status.value for id in (refused, good))
    assert statuses == ["completed", "failed"]


@pytest.mark.parametrize("background", [True, False])
async def test_the_key_is_tried_without_cost(
    environment: None, openai_sandbox: OpenAISandbox, monkeypatch: pytest.MonkeyPatch, background: bool
) -> None:
    integration = create_openai_integration(Solving, background=background)
    integration.configure()
    probe = integration.hook("test_connection")
    assert probe is not None
    async with integration.open_client() as http:
        await probe(http)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
        with pytest.raises(NeedsAttention) as refused:
            await probe(http)
    assert refused.value.code == "invalid_api_key"
    assert [received.path for received in openai_sandbox.requests] == ["/v1/models"] * 2


async def test_who_pays_is_said_where_the_settings_say_so(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    monkeypatch.setenv("OPENAI_MODEL", "gpt-5-nano")
    story = make()
    story.ask()
    await story.settle()
    headers = story.sandbox.requests[0].headers
    assert (headers["openai-organization"], headers["openai-project"]) == ("org-1", "proj-1")
    assert story.sandbox.responses[0]["model"] == "gpt-5-nano"


async def test_a_request_that_is_no_prompt_is_ours_to_correct_and_never_sent(
    environment: None, openai_sandbox: OpenAISandbox
) -> None:
    integration = create_openai_integration(Wondering, to_result=lambda answer: Doubt(about=answer.text))
    integration.configure()
    submit = integration.handlers[Wondering].submit
    assert submit is not None
    view = CallView(Wondering(request=Doubt(about="a private matter")), idempotency_key="unused")
    async with integration.open_client() as http:
        with pytest.raises(Permanent, match="input: Field required") as refused:
            await submit(view, http)
    assert refused.value.code == "unmapped_request"
    assert "private" not in str(refused.value)
    assert len(openai_sandbox.requests) == 0


async def test_other_names_are_served_by_two_functions(
    environment: None, openai_sandbox: OpenAISandbox
) -> None:
    def to_prompt(doubt: Doubt) -> Prompt:
        return Prompt(input=doubt.about, instructions="Decide.")

    def to_result(answer: Answer) -> Doubt:
        return Doubt(about=answer.text)

    integration = create_openai_integration(
        Wondering, background=False, to_prompt=to_prompt, to_result=to_result
    )
    integration.configure()
    handler = integration.handlers[Wondering].call
    assert handler is not None
    view = CallView(Wondering(request=Doubt(about="Really?")), idempotency_key="unused")
    async with integration.open_client() as http:
        outcome: Any = await handler(view, http)
    assert outcome.result == Doubt(about="You asked: Really?")
    assert openai_sandbox.responses[0]["instructions"] == "Decide."


async def test_in_the_background_two_secrets_are_needed_and_otherwise_one(
    environment: None,
) -> None:
    def wanted(background: bool) -> list[str]:
        integration = create_openai_integration(Solving, background=background)
        integration.configure()
        return [one.name for one in integration.credentials({}) if one.missing]

    assert wanted(True) == ["OPENAI_API_KEY", "OPENAI_WEBHOOK_SECRET"]
    assert wanted(False) == ["OPENAI_API_KEY"]


async def test_nothing_pretends_that_openai_could_be_asked_what_it_got(environment: None) -> None:
    integration = create_openai_integration(Solving)
    integration.configure()
    handlers = integration.handlers[Solving]
    assert (handlers.recover, handlers.reconcile, handlers.policy.on_doubt) == (None, None, "fail")
    hopeful = create_openai_integration(Solving, policy=replace(IN_BACKGROUND, on_doubt="recover"))
    hopeful.configure()
    with pytest.raises(NoWayToRecover):
        _ = hopeful.handlers


async def test_the_settings_say_how_soon_a_silent_response_is_asked_about(
    environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_POLL_SECONDS", "2")
    integration = create_openai_integration(Solving)
    integration.configure()
    assert integration.handlers[Solving].policy.poll.first == 2


def test_a_key_in_the_settings_is_refused_and_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY_REF", "sk-nobody-may-see")
    with pytest.raises(DeclarationError) as refused:
        OpenAISettings()
    assert "nobody-may-see" not in str(refused.value)


async def test_no_secret_is_written_anywhere(
    make: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another-key-that-nobody-may-see")
    story = make()
    id = story.ask()
    await story.settle()
    await story.deliver({"webhook-id": "wh_1"}, b"{}")
    said = caplog.text + repr(story.app.health()) + repr(story.app.attempts(id))
    assert "nobody-may-see" not in said
    assert SECRET not in said
    assert "invalid_api_key" in said
