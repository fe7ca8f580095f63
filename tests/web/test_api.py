"""Users ask about calls over HTTP: only those who are known, and only what concerns them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlmodel import select
from starlette.requests import Request

from framework import APICall, CallStatus, Event, Field, Payload, derive
from framework.app import App, Settings
from framework.clock import ManualClock
from framework.errors import DeclarationError, Declined, NeedsAttention, Permanent, Transient
from framework.integration import AuthRef, Completed, Failed, Integration, Outcome, Rate
from framework.integration.secrets import LiteralSecret
from framework.storage.errors import DatabaseBusy
from framework.testing.serving import listening
from framework.web.access import Authorize, BearerTokens, NoTokens, Permits
from integrations.s3 import S3Settings, create_s3_integration
from integrations.s3.sandbox import S3Sandbox
from integrations.s3.signing import Credentials
from tests.integration.desk_of_orders import (
    MODULE,
    NOON,
    Charge,
    OrderStatus,
    Vendor,
    accepted,
    at_once,
    charges,
    history,
    place,
    status,
    submitted,
    the_charge,
)

pytestmark = pytest.mark.anyio

TOKEN = "a-token-that-nobody-may-see"
AS_ADA = {"authorization": f"Bearer {TOKEN}"}
KNOWN = BearerTokens({"ada": AuthRef("env://SHOP_API_TOKEN")})


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_TOKEN", TOKEN)


def open_shop(
    *integrations: Integration[Any],
    modules: list[Any] | None = None,
    authorize: Authorize | None = KNOWN,
    permits: Permits | None = None,
) -> App:
    settings = Settings(synchronous="OFF", authorize=authorize, permits=permits)
    app = App(modules or [MODULE], integrations, clock=ManualClock(NOON), settings=settings)
    app.create()
    return app


@asynccontextmanager
async def browser(app: App, headers: dict[str, str] | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the App's web face that says it is Ada's."""
    transport = httpx.ASGITransport(app.asgi)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://shop.example", headers=AS_ADA if headers is None else headers
    ) as client:
        yield client


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    said: dict[str, Any] = answer.json()
    assert said["status"] == status
    return said


# Who may ask


