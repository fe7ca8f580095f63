"""Vendors deliver over HTTP: only what is proven is read, and only what is stored is acknowledged."""

import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio
import httpx
import pytest
from sqlmodel import select

from framework import IntegrationEvent
from framework.app import App
from framework.errors import NeedsAttention
from framework.integration import Completed, Delivery, Integration, Reply
from framework.runtime.engine import Engine
from framework.storage.errors import DatabaseBusy
from framework.testing.serving import listening
from tests.integration.desk_of_orders import (
    Charge,
    OrderStatus,
    Vendor,
    accepted,
    at_once,
    open_shop,
    place,
    status,
    submitted,
    the_charge,
)

pytestmark = pytest.mark.anyio

SIGNED = {"signature": "valid"}
SUCCEEDED = {"kind": "succeeded", "charge": "ch_1250", "event": "evt_1"}


@asynccontextmanager
async def browser(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the App's web face, without a socket and without a worker."""
    transport = httpx.ASGITransport(app.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        yield client


def events(app: App) -> int:
    return len(app.query(select(IntegrationEvent)))


@pytest.fixture
def app() -> App:
    return open_shop(submitted(Vendor(accepted)))


async def test_an_order_is_paid_when_the_vendor_says_so(app: App) -> None:
    order = place(app)
    await app.settle()
    async with browser(app) as client:
        answer = await client.post("/webhooks/acme/events", json=SUCCEEDED, headers=SIGNED)
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert status(app, order) is OrderStatus.PAID


async def test_the_same_delivery_may_come_again_and_changes_nothing(app: App) -> None:
    place(app)
    await app.settle()
    async with browser(app) as client:
        codes = [
            (await client.post("/webhooks/acme/events", json=SUCCEEDED, headers=SIGNED)).status_code
            for _ in range(3)
        ]
    assert (codes, events(app)) == ([200, 200, 200], 3)


@pytest.mark.parametrize("headers", [{}, {"signature": "forged"}], ids=["no signature", "a forged one"])
@pytest.mark.parametrize("body", [json.dumps(SUCCEEDED), "{"], ids=["a body", "no JSON"])
async def test_what_is_not_proven_is_neither_read_nor_stored(
    app: App, headers: dict[str, str], body: str
) -> None:
    place(app)
    await app.settle()
    before = events(app)
    async with browser(app) as client:
        answer = await client.post("/webhooks/acme/events", content=body, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 401
    assert events(app) == before


async def test_a_delivery_that_is_no_delivery_is_refused_for_good(app: App) -> None:
    async with browser(app) as client:
        assert (await client.post("/webhooks/acme/events", content=b"{", headers=SIGNED)).status_code == 400


async def test_a_delivery_about_nothing_of_ours_is_acknowledged(app: App) -> None:
    async with browser(app) as client:
        answer = await client.post("/webhooks/acme/events", json={"kind": "weather"}, headers=SIGNED)
    assert (answer.status_code, events(app)) == (200, 0)


@pytest.mark.parametrize(
    "path", ["/webhooks/acme/weather", "/webhooks/nobody/events", "/webhooks/acme", "/else"]
)
async def test_nothing_is_taken_at_other_addresses(app: App, path: str) -> None:
    async with browser(app) as client:
        answer = await client.post(path, json=SUCCEEDED, headers=SIGNED)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_only_deliveries_are_taken(app: App) -> None:
    async with browser(app) as client:
        answer = await client.get("/webhooks/acme/events")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_body_that_is_announced_as_too_long_is_not_even_read(app: App) -> None:
    async def endless() -> AsyncIterator[bytes]:
        raise AssertionError("nobody reads this")
        yield b""

    async with browser(app) as client:
        answer = await client.post(
            "/webhooks/acme/events", content=endless(), headers={**SIGNED, "content-length": "1048577"}
        )
    assert answer.status_code == 413


async def test_a_body_that_turns_out_too_long_is_cut_off(app: App) -> None:
    sent = 0

    async def growing() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b"x" * 65536

    async with browser(app) as client:
        answer = await client.post("/webhooks/acme/events", content=growing(), headers=SIGNED)
    assert (answer.status_code, sent) == (413, 17)


async def test_nothing_is_taken_while_there_is_no_secret_to_verify_with() -> None:
    def verify(delivery: Delivery) -> None:
        raise NeedsAttention("There is no ACME_WEBHOOK_SECRET.", code="no_secret")

    acme = at_once(Vendor())

    @acme.webhook(Charge, path="hook", verify=verify)
    def on_event(delivery: Delivery) -> Completed:
        raise AssertionError("it was not verified")

    app = open_shop(acme)
    async with browser(app) as client:
        answer = await client.post("/webhooks/acme/hook", json={})
    assert answer.status_code == 503
    assert "ACME_WEBHOOK_SECRET" not in answer.text


@contextmanager
def refusing(error: Exception) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:

        def write(self: Engine, operation: object) -> None:
            raise error

        patch.setattr(Engine, "write", write)
        yield


@pytest.mark.parametrize(
    "error",
    [DatabaseBusy(url="sqlite:///secret.db", seconds=5.0), sqlite3.OperationalError("disk is full")],
    ids=["busy", "full"],
)
async def test_what_cannot_be_stored_is_not_acknowledged_so_that_it_comes_again(
    app: App, error: Exception
) -> None:
    order = place(app)
    await app.settle()
    async with browser(app) as client:
        with refusing(error):
            answer = await client.post("/webhooks/acme/events", json=SUCCEEDED, headers=SIGNED)
        assert answer.status_code == 503
        assert "secret" not in answer.text
        assert status(app, order) is OrderStatus.PLACED
        await client.post("/webhooks/acme/events", json=SUCCEEDED, headers=SIGNED)
    assert status(app, order) is OrderStatus.PAID


async def test_a_vendor_that_asks_is_answered() -> None:
    def verify(delivery: Delivery) -> None:
        """Everybody may ask."""

    slack = at_once(Vendor())

    @slack.webhook(Charge, path="hello", verify=verify)
    def challenge(delivery: Delivery) -> Reply:
        return Reply(delivery.json()["challenge"].encode())

    async with browser(open_shop(slack)) as client:
        answer = await client.post("/webhooks/acme/hello", json={"challenge": "3eZbrw1a"})
    assert (answer.status_code, answer.text) == (200, "3eZbrw1a")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_health_tells_how_each_integration_is() -> None:
    app = open_shop(at_once(Vendor(NeedsAttention("401: the key was revoked"))))
    async with browser(app) as client:
        assert (await client.get("/health")).status_code == 503, "nobody carries out calls"
        async with app.working():
            well = await client.get("/health")
            place(app)
            await app.settle()
            ill = await client.get("/health")
    assert (well.status_code, well.json()["status"]) == (200, "ok")
    assert (ill.status_code, ill.json()["status"]) == (200, "degraded")
    (acme,) = ill.json()["integrations"]
    assert acme == {
        "integration": "acme",
        "paused": "401: the key was revoked",
        "breaker": "closed",
        "running": 0,
        "due": 1,
        "dead": 0,
        "orphans": 0,
        "last_error": "401: the key was revoked",
    }
    assert well.json()["database"] == "ok"
    assert well.json()["versions"]["sqlalchemy"]


async def test_a_database_that_does_not_answer_is_no_health(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[object]:
        raise DatabaseBusy(url="sqlite:///shop.db", seconds=5.0)

    monkeypatch.setattr(app, "health", broken)
    async with browser(app) as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.json()["database"]) == (503, "unusable")


class OnASocket:
    """The App's web face as something to serve; its lifespan is kept by the test."""

    def __init__(self, app: App) -> None:
        self.app = app.asgi

    async def aclose(self) -> None:
        """Nothing is held."""


async def test_over_a_socket_calls_leave_and_outcomes_come_home_while_it_is_served(app: App) -> None:
    async with app.asgi.router.lifespan_context(app.asgi), listening({"shop": OnASocket(app)}) as address:
        order = place(app)
        await app.settle()
        assert the_charge(app).external_id == "ch_1250"
        async with httpx.AsyncClient(base_url=f"{address}/shop", trust_env=False) as client:
            answer = await client.post("/webhooks/acme/events", json=SUCCEEDED, headers=SIGNED)
            assert (await client.get("/health")).json()["worker"] == "working"
    assert answer.status_code == 200
    assert status(app, order) is OrderStatus.PAID
    assert not app.is_working()


async def test_an_app_without_its_schema_says_so_before_it_serves() -> None:
    from framework.storage.errors import SchemaMissing
    from tests.integration.desk_of_orders import MODULE

    app = App([MODULE], [Integration("acme")])
    with pytest.raises(SchemaMissing), anyio.fail_after(5):
        async with app.asgi.router.lifespan_context(app.asgi):
            pass
