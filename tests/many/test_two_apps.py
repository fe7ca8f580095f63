"""Two Apps on one PostgreSQL, each as a process would have it: one tells the other what there is to do."""

import asyncio
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from uuid import UUID

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import psycopg
import pytest
from sqlmodel import select

from framework import Entity, Field, Retention, tenant
from framework.app import App, NobodyWorks, Settings, opened
from framework.errors import NeedsAttention
from framework.integration import notice, shared
from framework.integration.notice import EVERYTHING, Notice
from framework.integration.shared import SharedExecutor
from framework.integration.worker import Worker
from framework.model.apicall import CallStatus
from framework.model.record import Record
from framework.storage.crier import Crier
from framework.storage.errors import DatabaseUnreachable
from framework.storage.postgres import PostgresDatabase
from tests.integration.desk_of_orders import (
    MODULE,
    PAID,
    OrderPlaced,
    OrderStatus,
    Vendor,
    at_once,
    charges,
    place,
    status,
)
from tests.tenancy.till import Placed, Till, open_till

pytestmark = pytest.mark.anyio

SOON = 5.0


def shop(url: str, vendor: Vendor, **policy: object) -> App:
    app = App([MODULE], [at_once(vendor, **policy)], url, settings=Settings(synchronous="OFF"))
    app.create()
    return app


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


class Held:
    """A vendor that answers when it is let go."""

    def __init__(self) -> None:
        self.called = anyio.Event()
        self.let_go = anyio.Event()

    async def __call__(self, call: object) -> object:
        self.called.set()
        await self.let_go.wait()
        return PAID


async def until(condition: Callable[[], bool], worker: Worker) -> None:
    """Return when it is so; the worker may have made it so whenever it did something."""
    with anyio.fail_after(SOON):
        while not condition():
            await worker.activity(SOON)


async def test_a_call_that_is_committed_late_waits_for_a_younger_one_of_its_key(url: str) -> None:
    held = Held()
    first, second = Vendor(held), Vendor()
    one = shop(url, first, ordering_key=lambda call: call.customer)
    two = shop(url, second, ordering_key=lambda call: call.customer)
    placed, finish = threading.Event(), threading.Event()

    def late() -> None:
        with two.transaction() as tx:
            tx.dispatch(OrderPlaced(customer="ada", total_cents=1))
            placed.set()
            finish.wait(SOON)

    async with one.working() as worker:
        begun = threading.Thread(target=late)
        begun.start()
        await anyio.to_thread.run_sync(placed.wait, SOON)
        place(two, "ada", 2)
        await held.called.wait()
        finish.set()
        await anyio.to_thread.run_sync(begun.join)
        await two.settle()
        assert len(first.tries + second.tries) == 1, "two calls of one key are under way"
        held.let_go.set()
        await until(lambda: len(first.tries) == 2, worker)
        await one.settle()
    assert [call.request.amount_cents for call in first.tries] == [2, 1]
    assert {one.status for one in charges(two)} == {CallStatus.COMPLETED}
    one.close()
    two.close()


async def test_settling_waits_for_what_another_worker_has_under_way_if_it_may(url: str) -> None:
    held = Held()
    one, two = shop(url, Vendor(held)), shop(url, Vendor())
    async with one.working():
        order = place(two)
        await held.called.wait()
        await two.settle()
        assert status(two, order) is OrderStatus.PLACED
        settling = asyncio.create_task(two.settle(timeout=SOON))
        held.let_go.set()
        with anyio.fail_after(SOON / 2):
            await settling
    assert status(two, order) is OrderStatus.PAID
    one.close()
    two.close()


async def test_who_comes_leaves_the_calls_of_who_was_only_cut_off_to_him(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "FIRST_PAUSE", 0.5)
    held = Held()
    first, second = Vendor(held), Vendor()
    one, two = shop(url, first), shop(url, second)
    async with one.working():
        order = place(one)
        await held.called.wait()
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'millrace worker'"
            )
        await two.settle()  # the only worker that is there, for half a second
        assert (len(first.tries), second.tries) == (1, [])
        held.let_go.set()
        await one.settle()
    assert status(one, order) is OrderStatus.PAID
    assert (len(first.tries), second.tries) == (1, [])
    one.close()
    two.close()


