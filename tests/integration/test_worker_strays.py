"""What waits for nobody, what nobody can read, what does not end: seen, and in nobody's way."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import anyio
import pytest
from pydantic import model_validator
from sqlmodel import select

from framework import APICall, Event, Field, IntegrationEvent, Payload, derive
from framework.app import App, Settings
from framework.clock import ManualClock
from framework.errors import InDoubt
from framework.integration import CallView, Completed, HTTPClient, Integration, Policy
from framework.integration.attempts import former_request_hash
from framework.model.apicall import CallStatus, EventKind, Standing
from framework.storage.errors import UnreadableValue
from framework.testing import emit
from tests.integration import desk_of_orders
from tests.integration.desk_of_orders import (
    MODULE,
    NOON,
    PAID,
    Order,
    OrderStatus,
    Vendor,
    accepted,
    at_once,
    charges,
    open_shop,
    place,
    status,
    submitted,
    tell,
    the_charge,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("each_database")]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


async def test_an_event_whose_call_does_not_come_within_an_hour_is_shown(clock: ManualClock) -> None:
    app = open_shop(submitted(Vendor(accepted)), clock=clock)
    tell(app, "succeeded", "ch_stranger", event="evt_1")
    assert (app.orphans(), app.health()[0].orphans) == ([], 0), "it may have come early"
    clock.advance(timedelta(hours=1))
    (orphan,) = app.orphans()
    assert (orphan.external_id, orphan.standing, orphan.kind) == ("ch_stranger", "orphan", "completed")
    assert app.health()[0].orphans == 1


async def test_an_event_that_has_found_its_call_is_no_orphan(clock: ManualClock) -> None:
    app = open_shop(submitted(Vendor(accepted)), clock=clock)
    tell(app, "succeeded", "ch_1250", event="evt_1")
    place(app)
    await app.settle()
    clock.advance(timedelta(hours=2))
    assert (app.orphans(), app.health()[0].orphans) == ([], 0)


async def test_a_handler_that_does_not_end_is_in_doubt_and_tried_again_under_its_key() -> None:
    async def never(call: object) -> object:
        await anyio.sleep_forever()

    vendor = Vendor(never, PAID)
    limits: dict[str, Any] = {"attempt": timedelta(milliseconds=50), "on_doubt": "retry"}
    clock = ManualClock(NOON)
    app = open_shop(at_once(vendor, **limits), clock=clock)
    order = place(app)
    await app.settle()
    clock.advance(timedelta(minutes=1))
    await app.settle()
    first, second = app.attempts(the_charge(app).id)
    assert (first.code, first.error) == ("too_slow", "the handler did not end within 0.05 seconds")
    assert first.idempotency_key == second.idempotency_key == f"acme:{the_charge(app).id}:0"
    assert (first.number, first.verb, first.doubtful) == (1, "call", True)
    assert status(app, order) is OrderStatus.PAID


class Request(Payload):
    """What older code knows of a letter."""

    text: str


class Note(Event, table=True):
    text: str


def letters(
    asked: type[Payload], served: list[str], jams: Sequence[Exception] = ()
) -> tuple[list[Any], Integration[Any]]:
    """A module of letters whose request is declared so, and an integration that prints them, jams aside."""

    class Letter(APICall, table=True):
        __tablename__ = "letter"
        request: asked  # type: ignore[valid-type]

    def letter(note: Note) -> Letter:
        return Letter(request=asked(**dict.fromkeys(asked.model_fields, note.text)))

    letter.__annotations__ |= {"note": Note, "return": Letter}
    yet_to_come = iter(jams)
    integration = Integration("press", policy=Policy(on_doubt="retry"))

    @integration.call(Letter)
    async def show(call: CallView[Any], http: HTTPClient) -> Completed:
        for jam in yet_to_come:
            raise jam
        served.append(call.request.model_dump_json())
        return Completed()

    return [Note, Letter, derive(letter)], integration


def post(url: str, clock: ManualClock, request: type[Payload], served: list[str]) -> App:
    module, integration = letters(request, served)
    return App([module], [integration], url, Settings(synchronous="OFF"), clock)


class Newer(Payload):
    """What newer code demands of a letter."""

    text: str
    paper: str


class Patient(Newer):
    """Newer code that takes what older code stored."""

    @model_validator(mode="before")
    @classmethod
    def of_older_code(cls, stored: Any) -> Any:
        return {"paper": "plain", **stored} if isinstance(stored, dict) else stored


@pytest.fixture
def kept_url(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    """The URL of a database that outlives an App, of the kind of the test."""
    kind = request.node.callspec.params["each_database"]
    return f"sqlite:///{tmp_path}/post.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")


async def test_a_call_that_newer_code_cannot_read_keeps_no_other_waiting(
    kept_url: str, clock: ManualClock
) -> None:
    old = post(kept_url, clock, Request, [])
    old.create()
    for text in ("one", "two"):
        old.dispatch(Note(text=text))
    old.close()
    served: list[str] = []
    app = post(kept_url, clock, Newer, served)
    app.dispatch(Note(text="three"))
    await app.settle()
    assert served == [json.dumps({"text": "three", "paper": "three"}, separators=(",", ":"))]
    model = next(model for model in app.plan.shapes if model.__name__ == "Letter")
    first = app.query(select(model.id).order_by(model.id))[0]
    with pytest.raises(UnreadableValue) as refusal:
        app.get(model, first)
    assert str(refusal.value) == (
        f"request of letter {first} cannot be read as it is declared now: paper: Field required. "
        "Let the class accept what older code stored, such as with "
        '`@model_validator(mode="before")`, or correct the row.'
    )
    app.close()

    mended = post(kept_url, clock, Patient, served)
    clock.advance(timedelta(minutes=2))
    await mended.settle()
    assert [json.loads(one)["paper"] for one in served] == ["three", "plain", "plain"]
    printed = mended.query(select(mended.plan.named("Letter").model))
    assert {call.status for call in printed} == {CallStatus.COMPLETED}
    assert [len(mended.attempts(call.id)) for call in printed] == [1, 1, 1], "not to read one is no attempt"
    mended.close()


@pytest.mark.parametrize("before", ["as it is", "of what it means", "another"])
async def test_another_request_is_not_sent_under_the_key_of_one_that_may_have_arrived(
    clock: ManualClock, before: str
) -> None:
    served: list[str] = []
    module, press = letters(Request, served, [InDoubt("it jammed")])
    app = App([module], [press], desk_of_orders.in_memory(), Settings(synchronous="OFF"), clock)
    app.create()
    app.dispatch(Note(text='Grüße, "ada" \U0001f54a'))
    await app.settle()
    (letter,) = app.query(select(app.plan.named("Letter").model))
    (first,) = app.attempts(letter.id)
    digest = {
        "as it is": first.request_hash,
        "of what it means": former_request_hash(letter.request.model_dump(mode="json")),
        "another": "0" * 64,
    }[before]
    assert (digest == first.request_hash) is (before == "as it is")
    with app.transaction() as tx:
        assert tx.work.connection.run(f"UPDATE millrace_attempt SET request_hash = '{digest}'") == 1
    clock.advance(timedelta(minutes=1))
    await app.settle()
    refused = app.query(select(IntegrationEvent.code).where(IntegrationEvent.kind == EventKind.FAILED))
    assert (len(served), refused) == ((0, ["request_changed"]) if before == "another" else (1, []))


class RefundRequest(Payload):
    external_id: str


class Refund(APICall, table=True):
    charge_id: UUID = Field(foreign_key="charge.id")
    request: RefundRequest


@derive
def refund(event: IntegrationEvent) -> Refund | None:
    """Money that came after we had told the customer that it did not is given back."""
    if event.standing is not Standing.CONFLICT or event.kind != "completed" or event.call_id is None:
        return None
    return Refund(charge_id=event.call_id, request=RefundRequest(external_id=event.external_id))


def test_a_rule_may_answer_what_contradicts_the_end_of_a_call() -> None:
    app = App([[*MODULE, Refund, refund]])
    app.create()
    place(app)
    emit(app, the_charge(app), "failed", reason="no answer")
    assert app.query(select(Refund)) == []
    emit(app, the_charge(app), "completed")
    (given_back,) = app.query(select(Refund))
    assert given_back.charge_id == charges(app)[0].id
    assert app.query(select(Order))[0].status is OrderStatus.UNPAID
    assert app.verify() == []
