"""A moment at which there is something to do is never slept through."""

from datetime import timedelta
from typing import Any

import anyio
import pytest
from sqlmodel import select

from framework import APICall, CallStatus, Event, derive
from framework.app import App
from framework.clock import ManualClock
from framework.errors import Transient
from framework.integration import Completed, Integration, PollSchedule, Retry
from framework.integration.outbox import Outbox
from framework.runtime.transaction import Transaction
from tests.integration import desk_of_orders
from tests.integration.desk_of_orders import (
    NOON,
    PAID,
    WITH_MAIL,
    ChargeRequest,
    Mail,
    OrderStatus,
    Vendor,
    accepted,
    at_once,
    open_shop,
    place,
    policy,
    status,
    submitted,
    tell,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("each_database")]


async def test_a_moment_that_comes_while_the_worker_asks_for_the_next_one_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker looks a little early, finds nothing due, and asks when to come back; by then it is time."""
    clock, next_due = ManualClock(NOON), Outbox.next_due

    def asked_slowly(*asked: Any, **how: Any) -> Any:
        clock.advance(timedelta(seconds=1))
        return next_due(*asked, **how)

    polls = PollSchedule(first=10.05)
    app = open_shop(submitted(Vendor(accepted), looks=[PAID], poll=polls), clock=clock)
    async with app.working():
        order = place(app)
        await app.settle()
        monkeypatch.setattr(Outbox, "next_due", asked_slowly)
        clock.advance(timedelta(seconds=10.049))
        await app.settle()
        assert status(app, order) is OrderStatus.PAID


async def test_a_heartbeat_for_which_the_worker_looks_a_little_early_is_not_lost() -> None:
    clock, called, let_go = ManualClock(NOON), anyio.Event(), anyio.Event()

    async def held(call: object) -> object:
        called.set()
        await let_go.wait()
        return PAID

    app = open_shop(at_once(Vendor(held), lease=timedelta(seconds=60)), clock=clock)

    def leased_until() -> object:
        with app.engine.database.reading() as connection:
            return connection.row("SELECT _leased_until FROM charge")[0]

    async with app.working() as worker:
        order = place(app)
        await called.wait()
        first = leased_until()
        clock.advance(timedelta(seconds=19.99))
        worker.executor.ring()
        await worker.activity(5)
        clock.advance(timedelta(seconds=0.01))
        with anyio.fail_after(5):
            while leased_until() == first:
                await worker.activity(5)
        let_go.set()
        await app.settle()
    assert status(app, order) is OrderStatus.PAID


async def test_a_call_that_is_over_leaves_its_place_to_the_next_of_its_vendor() -> None:
    clock, sent = ManualClock(NOON), Vendor(Transient("503"))
    retry, poll = Retry(base=60, cap=60), PollSchedule(first=0.1)
    acme = submitted(Vendor(accepted), looks=[], retry=retry, poll=poll)

    @acme.call(Mail)
    async def send(call: Any, http: Any) -> Any:
        return await sent(call, http)

    app = App([WITH_MAIL], [acme], desk_of_orders.in_memory(), clock=clock)
    app.create()
    async with app.working():
        place(app)
        await app.settle()
        tell(app, "succeeded", charge="ch_1250")  # and so it is looked for in vain
        clock.advance(timedelta(seconds=61))
        await app.settle()
    assert len(sent.tries) == 2


class Note(APICall, table=True):
    request: ChargeRequest


class Announced(Event, table=True):
    number: int


@derive
def note(announced: Announced) -> Note:
    return Note(request=ChargeRequest(amount_cents=announced.number))


async def test_hundreds_of_facts_that_the_framework_takes_at_once_wake_the_worker_too() -> None:
    """A vendor that is asked what happened may list as many."""

    def many(transaction: Transaction) -> None:
        for number in range(300):
            transaction.dispatch(Announced(number=number))

    post = Integration("post", policy=policy())

    @post.call(Note)
    async def send(call: object, http: object) -> Completed:
        return Completed()

    app = App([[Announced, Note, note]], [post], desk_of_orders.in_memory(), clock=ManualClock(NOON))
    app.create()
    async with app.working():
        await app.settle()
        app.engine.write(many)
        await app.settle()
    assert [note.status for note in app.query(select(Note))] == [CallStatus.COMPLETED] * 300