async def test_nobody_may_ask_an_app_that_does_not_say_who_may() -> None:
    app = open_shop(submitted(Vendor(accepted)), authorize=None)
    place(app)
    async with browser(app) as client:
        said = assert_problem(await client.get(f"/api/calls/{the_charge(app).id}"), 403)
    assert "Settings(authorize=BearerTokens(" in said["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer guessed"},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
    ],
    ids=["none", "a guess", "empty", "another scheme", "no scheme"],
)
async def test_a_stranger_hears_nothing_and_changes_nothing(headers: dict[str, str]) -> None:
    app = open_shop(submitted(Vendor(accepted), looks=[Completed()]))
    order = place(app)
    await app.settle()
    id = the_charge(app).id
    async with browser(app, headers) as client:
        for answer in (
            await client.get(f"/api/calls/{id}"),
            await client.post(f"/api/calls/{id}/query"),
            await client.post(f"/api/calls/{id}/retry"),
            await client.post(f"/api/calls/{id}/cancel"),
            await client.post("/api/acme/weather", json={"call_id": str(id)}),
        ):
            assert_problem(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
    assert status(app, order) is OrderStatus.PLACED


async def test_what_a_stranger_sends_is_not_even_read() -> None:
    read: list[str] = []

    async def body(sender: str) -> AsyncIterator[bytes]:
        read.append(sender)
        yield b"{}"

    for sender, headers, wanted in (("ada", AS_ADA, 422), ("a stranger", {}, 401)):
        said = {**headers, "content-type": "application/json"}
        async with browser(open_shop(inquisitive()), said) as client:
            assert_problem(await client.post("/api/acme/pages", content=body(sender)), wanted)
    assert read == ["ada"]


async def test_while_a_token_is_rotated_both_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_TOKEN", f"{TOKEN}, the-new-one")
    app = open_shop(submitted(Vendor(accepted)))
    place(app)
    for token in (TOKEN, "the-new-one"):
        async with browser(app, {"authorization": f"bearer {token}"}) as client:
            assert (await client.get(f"/api/calls/{the_charge(app).id}")).status_code == 200


async def test_without_any_token_nobody_can_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_API_TOKEN")
    app = open_shop(submitted(Vendor(accepted)))
    async with browser(app, {"authorization": "Bearer "}) as client:
        answer = await client.get(f"/api/calls/{uuid4()}")
    assert_problem(answer, 503)
    assert "SHOP_API_TOKEN" not in answer.text


async def test_an_app_may_know_people_in_its_own_way() -> None:
    async def by_session(request: Request) -> str | None:
        return {"42": "ada"}.get(request.cookies.get("session", ""))

    app = open_shop(submitted(Vendor(accepted)), authorize=by_session)
    place(app)
    async with browser(app, {"cookie": "session=42"}) as client:
        assert (await client.get(f"/api/calls/{the_charge(app).id}")).status_code == 200
    async with browser(app, {"cookie": "session=43"}) as client:
        assert_problem(await client.get(f"/api/calls/{the_charge(app).id}"), 401)


async def test_who_may_not_see_a_call_does_not_hear_that_it_exists() -> None:
    def own(actor: str, operation: str, call: APICall) -> bool:
        return isinstance(call, Charge) and call.customer == actor and operation == "read"

    app = open_shop(submitted(Vendor(accepted)), permits=own)
    place(app, "ada")
    place(app, "bob")
    hers, his = sorted(charges(app), key=lambda charge: charge.customer)
    async with browser(app) as client:
        assert (await client.get(f"/api/calls/{hers.id}")).status_code == 200
        assert_problem(await client.post(f"/api/calls/{hers.id}/cancel"), 404)
        refused = assert_problem(await client.get(f"/api/calls/{his.id}"), 404)
        unknown = assert_problem(await client.get(f"/api/calls/{uuid4()}"), 404)
    assert refused.keys() == unknown.keys()
    assert the_status(app, hers.id) is CallStatus.PENDING


def the_status(app: App, id: UUID) -> CallStatus:
    return app.get(Charge, id).status


# What everybody may ask about a call


async def test_a_call_tells_how_it_stands_and_not_what_it_is_about() -> None:
    app = open_shop(submitted(Vendor(Transient("busy"), accepted)))
    place(app, cents=987654)
    await app.settle()
    charge = the_charge(app)
    async with browser(app) as client:
        answer = await client.get(f"/api/calls/{charge.id}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    said = answer.json()
    (attempt,) = said.pop("attempts")
    assert said == {
        "id": str(charge.id),
        "call": "Charge",
        "integration": "acme",
        "status": "pending",
        "external_id": None,
        "error": None,
        "created_at": "2026-11-20T12:00:00Z",
        "completed_at": None,
    }
    assert (attempt["number"], attempt["error"], attempt["doubtful"]) == (1, "busy", False)
    assert "987654" not in answer.text


async def test_the_vendor_is_asked_now_and_what_it_says_counts() -> None:
    app = open_shop(submitted(Vendor(accepted), looks=[None, Completed(None)]))
    order = place(app)
    await app.settle()
    async with browser(app) as client:
        still = await client.post(f"/api/calls/{the_charge(app).id}/query")
        done = await client.post(f"/api/calls/{the_charge(app).id}/query")
    assert [one.json()["call"]["status"] for one in (still, done)] == ["processing", "completed"]
    assert done.json()["answer"] is None
    assert done.headers["cache-control"] == "no-store"
    assert status(app, order) is OrderStatus.PAID
    assert history(app) == ["initialized", "processing", "completed"]


async def test_what_was_never_sent_cannot_be_asked_about() -> None:
    app = open_shop(submitted(Vendor(accepted), looks=[]))
    place(app)
    async with browser(app) as client:
        said = assert_problem(await client.post(f"/api/calls/{the_charge(app).id}/query"), 409)
    assert "has no external id" in said["detail"]


async def test_without_a_poll_there_is_nothing_to_ask() -> None:
    app = open_shop(submitted(Vendor(accepted)))
    place(app)
    await app.settle()
    async with browser(app) as client:
        assert_problem(await client.post(f"/api/calls/{the_charge(app).id}/query"), 404)


async def test_a_dead_call_is_tried_again_as_a_new_one() -> None:
    app = open_shop(at_once(Vendor(Permanent("wrong"), ValueError("broken"))))
    refused, broken = place(app, "ada"), place(app, "bob")
    await app.settle()
    (dead,) = app.dead_calls()
    (failed,) = [charge for charge in charges(app) if charge.id != dead.id]
    async with browser(app) as client:
        answer = await client.post(f"/api/calls/{dead.id}/retry")
        again = await client.post(f"/api/calls/{dead.id}/retry")
        not_dead = await client.post(f"/api/calls/{failed.id}/retry")
        unknown = await client.post(f"/api/calls/{uuid4()}/retry")
        new = await client.get(answer.headers["location"])
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert new.json()["id"] == answer.json()["id"] != str(dead.id)
    assert "is not dead" in assert_problem(again, 409)["detail"]
    assert_problem(not_dead, 409)
    assert_problem(unknown, 404)
    await app.settle()
    assert {status(app, refused), status(app, broken)} == {OrderStatus.UNPAID, OrderStatus.PAID}


async def test_a_call_is_taken_back_before_it_was_sent() -> None:
    app = open_shop(submitted(Vendor(accepted)))
    order = place(app)
    async with browser(app) as client:
        answer = await client.post(f"/api/calls/{the_charge(app).id}/cancel")
        assert_problem(await client.post(f"/api/calls/{the_charge(app).id}/cancel"), 409)
    assert (answer.json()["status"], answer.json()["error"]) == ("failed", "canceled before it was sent")
    assert status(app, order) is OrderStatus.UNPAID


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("POST", "/query"), ("POST", "/retry"), ("POST", "/cancel")],
)
async def test_a_call_that_nobody_knows_is_not_found(method: str, path: str) -> None:
    async with browser(open_shop(submitted(Vendor(accepted)))) as client:
        assert_problem(await client.request(method, f"/api/calls/{uuid4()}{path}"), 404)
        assert (await client.request(method, f"/api/calls/nonsense{path}")).status_code in (404, 405)


