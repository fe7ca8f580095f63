"""A process that does not work knows how vendors are, and is missed when it goes."""

import os
import signal
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import psycopg
import pytest

from framework.app import App, Settings
from framework.errors import NeedsAttention, Transient
from framework.integration import Breaker
from framework.integration.visit import IsPaused
from framework.storage.postgres import PostgresDatabase
from tests.integration.desk_of_orders import MODULE, Vendor, at_once, place
from tests.many.conftest import Town
from tests.many.programs import Build
from tests.many.shop import OrderPlaced

pytestmark = pytest.mark.anyio

SOON = 5.0
REVOKED = NeedsAttention("the key is revoked")


def shop(url: str, vendor: Vendor, *, works: bool = True, **policy: object) -> App:
    settings = Settings(synchronous="OFF", works=works)
    app = App([MODULE], [at_once(vendor, **policy)], url, settings=settings)
    app.create()
    return app


async def until(condition: Callable[[], bool]) -> None:
    never = anyio.Event()
    with anyio.fail_after(SOON):
        while not condition():
            with anyio.move_on_after(0.002):
                await never.wait()


async def health(app: App) -> Any:
    """What a request to the health of a process is told."""
    transport = httpx.ASGITransport(app.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as web:
        return (await web.get("/health")).json()


def served(app: App) -> Any:
    return app.asgi.router.lifespan_context(app.asgi)


async def test_whoever_is_served_is_told_what_is_paused_and_that_it_goes_on(postgres_url: str) -> None:
    vendor = Vendor(REVOKED)
    one, web = shop(postgres_url, vendor), shop(postgres_url, Vendor(), works=False)
    async with one.working(), served(web):
        place(web)
        await until(lambda: web.health()[0].paused is not None)
        told = await health(web)
        assert (told["status"], told["worker"]) == ("degraded", "elsewhere")
        assert told["integrations"][0]["paused"] == one.health()[0].paused == "the key is revoked"
        with pytest.raises(IsPaused):
            async with web.workshop._visit(web.workshop._desks[0]):
                raise AssertionError("a paused vendor was asked")
        one.resume("acme")
        await until(lambda: web.health()[0].paused is None)
        assert (await health(web))["status"] == "ok"
    one.close()
    web.close()


async def test_who_comes_late_asks_how_vendors_are_and_who_works_takes_no_pause_from_that(
    postgres_url: str,
) -> None:
    vendor, other = Vendor(REVOKED), Vendor()
    one, two = shop(postgres_url, vendor), shop(postgres_url, other)
    web = shop(postgres_url, Vendor(), works=False)
    async with one.working():
        place(one)
        await until(lambda: one.health()[0].paused is not None)
        async with two.working(), web.listening():
            await until(lambda: web.health()[0].paused is not None)
            assert two.health()[0].paused is None, "it may have another key"
    for app in (one, two, web):
        app.close()


async def test_a_breaker_that_is_open_is_open_for_readers_and_closes_for_them(postgres_url: str) -> None:
    vendor = Vendor(Transient("503"))
    one = shop(postgres_url, vendor, breaker=Breaker(threshold=1, reset=0.5))
    web = shop(postgres_url, Vendor(), works=False)
    async with web.listening(), one.working():
        place(one)
        await until(lambda: web.health()[0].breaker == "open")
        await until(lambda: web.health()[0].breaker == "closed")
        assert len(vendor.tries) == 2
    one.close()
    web.close()


async def test_who_was_cut_off_asks_anew(postgres_url: str) -> None:
    one, web = shop(postgres_url, Vendor(REVOKED)), shop(postgres_url, Vendor(), works=False)
    async with one.working(), web.listening():
        place(one)
        await until(lambda: web.health()[0].paused is not None)
        gate = web.workshop.gates["acme"]
        gate.paused = "what has long been mended"
        await cut(postgres_url, "listener")
        await until(lambda: gate.paused == "the key is revoked")
    one.close()
    web.close()


async def test_a_pause_that_its_worker_doubts_and_finds_gone_is_over_for_all(postgres_url: str) -> None:
    one, web = shop(postgres_url, Vendor(REVOKED)), shop(postgres_url, Vendor(), works=False)
    async with one.working(), web.listening():
        place(one)
        await until(lambda: web.health()[0].paused is not None)
        await cut(postgres_url, "worker")
        await until(lambda: web.health()[0].paused is None)
    one.close()
    web.close()


async def cut(url: str, whom: str) -> None:
    """Cut off those who hear what is told, of one kind."""
    sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(sql, [f"millrace {whom}"])


def is_listened_to(app: App) -> bool:
    database = app.engine.database
    assert isinstance(database, PostgresDatabase)
    with database.reading() as connection:
        sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1::bigint::oid"
        return bool(connection.row(sql, [database.workers + 2])[0])


def die_before_it_is_told(build: Build, url: str, port: int) -> None:
    """Listen, commit an order, and be killed before anybody is told of it."""

    async def served() -> None:
        app = build(url, port, works=False)
        async with app.listening():
            await until(lambda: is_listened_to(app))
            app.engine.listeners.clear()
            app.dispatch(OrderPlaced(customer="ada", cents=1))
            os.kill(os.getpid(), signal.SIGKILL)

    anyio.run(served)


def test_what_a_process_committed_that_died_before_it_told_of_it_is_looked_for(town: Town) -> None:
    town.worker()
    process = town.begin(die_before_it_is_told, town.build, town.app.url, town.port)
    process.join(SOON)
    assert process.exitcode == -signal.SIGKILL
    town.until(lambda: len(town.books.entries("charged")) == 1, within=SOON)