def hand(app: App, order: UUID, token: str) -> None:
    """Have the call of an order under way at another worker."""
    with app.transaction() as tx:
        tx.work.connection.run(
            "UPDATE millrace_attempt SET worker = 'host:1:' || $1::text WHERE call_id ="
            " (SELECT id FROM charge WHERE order_id = $2::uuid)",
            (token, str(order)),
        )


@pytest.mark.parametrize("comes", [True, False], ids=["by who comes", "by who is there"])
async def test_only_who_was_missed_all_the_while_is_taken_over_from(
    url: str, monkeypatch: pytest.MonkeyPatch, comes: bool
) -> None:
    for name, seconds in {"LONGEST_PAUSE": 0.0, "GRACE": 0.2, "LOOK_ROUND": 0.1}.items():
        monkeypatch.setattr(shared, name, seconds)
    held = Held()
    first, second = Vendor(held, held), Vendor()
    one, two = shop(url, first), shop(url, second, on_doubt="retry")
    database = two.engine.database
    assert isinstance(database, PostgresDatabase)
    dead, cut = database.presence(), database.presence()
    for presence in (dead, cut):
        await presence.enter("{}")
    take_over = SharedExecutor.recover
    async with one.working() as theirs:

        def recover(self: SharedExecutor, tokens: Collection[str] = (), *since: datetime) -> int:
            if self is theirs.executor:
                return 0
            anyio.from_thread.run(cut.leave)  # in this very moment
            return take_over(self, tokens, *since)

        monkeypatch.setattr(SharedExecutor, "recover", recover)
        orders = [place(one, "ada", 1), place(one, "bob", 2)]
        await until(lambda: len(first.tries) == 2, theirs)
        for order, presence in zip(orders, (dead, cut), strict=True):
            hand(one, order, presence.token)
        if comes:
            await dead.leave()
        async with two.working() as worker:
            await dead.leave()
            await until(lambda: bool(second.tries), worker)
            await two.settle()
        assert [call.request.amount_cents for call in second.tries] == [1]
        held.let_go.set()
        await one.settle()
    assert [status(one, order) for order in orders] == [OrderStatus.PAID] * 2
    one.close()
    two.close()


async def test_nobody_waits_for_a_worker_that_has_gone_before_it_saw_to_the_missing(url: str) -> None:
    held = Held()
    one, two = shop(url, Vendor(held)), shop(url, Vendor())
    async with one.working():
        order = place(one)
        await held.called.wait()
        hand(one, order, "00000000")
        async with two.working() as worker:
            settling = asyncio.create_task(worker.settle())
            await anyio.lowlevel.checkpoint()
            assert not settling.done()
        with anyio.fail_after(SOON):
            await settling
        held.let_go.set()
    one.close()
    two.close()


async def test_an_integration_that_is_resumed_in_one_process_goes_on_in_another(url: str) -> None:
    vendor = Vendor(NeedsAttention("the key is revoked"))
    one, two = shop(url, vendor), shop(url, Vendor())
    async with one.working() as worker:
        order = place(two)
        await until(lambda: one.health()[0].paused is not None, worker)
        two.resume("acme")
        await until(lambda: len(vendor.tries) == 2, worker)
        await one.settle()
    assert status(two, order) is OrderStatus.PAID
    one.close()
    two.close()


class Channel(Entity, table=True):
    name: str = ""


class Note(Entity, table=True):
    channel_id: UUID = Field(foreign_key="channel.id", index=True)


class Toast(Entity, table=True):
    text: str = ""


KEPT = [Channel, Note, Toast, Retention(Note, cap=2, per="channel_id"), Retention(Toast, cap=2)]


async def left(app: App, model: type[Record], many: int) -> None:
    """Return when the App has seen to it that so many are left."""
    gone, loop = asyncio.Event(), asyncio.get_running_loop()
    app.engine.listeners.append(lambda work: loop.call_soon_threadsafe(gone.set))
    with anyio.fail_after(SOON):
        while len(app.query(select(model))) != many:
            await gone.wait()
            gone.clear()


