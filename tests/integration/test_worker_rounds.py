"""What a worker does besides calls: side effects, reconciliation, probes, and requests of users."""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from framework import Entity, Payload
from framework.app import App
from framework.clock import ManualClock
from framework.errors import NeedsAttention, Permanent, Transient
from framework.integration import Breaker, Completed, ExternalId, Failed, Integration, Outcome, Rate
from framework.integration.effect_rounds import EffectRounds
from framework.integration.requests import CannotBeCanceled, NoSuchQuestion
from framework.model.apicall import CallStatus
from framework.runtime.errors import InvalidRecord
from tests.integration import desk_of_orders
from tests.integration.desk_of_orders import (
    NOON,
    PAID,
    Charge,
    Order,
    OrderPlaced,
    OrderStatus,
    Receipt,
    Vendor,
    accepted,
    at_once,
    history,
    open_shop,
    place,
    policy,
    status,
    submitted,
    the_charge,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("each_database")]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def pushing(*script: object) -> tuple[Integration, list[str]]:
    """An integration that tells somebody of each new order, and does as the script says."""
    told: list[str] = []
    left = list(script)
    push = Integration("push", policy=policy())

    @push.side_effect(Order)
    async def tell(order: Any, http: object) -> None:
        told.append(order.customer)
        if left and isinstance(error := left.pop(0), Exception):
            raise error

    return push, told


async def test_a_bare_side_effect_happens_once_for_each_record() -> None:
    push, told = pushing()
    app = open_shop(at_once(Vendor()), push)
    place(app)
    place(app, "bob")
    await app.settle()
    await app.settle()
    assert sorted(told) == ["ada", "bob"]


async def test_a_side_effect_of_what_was_rolled_back_does_not_happen() -> None:
    push, told = pushing()
    app = open_shop(at_once(Vendor()), push)

    def place_and_fail() -> None:
        with app.transaction() as tx:
            tx.add(Order(customer="eve", total_cents=0))
            tx.dispatch(OrderPlaced(customer="eve", total_cents=-1))

    with pytest.raises(InvalidRecord):
        place_and_fail()
    await app.settle()
    assert told == []


async def test_a_side_effect_that_fails_is_tried_again(clock: ManualClock) -> None:
    push, told = pushing(Transient("503"))
    app = open_shop(at_once(Vendor()), push, clock=clock)
    place(app)
    await app.settle()
    assert told == ["ada"]
    clock.advance(timedelta(seconds=1))
    await app.settle()
    assert told == ["ada", "ada"]
    clock.advance(timedelta(hours=1))
    await app.settle()
    assert told == ["ada", "ada"]


async def test_a_side_effect_that_cannot_happen_is_parked_with_its_reason(clock: ManualClock) -> None:
    push, told = pushing(Permanent("no such channel", code="gone"))
    app = open_shop(at_once(Vendor()), push, clock=clock)
    place(app)
    for _ in range(3):
        await app.settle()
        clock.advance(timedelta(hours=1))
    assert told == ["ada"]
    with app.engine.database.reading() as connection:
        assert connection.rows("SELECT due_at, error FROM millrace_effect") == [(None, "no such channel")]


async def test_side_effects_keep_to_the_rate_and_nobody_looks_for_them_until_they_may_happen(
    clock: ManualClock,
) -> None:
    push, told = pushing()
    push.policy = policy(rate=Rate(1, burst=2))
    app = open_shop(at_once(Vendor()), push, clock=clock)
    for customer in ("ada", "bob", "eve", "joe"):
        place(app, customer)
    for happened in (2, 3, 4):
        with anyio.fail_after(5):
            await app.settle()
        assert len(told) == happened
        clock.advance(timedelta(seconds=1))


async def test_a_side_effect_that_is_being_read_has_its_place_and_a_call_waits_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, go_on, read = threading.Event(), threading.Event(), EffectRounds._due
    told, under_way = anyio.Event(), [0]

    async def charged(call: object) -> Completed:
        under_way.append(under_way[-1] + 1)
        await told.wait()
        under_way.append(under_way[-1] - 1)
        return PAID

    vendor = Vendor(charged)
    acme = at_once(vendor, concurrency=1)

    @acme.side_effect(Order)
    async def tell(order: Any, http: object) -> None:
        under_way.append(under_way[-1] + 1)
        told.set()
        await anyio.lowlevel.checkpoint()
        under_way.append(under_way[-1] - 1)

    def read_slowly(*asked: Any) -> Any:
        reading.set()
        go_on.wait(5)
        return read(*asked)

    monkeypatch.setattr(EffectRounds, "_due", read_slowly)
    app = open_shop(acme)
    async with app.working() as worker:
        place(app, "ada", cents=0)  # a side effect, and no call
        await anyio.to_thread.run_sync(reading.wait, 5)
        place(app, "bob")
        await worker.activity(5)
        go_on.set()
        with anyio.fail_after(5):
            while len(under_way) < 7:
                await worker.activity(5)
        await app.settle()
    assert under_way == [0, 1, 0, 1, 0, 1, 0]