# What an integration answers


class Range(Payload):
    first: int = Field(ge=1)
    last: int = Field(ge=1)


class Pages(Payload):
    text: str
    by: str


def inquisitive(*, fails: Exception | None = None, **policy: Any) -> Integration[Any]:
    acme = submitted(Vendor(accepted), **policy)

    @acme.api(Charge)
    async def pages(charge: Any, http: httpx.AsyncClient, wanted: Range) -> Pages:
        if fails is not None:
            raise fails
        return Pages(text=f"{wanted.first} to {wanted.last}", by=charge.customer)

    @acme.api(Charge)
    async def summary(charge: Any, http: httpx.AsyncClient, wanted: Range | None = None) -> Pages:
        return Pages(text="all" if wanted is None else f"from {wanted.first}", by=charge.customer)

    @acme.api(Charge)
    async def settle_it(charge: Any, http: httpx.AsyncClient) -> Outcome:
        return Failed("the bank is closed", code="closed", external_id=charge.external_id)

    return acme


async def test_an_api_answers_with_a_payload() -> None:
    app = open_shop(inquisitive())
    place(app)
    body = {"call_id": str(the_charge(app).id), "input": {"first": 2, "last": 4}}
    async with browser(app) as client:
        answer = await client.post("/api/acme/pages", json=body)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json()["answer"] == {"text": "2 to 4", "by": "ada"}
    assert answer.json()["call"]["status"] == "pending"


async def test_an_app_asks_itself_in_the_same_way() -> None:
    app = open_shop(inquisitive())
    place(app)
    id = the_charge(app).id
    assert await app.ask(Charge, "pages", id, Range(first=2, last=4)) == Pages(text="2 to 4", by="ada")
    assert await app.ask(Charge, "pages", id, {"first": 2, "last": 4}) == Pages(text="2 to 4", by="ada")
    assert await app.ask(Charge, "summary", id) == Pages(text="all", by="ada")


