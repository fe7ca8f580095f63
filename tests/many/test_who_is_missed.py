"""Which workers are taken for dead, and what of theirs is due again."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from framework.app import App, opened
from framework.integration import (
    CallView,
    Completed,
    ExternalId,
    HTTPClient,
    Integration,
    Policy,
    PollSchedule,
    shared,
)
from framework.integration.logbook import Logbook
from framework.integration.notice import Notice
from framework.integration.outbox import Outbox
from framework.integration.outboxes import Outboxes
from framework.integration.question import Question
from framework.integration.shared import SharedExecutor
from framework.model.apicall import CallStatus
from framework.runtime.transaction import Transaction
from framework.runtime.waves import follow
from framework.storage.postgres import PostgresDatabase
from framework.storage.presence import Presence
from tests.integration.desk_of_orders import (
    MODULE,
    PAID,
    Charge,
    OrderPlaced,
    Vendor,
    at_once,
    charges,
    place,
)

pytestmark = pytest.mark.anyio

SOON = 5.0
LEASE = Policy().lease
MANY = 5000


@pytest.fixture
def app(postgres_url: str) -> Iterator[App]:
    with opened(App([MODULE], [at_once(Vendor(), on_doubt="retry")], postgres_url)) as app:
        yield app


def another(app: App) -> Presence:
    """The place of a worker of another process."""
    database = app.engine.database
    assert isinstance(database, PostgresDatabase)
    return database.presence()


def greeting(presence: Presence) -> str:
    return Notice(by=presence.token, joined=presence.token).text()


@asynccontextmanager
async def executor_of(app: App) -> AsyncIterator[SharedExecutor]:
    """The executor of a worker that has come, and looks round when it is told to."""
    database = app.engine.database
    assert isinstance(database, PostgresDatabase)
    assert database.crier is not None
    outboxes = Outboxes(app.desks.values(), app.engine)
    executor = SharedExecutor(app.engine, outboxes, database.presence(), database.crier)
    await executor._enter()
    try:
        yield executor
    finally:
        await executor._presence.leave()


def outbox_of(app: App) -> Outbox:
    (desk,) = app.desks.values()
    return Outbox(desk, app.engine.database)


def claim(app: App, worker: str) -> None:
    """Have a call under way at the worker of this name."""
    place(app)
    logbook = Logbook(app.engine.database, worker, app.metrics)
    with app.transaction() as tx:
        assert len(logbook.claim(tx, outbox_of(app), 1)) == 1


def leases(app: App) -> int:
    with app.engine.database.reading() as connection:
        return int(connection.row("SELECT count(*) FROM charge WHERE _leased_until IS NOT NULL")[0])


def rows_read(app: App, question: Question, values: dict[str, Any]) -> int:
    """How many rows of all tables the server has in its hands to do this; it is done then."""

    def read(node: dict[str, Any]) -> int:
        here = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        return int(here * node["Actual Loops"]) + sum(map(read, node.get("Plans", [])))

    with app.transaction() as tx:
        explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {question.sql}"
        ((plan,),) = tx.work.connection.rows(explained, question.parameters.of(values))
    return read(json.loads(plan)[0]["Plan"])


async def test_who_is_missed_is_found_without_looking_through_all_that_is_due(app: App) -> None:
    claim(app, "host:1:00000000")
    place(app)
    outbox = outbox_of(app)
    names = [
        column.name
        for column in app.engine.database.statements[outbox.desk.shape].table.columns
        if column.name not in ("id", "_made_by") and not (column.computed or column.identity)
    ]
    columns = ", ".join(f'"{name}"' for name in names)
    with app.transaction() as tx:
        tx.work.connection.run(
            f"INSERT INTO charge (id, {columns}) SELECT gen_random_uuid(), {columns} FROM charge,"
            f" generate_series(1, {MANY}) WHERE _leased_until IS NULL"
        )
        now = tx.now
        assert outbox.count_due(tx.work.connection, now) == MANY + 1
        assert outbox.leases.missed(tx.work.connection, now, now - LEASE) == {"00000000"}
    values = {"now": now, "latest": now + 2 * LEASE, "renewed": now}
    assert rows_read(app, outbox.leases._missed, values) < 50
    assert leases(app) == 1
    assert rows_read(app, outbox.leases._voiding, values | {"dead": "00000000"}) < 50
    assert leases(app) == 0


async def test_who_comes_takes_over_from_who_does_not_come_back(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(shared, "GRACE", 0.2)
    claim(app, "host:1:00000000")
    async with app.working() as worker:
        await app.settle()
        me = worker.executor.worker
    (call,) = charges(app)
    assert call.status is CallStatus.COMPLETED
    attempts = [(attempt.worker, attempt.code) for attempt in app.attempts(call.id)]
    assert attempts == [("host:1:00000000", "interrupted"), (me, None)]


async def test_who_was_back_between_two_looks_is_missed_anew(app: App) -> None:
    lost = another(app)
    await lost.enter(greeting(lost))
    claim(app, lost.name)
    async with executor_of(app) as executor:
        await executor._look_round()
        await lost.leave()
        await executor._look_round()
        await lost.enter(greeting(lost))
        await lost.leave()
        await executor._look_round()
        assert leases(app) == 1, "it was there a moment ago"
        await executor._look_round()
        assert leases(app) == 0


async def test_who_was_back_while_somebody_came_is_not_missed(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(shared, "GRACE", 0.8)
    lost = another(app)
    claim(app, lost.name)
    async with executor_of(app) as executor:
        seeing = asyncio.create_task(executor._see_to_the_missing())
        await lost.enter(greeting(lost))
        await lost.leave()
        await seeing
    assert leases(app) == 1


class Looks:
    """A vendor that takes what it is sent, and answers who looks at it when it is let go."""

    def __init__(self) -> None:
        self.sent = self.looks = 0
        self.looked = anyio.Event()
        self.let_go = anyio.Event()

    def integration(self) -> Integration[Any]:
        acme: Integration[Any] = Integration("acme", policy=Policy(poll=PollSchedule(first=0.01)))

        @acme.submit(Charge)
        async def send(call: CallView[Any], http: HTTPClient) -> ExternalId:
            self.sent += 1
            return ExternalId(f"ch_{call.id}")

        @acme.poll(Charge)
        async def look(call: CallView[Any], http: HTTPClient) -> Completed:
            self.looks += 1
            self.looked.set()
            await self.let_go.wait()
            return PAID

        return acme


def look_at(app: App) -> None:
    """Have a call looked at by somebody who dies over it: nothing says by whom, and nobody had it before."""

    def operation(tx: Transaction) -> int:
        tx.dispatch(OrderPlaced(customer="ada", total_cents=1250))
        follow(tx.work, complete=False)
        tx.work.flush()
        claimed = outbox_of(app).claim(tx.work.connection, 1, tx.now, "somebody")
        tx.work.connection.run("DELETE FROM millrace_attempt WHERE worker = 'somebody'")
        return len(claimed)

    assert app.engine.write(operation, snapshot=True) == 1  # all of it at once


async def test_what_a_dead_worker_looked_at_others_take_and_not_what_one_of_them_looks_at(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "LOOK_ROUND", 0.1)
    monkeypatch.setattr(shared, "GRACE", 0.3)
    vendor = Looks()
    apps = [App([MODULE], [vendor.integration()], postgres_url) for _ in range(2)]
    apps[0].create()
    lost = another(apps[0])
    await lost.enter(greeting(lost))
    async with apps[0].working(), apps[1].working() as worker:
        place(apps[0])
        await vendor.looked.wait()
        look_at(apps[0])
        await lost.leave()
        with anyio.fail_after(SOON):
            while vendor.looks < 2:
                await worker.activity(0.05)
        assert (vendor.sent, vendor.looks) == (2, 2), "what somebody looked at was taken from him"
        vendor.let_go.set()
        for app in apps:
            await app.settle()
    assert {one.status for one in charges(apps[0])} == {CallStatus.COMPLETED}
    assert apps[0].verify() == []
    for app in apps:
        app.close()


async def test_who_comes_takes_what_nobody_says_he_is_looking_at(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(shared, "GRACE", 0.4)
    vendor = Looks()
    apps = [App([MODULE], [vendor.integration()], postgres_url) for _ in range(2)]
    apps[0].create()
    async with apps[0].working():
        place(apps[0])
        await vendor.looked.wait()
        look_at(apps[0])
        async with apps[1].working() as worker:
            with anyio.fail_after(SOON):
                while vendor.looks < 2:
                    await worker.activity(0.05)
            assert (vendor.sent, vendor.looks) == (2, 2), "what somebody looked at was taken from him"
            vendor.let_go.set()
            for app in apps:
                await app.settle()
    for app in apps:
        app.close()


async def test_who_was_alone_tells_who_comes_to_look_what_there_is(app: App) -> None:
    """What it committed since the other came, and before it heard of that, it has told to nobody."""
    newcomer = another(app)
    async with executor_of(app) as executor:
        listening = asyncio.create_task(executor._listen(SOON))
        await newcomer.enter(greeting(newcomer))
        told: list[Notice] = []
        with anyio.fail_after(SOON):
            while Notice(by=app.engine.token, everything=True) not in told:
                told += [Notice.read(text) async for text in newcomer.heard(0.05)]
        await newcomer.leave()
        listening.cancel()
        await asyncio.wait({listening})