async def test_a_side_effect_closes_the_breaker_that_side_effects_opened(clock: ManualClock) -> None:
    push, told = pushing(Transient("503"))
    push.policy = policy(breaker=Breaker(threshold=1, reset=30))
    app = open_shop(at_once(Vendor()), push, clock=clock)
    place(app)
    await app.settle()
    assert [one.breaker for one in app.health()] == ["closed", "open"]
    clock.advance(timedelta(seconds=30))
    await app.settle()
    assert [one.breaker for one in app.health()] == ["closed", "closed"]
    assert told == ["ada", "ada"]


async def test_a_vendor_that_asks_side_effects_to_wait_is_asked_for_nothing_meanwhile(
    clock: ManualClock,
) -> None:
    push, told = pushing(Transient("429", retry_after=timedelta(minutes=1)))
    app = open_shop(at_once(Vendor()), push, clock=clock)
    place(app, "ada")
    await app.settle()
    place(app, "bob")
    await app.settle()
    assert told == ["ada"]
    clock.advance(timedelta(minutes=1))
    await app.settle()
    assert sorted(told) == ["ada", "ada", "bob"]


async def test_a_side_effect_whose_record_is_gone_takes_no_place_for_good(clock: ManualClock) -> None:
    class Parcel(Entity, table=True):
        address: str

    depot, told = Integration("depot", policy=policy()), []

    @depot.side_effect(Parcel)
    async def tell(parcel: Any, http: object) -> None:
        told.append(parcel.address)
        raise Transient("503")

    app = App([[Parcel]], [depot], desk_of_orders.in_memory(), clock=clock)
    app.create()
    with app.transaction() as tx:
        parcel = tx.add(Parcel(address="street 1"))
    await app.settle()
    with app.transaction() as tx:
        tx.delete(tx.get(Parcel, parcel.id))
    clock.advance(timedelta(minutes=1))
    await app.settle()
    assert (told, app.health()[0].running) == (["street 1"], 0)


