"""Workers come and go; calls and their outcomes stay, and each outcome is recorded once."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import anyio
import anyio.lowlevel
import pytest

from framework import APICall, Field, derive
from framework.app import App
from framework.clock import ManualClock, SystemClock
from framework.errors import Transient
from framework.integration import CallView, Completed, HTTPClient, Integration, Retry
from framework.integration.gate import Gate
from framework.integration.worker import Worker
from framework.model.apicall import CallStatus
from tests.integration.desk_of_orders import (
    MODULE,
    NOON,
    PAID,
    Charge,
    ChargeRequest,
    OrderStatus,
    Vendor,
    at_once,
    charges,
    history,
    open_shop,
    place,
    status,
    the_charge,
)

pytestmark = pytest.mark.anyio


class Held:
    """A vendor that answers when it is let go."""

    def __init__(self, *, last: object = PAID) -> None:
        self.called = anyio.Event()
        self.let_go = anyio.Event()
        self.last = last

    async def __call__(self, call: object) -> object:
        self.called.set()
        await self.let_go.wait()
        return self.last


def another_worker(app: App) -> Worker:
    """A second worker on the same database, as another process would be."""
    desks = list(app.desks.values())
    gates = {desk.integration.name: Gate(desk.integration.name, desk.policy) for desk in desks}
    return Worker(app.engine, desks, gates, app.metrics)


@pytest.mark.usefixtures("each_database")
async def test_an_outcome_of_a_worker_that_lost_the_call_is_not_recorded() -> None:
    clock = ManualClock(NOON)
    held = Held(last=Completed())
    vendor = Vendor(held, PAID)
    app = open_shop(at_once(vendor, on_doubt="retry"), clock=clock)
    order = place(app)
    async with app.working():
        await held.called.wait()
        clock.advance(timedelta(minutes=2))
        other = another_worker(app)
        work = asyncio.create_task(other.run())
        await other.started(work)
        await other.settle()
        assert status(app, order) is OrderStatus.PAID
        work.cancel()
        await asyncio.wait({work})
        held.let_go.set()
        await app.settle()
    assert history(app) == ["initialized", "processing", "completed"]
    assert the_charge(app).result is not None, "the outcome of the worker that has the call"
    first, second = app.attempts(the_charge(app).id)
    assert (first.code, second.code) == ("fenced", None)
    assert app.metrics.value("millrace_fenced_outcomes", integration="acme") == 1


@pytest.mark.usefixtures("each_database")
async def test_a_worker_whose_clock_jumps_keeps_what_it_is_doing() -> None:
    clock = ManualClock(NOON)
    held = Held()
    vendor = Vendor(held)
    app = open_shop(at_once(vendor), clock=clock)
    first = place(app)
    async with app.working():
        await held.called.wait()
        clock.advance(timedelta(hours=2))
        second = place(app, "bob")
        held.let_go.set()
        await app.settle()
    assert (status(app, first), status(app, second)) == (OrderStatus.PAID, OrderStatus.PAID)
    assert vendor.customers == ["ada", "bob"]


async def test_the_lease_of_a_call_that_takes_long_is_extended() -> None:
    held = Held()
    vendor = Vendor(held)
    app = App([MODULE], [at_once(vendor, lease=timedelta(milliseconds=60))], clock=SystemClock())
    app.create()
    order = place(app)

    def leased_until() -> str:
        with app.engine.database.reading() as connection:
            return str(connection.row("SELECT _leased_until FROM charge")[0])

    async with app.working():
        await held.called.wait()
        first = leased_until()
        with anyio.fail_after(5):
            while leased_until() == first:
                await anyio.lowlevel.checkpoint()
        held.let_go.set()
        await app.settle()
    assert status(app, order) is OrderStatus.PAID
    assert len(vendor.tries) == 1
    assert app.verify() == []


@pytest.mark.usefixtures("each_database")
async def test_a_worker_that_is_stopped_lets_what_is_under_way_end_and_claims_nothing_more() -> None:
    held = Held()
    vendor = Vendor(held)
    app = open_shop(at_once(vendor, concurrency=1))
    first, second = place(app), place(app, "bob")
    work = asyncio.create_task(app.run())
    await held.called.wait()
    work.cancel()
    await anyio.lowlevel.checkpoint()
    held.let_go.set()
    await asyncio.wait({work})
    assert work.cancelled()
    assert (status(app, first), status(app, second)) == (OrderStatus.PAID, OrderStatus.PLACED)
    await app.settle()
    assert status(app, second) is OrderStatus.PAID
    assert vendor.customers == ["ada", "bob"], "no call twice"


@pytest.mark.usefixtures("each_database")
async def test_what_takes_too_long_to_end_is_left_in_doubt_to_the_next_worker() -> None:
    held = Held()
    vendor = Vendor(held)
    app = open_shop(at_once(vendor, on_doubt="retry"))
    order = place(app)
    worker = another_worker(app)
    work = asyncio.create_task(worker.run(grace=0.0))
    await held.called.wait()
    work.cancel()
    await asyncio.wait({work})
    assert the_charge(app).status is CallStatus.PENDING
    await app.settle()
    assert status(app, order) is OrderStatus.PAID
    first, second = app.attempts(the_charge(app).id)
    assert (first.code, second.code) == ("interrupted", None)
    assert len(set(vendor.keys)) == 1


@pytest.mark.usefixtures("each_database")
async def test_a_dispatch_from_another_thread_wakes_the_worker() -> None:
    app = open_shop(at_once(Vendor()))
    async with app.working():
        await app.settle()
        order = await anyio.to_thread.run_sync(place, app)
        with anyio.fail_after(5):
            while status(app, order) is not OrderStatus.PAID:
                await anyio.lowlevel.checkpoint()


async def test_a_call_that_follows_from_an_outcome_is_carried_out_too() -> None:
    """What a completed call brings about may be a call: it needs no new push from outside."""

    class Letter(APICall, table=True):
        charge_id: UUID = Field(foreign_key="charge.id", index=True)
        request: ChargeRequest

    @derive(reads=[Charge.status])
    def letter(charge: Charge) -> Letter | None:
        """Who has paid gets a letter."""
        if charge.status is not CallStatus.COMPLETED:
            return None
        return Letter(charge_id=charge.id, request=charge.request)

    post, sent = Integration("post"), []

    @post.call(Letter)
    async def send(call: CallView, http: HTTPClient) -> Completed:
        sent.append(call.request.amount_cents)
        return Completed()

    app = App([[*MODULE, Letter, letter]], [at_once(Vendor()), post], clock=ManualClock(NOON))
    app.create()
    place(app)
    await app.settle()
    assert sent == [1250]
    assert app.verify() == []


@pytest.mark.usefixtures("each_database")
async def test_settling_needs_no_time_where_the_clock_stands_still() -> None:
    app = open_shop(at_once(Vendor(Transient("503", retry_after=timedelta(hours=1)))))
    place(app)
    with anyio.fail_after(5):
        await app.settle(timeout=3600)
    assert the_charge(app).status is CallStatus.PENDING


async def test_settling_with_a_timeout_waits_for_what_will_be_due() -> None:
    vendor = Vendor(Transient("503", retry_after=timedelta(milliseconds=30)))
    app = App([MODULE], [at_once(vendor, retry=Retry(base=0.01))])
    app.create()
    order = place(app)
    with anyio.fail_after(10):
        await app.settle(timeout=8)
    assert status(app, order) is OrderStatus.PAID


@pytest.mark.usefixtures("each_database")
async def test_a_paused_integration_does_not_keep_an_app_from_settling() -> None:
    from framework.errors import NeedsAttention

    app = open_shop(at_once(Vendor(NeedsAttention("401"))))
    place(app)
    with anyio.fail_after(5):
        await app.settle()


@pytest.mark.usefixtures("each_database")
async def test_an_outcome_that_the_database_cannot_take_is_recorded_once_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from framework.runtime.engine import Engine
    from framework.storage.errors import DatabaseBusy

    app = open_shop(at_once(Vendor()))
    refusals = []
    write_each = Engine.write_each

    def refuse_the_first_outcomes(self: Engine, operations: list[object]) -> list[object]:
        if any("_record" in str(getattr(one, "func", "")) for one in operations) and len(refusals) < 2:
            refusals.append(1)
            return [DatabaseBusy(url="test", seconds=5.0) for _ in operations]
        return write_each(self, operations)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(Engine, "write_each", refuse_the_first_outcomes)
    order = place(app)
    with anyio.fail_after(5):
        await app.settle()
    assert (len(refusals), status(app, order)) == (2, OrderStatus.PAID)


async def test_calls_of_a_dead_process_are_taken_over_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    vendor = Vendor(Held())
    app = open_shop(at_once(vendor), database=url)
    order = place(app)
    worker = another_worker(app)
    work = asyncio.create_task(worker.run(grace=0.0))
    while not vendor.tries:
        await anyio.lowlevel.checkpoint()
    work.cancel()
    await asyncio.wait({work})
    app.close()
    after = open_shop(at_once(Vendor(), on_doubt="retry"), database=url)
    await after.settle()
    assert status(after, order) is OrderStatus.PAID
    after.close()


async def test_an_idle_worker_costs_nothing() -> None:
    """No query and no wake-up while nothing happens, though a poll is due in the future."""
    clock = ManualClock(NOON)
    app = open_shop(at_once(Vendor(Transient("503", retry_after=timedelta(hours=1)))), clock=clock)
    place(app)
    statements: list[str] = []
    async with app.working():
        await app.settle()
        app.engine.database.writer.raw.set_trace_callback(statements.append)
        for _ in range(1000):
            await anyio.lowlevel.checkpoint()
        app.engine.database.writer.raw.set_trace_callback(None)
    assert statements == []


@pytest.mark.usefixtures("each_database")
async def test_many_dispatches_from_many_threads_are_all_carried_out() -> None:
    app = open_shop(at_once(Vendor()))

    def place_many(name: str) -> None:
        for _ in range(25):
            place(app, name)

    threads = [threading.Thread(target=place_many, args=(str(number),)) for number in range(8)]
    async with app.working():
        for thread in threads:
            thread.start()
        for thread in threads:
            await anyio.to_thread.run_sync(thread.join)
        await app.settle()
    assert {one.status for one in charges(app)} == {CallStatus.COMPLETED}
    assert len(charges(app)) == 200
    assert app.verify() == []


@pytest.mark.usefixtures("each_database")
async def test_settling_does_not_wait_for_a_run_that_was_cut_off() -> None:
    app = open_shop(at_once(Vendor(cut_off)))
    place(app)
    with anyio.fail_after(5):
        await app.settle()
    assert the_charge(app).status is CallStatus.PENDING


async def cut_off(call: object) -> None:
    raise asyncio.CancelledError
