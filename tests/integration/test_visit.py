"""What users ask of a vendor goes through the gate that its calls go through."""

import asyncio
from datetime import timedelta
from typing import Any

import anyio
import pytest

from framework import Payload
from framework.app import App
from framework.clock import ManualClock
from framework.errors import Declined, NeedsAttention, Transient
from framework.integration import Breaker, Completed, Integration, Rate
from framework.integration.requests import NeverSent
from framework.integration.visit import IsPaused, LeftAlone, RateReached
from framework.model.apicall import CallStatus
from tests.integration.desk_of_orders import (
    NOON,
    Charge,
    OrderStatus,
    Vendor,
    accepted,
    charges,
    open_shop,
    place,
    status,
    submitted,
    the_charge,
)

pytestmark = pytest.mark.anyio

REVOKED = NeedsAttention("The key was revoked.", code="revoked")


class Page(Payload):
    number: int


class Desk:
    """A vendor whose answers to users are scripted, and counted."""

    def __init__(self, *answers: Any, **policy: Any) -> None:
        self.answers, self.asked = list(answers), 0
        self.acme: Integration[Any] = submitted(Vendor(accepted, accepted), looks=[None] * 9, **policy)

        @self.acme.api(Charge)
        async def page(call: Any, http: Any) -> Page:
            self.asked += 1
            answer = self.answers.pop(0) if self.answers else None
            if isinstance(answer, Exception):
                raise answer
            return Page(number=self.asked)

        @self.acme.cancel(Charge)
        async def cancel(call: Any, http: Any) -> None:
            self.asked += 1

    async def open(self, clock: ManualClock | None = None) -> App:
        """An App with one charge that the vendor has."""
        app = open_shop(self.acme, clock=clock)
        place(app)
        await app.settle()
        return app


async def ask(app: App) -> Any:
    return await app.ask(Charge, "page", charges(app)[0].id)


def pause(app: App) -> None:
    app.workshop.gates["acme"].pause("The key was revoked.")


@pytest.mark.parametrize("what", ["page", "query", "cancel"])
async def test_nobody_calls_a_paused_vendor(what: str) -> None:
    desk = Desk()
    app = await desk.open()
    pause(app)
    with pytest.raises(IsPaused) as refused:
        if what == "cancel":
            await app.cancel(the_charge(app))
        else:
            await app.ask(Charge, what, the_charge(app).id)
    said = "acme is paused: The key was revoked. Mend it, then call app.resume('acme')."
    assert (str(refused.value), refused.value.code, desk.asked) == (said, "paused", 0)
    app.resume("acme")
    assert (await ask(app)).number == 1


async def test_what_was_never_sent_is_taken_back_while_its_vendor_is_paused() -> None:
    desk = Desk()
    app = open_shop(desk.acme)
    place(app)
    pause(app)
    await app.cancel(the_charge(app))
    assert (the_charge(app).status, desk.asked) == (CallStatus.FAILED, 0)
    app.resume("acme")
    with pytest.raises(NeverSent, match="failed before acme gave it an id"):
        await app.ask(Charge, "query", the_charge(app).id)


async def test_revoked_credentials_pause_the_calls_too_whoever_hears_of_it_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk(REVOKED)
    app = await desk.open()
    with pytest.raises(NeedsAttention, match=r"The key was revoked\."):
        await ask(app)
    with pytest.raises(IsPaused):
        await ask(app)
    waiting = place(app, "bob")
    await app.settle()
    (health,) = app.health()
    assert (desk.asked, health.paused, status(app, waiting)) == (
        1,
        "The key was revoked.",
        OrderStatus.PLACED,
    )
    assert charges(app)[1].status is CallStatus.PENDING
    assert caplog.text.count("needs attention and is paused") == 1