async def test_what_was_added_while_nobody_led_is_counted_by_who_leads_then(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "LOOK_ROUND", 0.3)
    one, two, three = (App([KEPT], database=url) for _ in range(3))
    three.create()
    with three.transaction() as tx:
        channel = tx.add(Channel())
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(one.working())
        async with two.working() as second:
            assert [worker.executor.leads for worker in (first, second)] == [True, False]
            await stack.aclose()
            with three.transaction() as tx:
                tx.add_all([Note(channel_id=channel.id) for _ in range(4)])
            await left(two, Note, 2)
    for app in (one, two, three):
        app.close()


async def test_what_is_one_too_many_goes_wherever_it_was_added(url: str) -> None:
    one, two = App([KEPT], database=url), App([KEPT], database=url)
    two.create()
    async with one.working():
        with two.transaction() as tx:
            channels = [tx.add(Channel()) for _ in range(2)]
        with two.transaction() as tx:
            tx.add_all([Note(channel_id=channel.id) for channel in channels for _ in range(4)])
        await left(one, Note, 4)
        with two.transaction() as tx:
            tx.add_all([Toast() for _ in range(3)])
        await left(one, Toast, 2)
    one.close()
    two.close()


async def test_a_worker_hears_of_calls_of_any_tenant_also_of_a_new_one(url: str) -> None:
    till = Till(at_once=True)
    one, two = open_till(url, till), open_till(url, Till())
    async with one.working() as worker:
        two.create_tenant("new")
        for name in ("acme", "new"):
            with tenant(name):
                two.dispatch(Placed(cents=5))
        await until(lambda: len(till.sent) == 2, worker)
    assert sorted(till.sent) == [("acme", 5), ("new", 5)]
    one.close()
    two.close()


async def test_who_leaves_is_gone_at_once(url: str) -> None:
    with opened(App([KEPT], database=url)) as app:
        database = app.engine.database
        assert isinstance(database, PostgresDatabase)
        for _ in range(20):
            one = database.presence()
            await one.enter("{}")
            assert await one.lead(), "the one before leads still"
            assert await one.living() == {one.token}
            await one.leave()


async def test_a_process_tells_nobody_while_it_alone_is_at_work(url: str) -> None:
    one, two = shop(url, Vendor()), shop(url, Vendor())
    assert one.workers() == 0
    greeted = asyncio.Event()
    async with one.working() as worker:
        worker.executor.hearers.append(lambda notice: greeted.set())
        assert one.workers() == two.workers() == 1
        assert one.engine.database.crier is not None
        assert one.engine.database.crier.alone
        async with two.working():
            with anyio.fail_after(SOON):
                await greeted.wait()
            assert not one.engine.database.crier.alone
            assert one.workers() == 2
    assert not one.engine.database.crier.alone, "without a worker it has others to tell"
    one.close()
    two.close()


def test_what_is_told_while_the_connection_is_lost_is_told_again() -> None:
    told: list[Sequence[str]] = []

    def tell(texts: Sequence[str]) -> None:
        told.append(texts)
        if len(told) == 1:
            raise DatabaseUnreachable(url="postgresql:///shop", reason="it was cut")

    crier = Crier(tell)
    crier.cry("go on")
    crier.close()
    assert told == [["go on"]] * 2


def test_a_file_has_nobody_else_who_could_work() -> None:
    with pytest.raises(NobodyWorks, match="a SQLite file has one process"):
        App([MODULE], database="sqlite:///shop.db", settings=Settings(works=False))


def test_what_is_told_is_read_as_it_was_said() -> None:
    from tests.many.shop import now

    calls = {"Charge": now()}
    said = Notice("token", "acme", calls, frozenset(calls), effects=now(), turns=now() + timedelta(seconds=1))
    assert Notice.read(said.text()) == said
    assert Notice.read(Notice(by="token", joined="0badcafe").text()).joined == "0badcafe"
    many = Notice("token", None, {f"Call{number:050}": now() for number in range(200)})
    assert Notice.read(many.text()) == EVERYTHING
    assert [Notice.read(text) for text in ("", "{", "[]", '{"calls": 1}')] == [EVERYTHING] * 4
    assert len(many.text()) < notice.LONGEST
