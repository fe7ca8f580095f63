"""A moment at which there is something to do is never slept through."""

from datetime import timedelta
from typing import Any

import anyio
import pytest

from framework.clock import ManualClock
from framework.integration import PollSchedule
from framework.integration.outbox import Outbox
from tests.integration.desk_of_orders import (
    NOON,
    PAID,
    OrderStatus,
    Vendor,
    accepted,
    at_once,
    open_shop,
    place,
    status,
    submitted,
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
