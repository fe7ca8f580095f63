"""Pigeon as its description has it, and the shop's announcements carried out by its double."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr
from sqlmodel import select

from docs.tutorial.code import shop
from docs.tutorial.code.pigeon import PigeonSettings, create_pigeon_integration
from docs.tutorial.code.pigeon.client import PigeonClient, PigeonRefusal
from docs.tutorial.code.pigeon.errors import as_integration_error
from docs.tutorial.code.pigeon.models import Error, NewMessage
from docs.tutorial.code.pigeon.sandbox import PigeonSandbox
from docs.tutorial.code.pigeon.webhooks import HEADER, sign
from docs.tutorial.code.shop import Announcement, Parcel, ParcelArrived, ParcelStatus
from framework.app import App, opened
from framework.errors import Declined, InDoubt, IntegrationError, NeedsAttention, Transient
from framework.integration.policy import Policy, PollSchedule
from framework.integration.signature import InvalidSignature
from framework.model.apicall import CallStatus
from framework.testing import deliver
from framework.testing.sandbox import listening
from tests.contracts.checker import Contract

pytestmark = pytest.mark.anyio

PHONE = "+43 1 5550100"
CONTRACT = Contract.read(Path(shop.__file__).parent / "pigeon" / "openapi.json")
OFTEN = Policy(poll=PollSchedule(first=0.02, factor=1), on_doubt="recover")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def pigeon() -> PigeonSandbox:
    return PigeonSandbox(automatic=False)


@pytest.fixture
async def address(pigeon: PigeonSandbox) -> AsyncIterator[str]:
    async with listening({"pigeon": pigeon}) as address:
        yield f"{address}/pigeon"


@pytest.fixture
async def app(address: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    for name, value in PigeonSandbox.environment.items():
        monkeypatch.setenv(name, value)
    integration = create_pigeon_integration(Announcement, PigeonSettings(base_url=address), policy=OFTEN)
    with opened(App(modules=[shop], integrations=[integration])) as app:
        yield app
        assert app.verify() == []


def arrive(app: App, phone: str = PHONE) -> UUID:
    return app.dispatch(ParcelArrived(locker="A1", phone=phone)).id


def announcement(app: App) -> Announcement:
    [told] = app.query(select(Announcement))
    return told


def event_about(pigeon: PigeonSandbox, told: Announcement) -> bytes:
    """The body of the webhook that says that the message is on the phone."""
    message = pigeon.messages[told.external_id or ""].model_copy(update={"status": "delivered"})
    return f'{{"event_id": "evt_1", "message": {message.model_dump_json()}}}'.encode()


# The description.


async def test_what_is_sent_and_answered_is_as_described(address: str) -> None:
    exchanges: list[httpx.Response] = []

    async def note(answer: httpx.Response) -> None:
        await answer.aread()
        exchanges.append(answer)

    async with httpx.AsyncClient(trust_env=False, event_hooks={"response": [note]}) as http:
        client = PigeonClient(http, address, SecretStr("sandbox"))
        taken = await client.send(NewMessage(to=PHONE, text="Hello", reference="r1"))
        await client.retrieve(taken.id)
        assert [one.id for one in await client.find("r1")] == [taken.id]
        with pytest.raises(PigeonRefusal):
            await client.retrieve("msg_of_nobody")
    assert [answer.status_code for answer in exchanges] == [202, 200, 200, 404]
    assert [problem for answer in exchanges for problem in problems(answer)] == []


def problems(answer: httpx.Response) -> list[str]:
    asked, path = answer.request, answer.request.url.path.removeprefix("/pigeon")
    sent, received = asked.headers.get("content-type", ""), answer.headers["content-type"]
    query = asked.url.query.decode()
    return [
        *CONTRACT.problems_of_request(asked.method, path, query=query, content_type=sent, body=asked.content),
        *CONTRACT.problems_of_answer(
            asked.method, path, answer.status_code, content_type=received, body=answer.content
        ),
    ]


def test_the_signature_is_the_one_of_the_documentation() -> None:
    at = datetime.fromtimestamp(1_700_000_000, UTC)
    assert (
        sign("sandbox-secret", b"{}", at)
        == "t=1700000000,v1=bdb0099f6787c160763bebd9ef543259389cbb20fa9372794a5ec4020174402d"
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, NeedsAttention), (402, NeedsAttention), (422, Declined), (429, Transient), (500, InDoubt)],
)
def test_each_status_is_somebodys_problem(status: int, kind: type[IntegrationError]) -> None:
    assert type(as_integration_error(PigeonRefusal(status, Error(), None))) is kind


# The shop.


async def test_a_message_that_was_taken_is_processing_under_its_id(app: App, pigeon: PigeonSandbox) -> None:
    arrive(app)
    await app.settle()
    [message] = pigeon.messages.values()
    told = announcement(app)
    assert (told.status, told.external_id) == (CallStatus.PROCESSING, message.id)
    assert message.reference == str(told.id)


async def test_a_signed_webhook_announces_the_parcel(app: App, pigeon: PigeonSandbox) -> None:
    parcel = arrive(app)
    await app.settle()
    body = event_about(pigeon, announcement(app))
    deliver(app, "pigeon", "events", body, dict(pigeon.sign(body)))
    assert app.get(Parcel, parcel).status is ParcelStatus.ANNOUNCED


async def test_a_forged_webhook_moves_nothing(app: App, pigeon: PigeonSandbox) -> None:
    parcel = arrive(app)
    await app.settle()
    body = event_about(pigeon, announcement(app))
    with pytest.raises(InvalidSignature):
        deliver(app, "pigeon", "events", body, {HEADER: sign("another", body, app.clock.now())})
    assert app.get(Parcel, parcel).status is ParcelStatus.ARRIVED


async def test_pigeon_is_asked_when_no_webhook_comes(app: App, pigeon: PigeonSandbox) -> None:
    parcel = arrive(app, phone="+43 1 5550000")
    await app.settle()
    pigeon.arrive(next(iter(pigeon.messages)))
    await app.settle(timeout=5)
    assert app.get(Parcel, parcel).status is ParcelStatus.UNANNOUNCED
    assert announcement(app).error == "The phone is switched off."


async def test_a_lost_answer_sends_no_second_message(app: App, pigeon: PigeonSandbox) -> None:
    arrive(app)
    pigeon.fail_next("drop_after_acceptance")
    await app.settle()
    [message] = pigeon.messages.values()
    assert announcement(app).external_id == message.id
    assert [(one.verb, one.doubtful) for one in app.attempts(announcement(app).id)] == [
        ("submit", True),
        ("recover", False),
    ]


async def test_a_number_that_is_none_is_refused_for_good(app: App) -> None:
    parcel = arrive(app, phone="5550100")
    await app.settle()
    assert app.get(Parcel, parcel).status is ParcelStatus.UNANNOUNCED
    assert len(app.attempts(announcement(app).id)) == 1