async def test_an_outcome_of_an_api_is_an_event_of_its_call() -> None:
    app = open_shop(inquisitive())
    order = place(app)
    await app.settle()
    async with browser(app) as client:
        answer = await client.post("/api/acme/settle_it", json={"call_id": str(the_charge(app).id)})
    said = answer.json()["call"]
    assert (said["status"], said["error"]) == ("failed", "the bank is closed")
    assert status(app, order) is OrderStatus.UNPAID


async def test_an_input_may_be_left_out_where_it_has_a_default() -> None:
    app = open_shop(inquisitive())
    place(app)
    id = str(the_charge(app).id)
    async with browser(app) as client:
        short = await client.post("/api/acme/summary", json={"call_id": id})
        long = await client.post("/api/acme/summary", json={"call_id": id, "input": {"first": 3, "last": 9}})
    assert [one.json()["answer"]["text"] for one in (short, long)] == ["all", "from 3"]


async def test_all_that_is_wrong_with_a_request_is_said_at_once_and_nothing_of_it_repeated() -> None:
    app = open_shop(inquisitive())
    place(app)
    body = {"call_id": "hers-4711", "input": {"first": 0, "more": "hers-4712"}, "also": "hers-4713"}
    async with browser(app) as client:
        answer = await client.post("/api/acme/pages", json=body)
    said = assert_problem(answer, 422)
    assert [error["loc"] for error in said["errors"]] == [
        ["call_id"],
        ["input", "first"],
        ["input", "last"],
        ["input", "more"],
        ["also"],
    ]
    assert all(error["msg"] for error in said["errors"])
    assert "hers-47" not in answer.text


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"null"])
async def test_what_is_no_object_is_no_request(content: bytes) -> None:
    async with browser(open_shop(inquisitive())) as client:
        headers = {"content-type": "application/json"}
        assert_problem(await client.post("/api/acme/pages", content=content, headers=headers), 422)


async def test_an_api_takes_only_what_it_declares() -> None:
    app = open_shop(inquisitive())
    place(app)
    body = {"call_id": str(the_charge(app).id), "input": {"first": 1}}
    async with browser(app) as client:
        said = assert_problem(await client.post("/api/acme/settle_it", json=body), 422)
    assert said["errors"][0]["loc"] == ["input"]
    assert the_charge(app).status is CallStatus.PENDING


async def test_a_form_of_another_site_is_no_request() -> None:
    async with browser(open_shop(inquisitive())) as client:
        assert_problem(await client.post("/api/acme/pages", data={"call_id": "1"}), 415)


async def test_a_request_may_not_be_too_long() -> None:
    async with browser(open_shop(inquisitive())) as client:
        headers = {"content-type": "application/json"}
        assert_problem(
            await client.post("/api/acme/pages", content=b" " * (1024 * 1024 + 1), headers=headers), 413
        )


@pytest.mark.parametrize("path", ["/api/acme/weather", "/api/nobody/pages"])
async def test_what_no_integration_answers_is_not_found(path: str) -> None:
    async with browser(open_shop(inquisitive())) as client:
        assert_problem(await client.post(path, json={"call_id": str(uuid4())}), 404)


async def test_an_api_about_a_call_that_nobody_knows_is_not_found() -> None:
    async with browser(open_shop(inquisitive())) as client:
        body = {"call_id": str(uuid4()), "input": {"first": 1, "last": 1}}
        assert_problem(await client.post("/api/acme/pages", json=body), 404)


class Refund(APICall, table=True):
    request: Range


async def test_one_name_may_be_an_api_of_two_classes_of_calls() -> None:
    acme = inquisitive()

    @acme.call(Refund)
    async def refund(call: Any, http: httpx.AsyncClient) -> Completed:
        return Completed()

    @acme.api(Refund, name="pages")
    async def refund_pages(call: Any, http: httpx.AsyncClient) -> Pages:
        return Pages(text="none", by="nobody")

    app = open_shop(acme, modules=[[*MODULE, Refund, FileChosen, refunded]])
    place(app)
    app.dispatch(FileChosen(filename="receipt.txt"))
    (back,) = app.query(select(Refund))
    wanted = {"first": 2, "last": 4}
    async with browser(app) as client:
        of_a_charge = {"call_id": str(the_charge(app).id), "input": wanted}
        charged = await client.post("/api/acme/pages", json=of_a_charge)
        refunded_ = await client.post("/api/acme/pages", json={"call_id": str(back.id)})
        assert_problem(await client.post("/api/acme/pages", json={**of_a_charge, "input": {"first": 0}}), 422)
        assert_problem(
            await client.post("/api/acme/pages", json={"call_id": str(back.id), "input": wanted}), 422
        )
    assert [one.json()["answer"]["text"] for one in (charged, refunded_)] == ["2 to 4", "none"]