async def test_a_side_effect_outlives_the_process(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    push, _ = pushing()
    app = open_shop(at_once(Vendor()), push, database=url)
    place(app)
    app.close()
    push, told = pushing()
    after = open_shop(at_once(Vendor()), push, database=url)
    await after.settle()
    assert told == ["ada"]
    after.close()


def reconciling(*listed: Outcome, error: Exception | None = None) -> tuple[Integration, list[datetime]]:
    """An integration whose vendor lists these outcomes when asked what happened."""
    asked: list[datetime] = []
    acme = submitted(Vendor(accepted))
    errors = [error] if error else []

    @acme.reconcile(Charge)
    async def since(moment: datetime, http: object) -> AsyncIterator[Outcome]:
        asked.append(moment)
        if errors:
            raise errors.pop()
        for outcome in listed:
            yield outcome

    return acme, asked


PAID_THERE = Completed(Receipt(url="u"), external_id=ExternalId("ch_1250"), event_id="evt_1")


async def test_a_webhook_that_was_lost_is_made_up_for_by_asking(clock: ManualClock) -> None:
    acme, asked = reconciling(PAID_THERE)
    app = open_shop(acme, clock=clock)
    order = place(app)
    await app.settle()
    clock.advance(timedelta(minutes=5))
    await app.settle()
    assert status(app, order) is OrderStatus.PAID
    assert len(asked) >= 1


async def test_the_vendor_is_asked_again_from_where_it_was_asked_before(clock: ManualClock) -> None:
    acme, asked = reconciling()
    app = open_shop(acme, clock=clock)
    place(app)
    for _ in range(3):
        await app.settle()
        clock.advance(timedelta(minutes=5))
    assert asked[0] == NOON - timedelta(hours=24)
    assert asked[1:] == [NOON - timedelta(minutes=5), NOON]


async def test_a_vendor_that_cannot_list_is_asked_for_the_same_time_again(clock: ManualClock) -> None:
    acme, asked = reconciling(PAID_THERE, error=Transient("503"))
    app = open_shop(acme, clock=clock)
    order = place(app)
    for _ in range(2):
        await app.settle()
        clock.advance(timedelta(minutes=5))
    assert asked == [NOON - timedelta(hours=24), NOON + timedelta(minutes=5) - timedelta(hours=24)]
    assert status(app, order) is OrderStatus.PAID


async def test_a_paused_integration_goes_on_when_a_probe_succeeds(clock: ManualClock) -> None:
    vendor = Vendor(NeedsAttention("401"))
    acme = at_once(vendor)
    answers: list[Exception | None] = [NeedsAttention("401"), None]

    @acme.test_connection
    async def probe(http: object) -> None:
        answer = answers.pop(0)
        if answer is not None:
            raise answer

    app = open_shop(acme, clock=clock)
    order = place(app)
    async with app.working():
        for expected in ("401", "401", None):
            await app.settle()
            assert app.health()[0].paused == expected
            clock.advance(timedelta(minutes=1))
        await app.settle()
    assert status(app, order) is OrderStatus.PAID


async def test_hooks_run_in_order_at_the_start_and_in_reverse_at_the_end() -> None:
    said: list[str] = []

    def hooked(integration: Integration) -> Integration:
        @integration.on_start
        async def start() -> None:
            said.append(f"{integration.name} starts")

        @integration.on_stop
        async def stop() -> None:
            said.append(f"{integration.name} stops")

        return integration

    app = open_shop(hooked(at_once(Vendor())), hooked(Integration("push")))
    async with app.working():
        assert said == ["acme starts", "push starts"]
    assert said[2:] == ["push stops", "acme stops"]


async def test_a_call_that_nobody_has_sent_is_canceled_without_its_vendor() -> None:
    vendor = Vendor()
    app = open_shop(at_once(vendor))
    order = place(app)
    await app.cancel(the_charge(app))
    await app.settle()
    assert (status(app, order), vendor.tries) == (OrderStatus.UNPAID, [])
    assert the_charge(app).error == "canceled before it was sent"


async def test_a_call_that_the_vendor_has_is_canceled_there() -> None:
    acme = submitted(Vendor(accepted))

    @acme.cancel(Charge)
    async def withdraw(call: Any, http: object) -> Outcome:
        return Failed("canceled by us", code="canceled", external_id=call.external_id)

    app = open_shop(acme)
    order = place(app)
    await app.settle()
    await app.cancel(the_charge(app))
    assert (status(app, order), the_charge(app).error) == (OrderStatus.UNPAID, "canceled by us")
    with pytest.raises(CannotBeCanceled, match="it is failed already"):
        await app.cancel(the_charge(app))


async def test_a_call_is_not_canceled_where_the_vendor_cannot() -> None:
    app = open_shop(submitted(Vendor(accepted)))
    place(app)
    await app.settle()
    with pytest.raises(CannotBeCanceled, match="acme has no `cancel` for it"):
        await app.cancel(the_charge(app))
    assert the_charge(app).status is CallStatus.PROCESSING


async def test_a_user_may_ask_about_a_call_and_an_outcome_counts() -> None:
    acme = submitted(Vendor(accepted))

    class Position(Payload):
        queue: int

    @acme.api(Charge)
    async def position(call: Any, http: object) -> Payload:
        return Position(queue=3)

    @acme.api(Charge, name="query_status")
    async def query(call: Any, http: object) -> Outcome:
        return Completed(Receipt(url="u"), external_id=call.external_id)

    app = open_shop(acme)
    order = place(app)
    await app.settle()
    assert await app.ask(Charge, "position", the_charge(app).id) == Position(queue=3)
    with pytest.raises(NoSuchQuestion, match="It has: position, query_status"):
        await app.ask(Charge, "weather", the_charge(app).id)
    await app.ask(Charge, "query_status", the_charge(app).id)
    assert status(app, order) is OrderStatus.PAID
    assert history(app) == ["initialized", "processing", "completed"]


async def test_two_tasks_may_settle_at_once() -> None:
    app = open_shop(at_once(Vendor()))
    orders = [place(app, str(number)) for number in range(5)]
    with anyio.fail_after(5):
        await asyncio.gather(app.settle(), app.settle(), app.settle())
        await anyio.lowlevel.checkpoint()
        await app.settle()
    assert {status(app, order) for order in orders} == {OrderStatus.PAID}


async def test_a_credential_that_is_refused_when_asking_what_happened_pauses_the_integration(
    clock: ManualClock,
) -> None:
    acme, asked = reconciling(PAID_THERE, error=NeedsAttention("the key is revoked", code="unauthorized"))
    app = open_shop(acme, clock=clock)
    order = place(app)
    for _ in range(3):
        await app.settle()
        clock.advance(timedelta(minutes=5))
    assert app.health()[0].paused == "the key is revoked"
    assert len(asked) == 1, "nobody asks with a revoked key"
    app.resume("acme")
    await app.settle()
    assert len(asked) == 2
    assert status(app, order) is OrderStatus.PAID