async def test_users_and_calls_share_one_rate() -> None:
    clock = ManualClock(NOON)
    desk = Desk(rate=Rate(0.5, burst=2))
    app = await desk.open(clock)  # the first of two
    assert (await ask(app)).number == 1
    with pytest.raises(RateReached, match=r"Come back in 3 s\.$") as refused:
        await ask(app)
    assert refused.value.retry_after is not None
    assert timedelta(seconds=2) <= refused.value.retry_after <= timedelta(seconds=3)
    late = place(app, "bob")
    await app.settle()
    assert charges(app)[1].status is CallStatus.PENDING, "the call waits as the user does"
    clock.advance(refused.value.retry_after)
    assert (await ask(app)).number == 2
    assert status(app, late) is OrderStatus.PLACED


async def test_a_vendor_that_asks_a_user_to_wait_is_left_alone_by_all() -> None:
    clock = ManualClock(NOON)
    desk = Desk(Transient("429", retry_after=timedelta(seconds=20)))
    app = await desk.open(clock)
    with pytest.raises(Transient, match="429"):
        await ask(app)
    with pytest.raises(LeftAlone, match=r"Come back in 20 s\.$"):
        await ask(app)
    place(app, "bob")
    await app.settle()
    assert charges(app)[1].status is CallStatus.PENDING
    clock.advance(timedelta(seconds=20))
    assert (await ask(app)).number == 2


async def test_a_vendor_that_does_not_answer_users_is_left_alone_and_probed_by_one() -> None:
    clock = ManualClock(NOON)
    desk = Desk(Transient("503"), Transient("503"), breaker=Breaker(threshold=2, reset=30))
    app = await desk.open(clock)
    for _ in range(2):
        with pytest.raises(Transient, match="503"):
            await ask(app)
    with pytest.raises(LeftAlone):
        await ask(app)
    assert (desk.asked, app.health()[0].breaker) == (2, "open")
    clock.advance(timedelta(seconds=30))
    assert (await ask(app)).number == 3
    assert app.health()[0].breaker == "closed"


async def test_a_vendor_that_says_no_to_a_user_is_well() -> None:
    desk = Desk(Declined("no"), breaker=Breaker(threshold=1))
    app = await desk.open()
    with pytest.raises(Declined):
        await ask(app)
    assert app.health()[0].is_well


async def test_a_user_who_goes_away_leaves_no_trace() -> None:
    desk, asked = Desk(), anyio.Event()

    @desk.acme.api(Charge, name="forever")
    async def forever(call: Any, http: Any) -> None:
        asked.set()
        await anyio.sleep_forever()

    app = await desk.open()
    asking = asyncio.create_task(app.ask(Charge, "forever", the_charge(app).id))
    await asked.wait()
    assert app.health()[0].running == 1
    asking.cancel()
    await asyncio.wait({asking})
    assert app.health()[0].running == 0


async def test_a_call_that_waited_for_the_place_of_a_user_goes_on() -> None:
    desk, asked, release = Desk(concurrency=1), anyio.Event(), anyio.Event()

    @desk.acme.api(Charge, name="slow")
    async def slow(call: Any, http: Any) -> None:
        asked.set()
        await release.wait()

    app = await desk.open()
    async with app.working():
        asking = asyncio.create_task(app.ask(Charge, "slow", the_charge(app).id))
        await asked.wait()
        place(app, "bob")
        await app.settle()
        assert charges(app)[1].status is CallStatus.PENDING
        release.set()
        await asking
        await app.settle()
        assert charges(app)[1].status is CallStatus.PROCESSING


async def test_users_in_another_thread_are_answered_on_the_loop_of_the_worker() -> None:
    loops: list[Any] = []
    desk = Desk()

    @desk.acme.api(Charge, name="where")
    async def where(call: Any, http: Any) -> Completed:
        loops.append(asyncio.get_running_loop())
        return Completed()

    app = await desk.open()
    charge = the_charge(app).id
    async with app.working():
        await anyio.to_thread.run_sync(lambda: asyncio.run(app.ask(Charge, "where", charge)))
    assert loops == [asyncio.get_running_loop()]
    assert status(app, the_charge(app).order_id) is OrderStatus.PAID