VENDORS_WORDS = "the vendor said: hers-4711"


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        (Declined("There are no pages.", code="no_pages"), 409, "There are no pages."),
        (Transient(VENDORS_WORDS, retry_after=timedelta(seconds=7.2)), 503, "Try again later"),
        (NeedsAttention(VENDORS_WORDS, code="revoked"), 503, "operator"),
        (Permanent(VENDORS_WORDS, code="wrong"), 502, "no answer"),
        (ValueError(VENDORS_WORDS), 500, "on this side"),
    ],
    ids=["declined", "transient", "needs attention", "permanent", "a bug"],
)
async def test_the_user_hears_whose_problem_it_is_and_not_what_the_vendor_said(
    error: Exception, status: int, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = open_shop(inquisitive(fails=error))
    place(app)
    body = {"call_id": str(the_charge(app).id), "input": {"first": 1, "last": 1}}
    async with browser(app) as client:
        answer = await client.post("/api/acme/pages", json=body)
    assert shown in assert_problem(answer, status)["detail"]
    assert "hers-4711" not in answer.text
    assert answer.headers.get("retry-after") == ("8" if isinstance(error, Transient) else None)
    assert ("a request" in caplog.text) is (status >= 500)
    assert the_charge(app).status is CallStatus.PENDING


async def test_a_user_who_comes_too_often_hears_when_to_come_back() -> None:
    app = open_shop(inquisitive(rate=Rate(0.1, burst=1)))
    place(app)
    body = {"call_id": str(the_charge(app).id), "input": {"first": 1, "last": 1}}
    async with browser(app) as client:
        first = await client.post("/api/acme/pages", json=body)
        second = await client.post("/api/acme/pages", json=body)
    assert first.status_code == 200
    assert assert_problem(second, 429)["code"] == "rate_reached"
    assert second.headers["retry-after"] == "11"


async def test_users_of_a_paused_integration_hear_that_and_not_why() -> None:
    app = open_shop(inquisitive())
    place(app)
    app.workshop.gates["acme"].pause(VENDORS_WORDS)
    body = {"call_id": str(the_charge(app).id), "input": {"first": 1, "last": 1}}
    async with browser(app) as client:
        answer = await client.post("/api/acme/pages", json=body)
    assert assert_problem(answer, 503)["code"] == "paused"
    assert "hers-4711" not in answer.text


async def test_a_database_that_does_not_answer_is_no_bug_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_shop(inquisitive())

    def broken(*arguments: object) -> None:
        raise DatabaseBusy(url="sqlite:///secret.db", seconds=5.0)

    monkeypatch.setattr(app, "get", broken)
    async with browser(app) as client:
        answer = await client.get(f"/api/calls/{uuid4()}")
    assert_problem(answer, 503)
    assert "secret" not in answer.text


async def test_an_input_that_is_no_payload_is_found_when_the_app_is_built() -> None:
    acme = submitted(Vendor(accepted))

    @acme.api(Charge)
    async def pages(charge: Any, http: httpx.AsyncClient, wanted: int) -> Pages:
        raise AssertionError("nobody asks")

    with pytest.raises(DeclarationError, match=r"pages of integration acme .* extends Payload"):
        open_shop(acme)


# Credentials for a while, and uploads


class Pass(Payload):
    token: SecretStr
    hosts: tuple[str, ...]
    seconds: int


async def test_a_temporary_credential_is_for_the_user_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    acme = submitted(Vendor(accepted))

    @acme.api(Charge)
    async def credentials(charge: Any, http: httpx.AsyncClient) -> Pass:
        return Pass(token=SecretStr("ek_for_an_hour"), hosts=("api.example",), seconds=3600)

    app = open_shop(acme)
    place(app)
    async with browser(app) as client:
        answer = await client.post("/api/acme/credentials", json={"call_id": str(the_charge(app).id)})
    assert answer.json()["answer"] == {
        "token": "ek_for_an_hour",
        "hosts": ["api.example"],
        "seconds": 3600,
    }
    assert answer.headers["cache-control"] == "no-store"
    assert "a request was answered" in caplog.text
    assert "actor=ada" in caplog.text
    assert "ek_for_an_hour" not in caplog.text
    assert TOKEN not in caplog.text


class FileChosen(Event, table=True):
    filename: str


@derive
def refunded(chosen: FileChosen) -> Refund:
    """A receipt that is handed in is refunded."""
    return Refund(request=Range(first=1, last=1))


class FileRequest(Payload):
    filename: str
    content_type: str = "text/plain"
    max_bytes: int = 100


class FileStored(Payload):
    key: str
    size: int


class FileUpload(APICall, table=True):
    request: FileRequest
    result: FileStored | None = None


@derive
def file_upload(chosen: FileChosen) -> FileUpload:
    return FileUpload(request=FileRequest(filename=chosen.filename))


KEYS = Credentials("AKIDNOBODY", "a-secret-that-nobody-may-see")


@pytest.fixture
async def uploads(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    """An App whose files go to a bucket that listens on a socket."""
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS.secret_key)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("S3_BUCKET_NAME", "uploads")
    bucket = S3Sandbox(credentials=KEYS, region="eu-west-1", bucket="uploads", now=ManualClock(NOON).now)
    async with listening({"s3": bucket}) as address:
        settings = S3Settings(base_url=f"{address}/s3")  # type: ignore[call-arg]  # the rest is in the environment
        s3 = create_s3_integration(FileUpload, settings)
        app = open_shop(s3, modules=[[FileChosen, FileUpload, file_upload]])
        app.dispatch(FileChosen(filename="notes.txt"))
        await app.settle()
        yield app
        app.close()


@pytest.mark.parametrize("kind", ["upload_url", "upload_form"])
async def test_a_browser_uploads_past_us_and_confirms(
    uploads: App, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "framework")
    (upload,) = uploads.query(select(FileUpload))
    body = {"call_id": str(upload.id)}
    async with browser(uploads) as client, httpx.AsyncClient(trust_env=False) as outside:
        early = await client.post("/api/s3/confirm_upload", json=body)
        link = (await client.post(f"/api/s3/{kind}", json=body)).json()["answer"]
        if kind == "upload_url":
            sent = await outside.put(link["url"], headers=link["headers"], content=b"Hello")
        else:
            file = {"file": ("notes.txt", b"Hello", "text/plain")}
            sent = await outside.post(link["url"], data=link["fields"], files=file)
        confirmed = await client.post("/api/s3/confirm_upload", json=body)
        over = assert_problem(await client.post(f"/api/s3/{kind}", json=body), 409)
    assert early.json()["call"]["status"] == "processing"
    assert sent.status_code in (200, 201, 204), sent.text
    assert confirmed.json()["call"]["status"] == "completed"
    assert (over["code"], over["detail"]) == ("over", "The upload is over. Make a new call.")
    (stored,) = uploads.query(select(FileUpload))
    assert stored.result is not None
    assert stored.result.size == 5
    assert "X-Amz-Signature" not in caplog.text
    assert json.dumps(link)[1:-1] not in caplog.text
    assert uploads.verify() == []


@pytest.mark.parametrize("tokens", [None, [], {}, "env://SHOP_API_TOKEN"])
def test_tokens_say_who_has_which(tokens: Any) -> None:
    with pytest.raises(NoTokens) as refused:
        BearerTokens(tokens)
    assert str(refused.value) == (
        f"BearerTokens({tokens!r}) knows nobody. Say by which token whom: "
        '`BearerTokens({"operator": AuthRef("env://API_TOKEN")})`.'
    )


@pytest.mark.parametrize("token", ["hunter2", 5])
def test_a_token_is_referred_to_and_not_written_down(token: Any) -> None:
    with pytest.raises(LiteralSecret, match="The token of 'ada'") as refused:
        BearerTokens({"ada": token})
    assert str(token) not in str(refused.value)
