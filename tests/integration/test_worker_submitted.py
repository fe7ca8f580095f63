"""A call whose outcome comes later: by webhook, by poll, in any order, or never."""

from datetime import timedelta

import anyio
import pytest

from framework.clock import ManualClock
from framework.errors import Declined, NeedsAttention, Permanent, Transient
from framework.integration import Completed, Failed, PollSchedule, Processing
from framework.model.apicall import CallStatus
from tests.integration.desk_of_orders import (
    NOON,
    PAID,
    OrderStatus,
    Vendor,
    accepted,
    history,
    open_shop,
    place,
    status,
    submitted,
    tell,
    the_charge,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("each_database")]

POLLS = PollSchedule(first=10, factor=2, cap=60)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


async def test_a_submitted_call_is_with_the_vendor_until_it_says_more() -> None:
    app = open_shop(submitted(Vendor(accepted)))
    order = place(app)
    await app.settle()
    assert (the_charge(app).status, the_charge(app).external_id) == (CallStatus.PROCESSING, "ch_1250")
    assert status(app, order) is OrderStatus.PLACED
    tell(app, "succeeded", "ch_1250")
    assert status(app, order) is OrderStatus.PAID
    assert history(app) == ["initialized", "processing", "completed"]
    assert app.verify() == []


async def test_a_repeated_delivery_changes_nothing() -> None:
    app = open_shop(submitted(Vendor(accepted)))
    place(app)
    await app.settle()
    for _ in range(3):
        tell(app, "succeeded", "ch_1250", event="evt_1")
    assert history(app) == ["initialized", "processing", "completed"]


async def test_an_event_that_comes_before_its_call_is_known_waits_for_it() -> None:
    app = open_shop(submitted(Vendor(accepted)))
    order = place(app)
    tell(app, "succeeded", "ch_1250")
    assert status(app, order) is OrderStatus.PLACED
    await app.settle()
    assert status(app, order) is OrderStatus.PAID
    assert app.verify() == []


async def test_an_event_that_comes_while_the_call_is_being_sent_is_found_by_our_reference() -> None:
    async def tell_before_answering(call: object) -> object:
        await anyio.to_thread.run_sync(lambda: tell(app, "succeeded", "ch_1250", reference=str(call.id)))  # type: ignore[attr-defined]
        return await accepted(call)  # type: ignore[arg-type]

    app = open_shop(submitted(Vendor(tell_before_answering)))
    order = place(app)
    await app.settle()
    assert status(app, order) is OrderStatus.PAID
    assert history(app)[:3] == ["initialized", "processing", "completed"]
    assert app.attempts(the_charge(app).id)[0].finished_at == NOON
    assert app.verify() == []


async def test_what_comes_in_the_wrong_order_moves_nothing_back() -> None:
    app = open_shop(submitted(Vendor(accepted)))
    order = place(app)
    await app.settle()
    tell(app, "succeeded", "ch_1250", event="evt_2")
    tell(app, "pending", "ch_1250", event="evt_1")
    assert status(app, order) is OrderStatus.PAID
    assert history(app) == ["initialized", "processing", "completed", "processing (late)"]


async def test_what_contradicts_the_end_is_kept_and_changes_nothing() -> None:
    app = open_shop(submitted(Vendor(accepted)))
    order = place(app)
    await app.settle()
    tell(app, "failed", "ch_1250")
    tell(app, "succeeded", "ch_1250")
    assert status(app, order) is OrderStatus.UNPAID
    assert history(app)[-1] == "completed (conflict)"


async def test_the_vendor_is_asked_at_growing_intervals_until_it_knows(clock: ManualClock) -> None:
    looks = [None, Processing(), None, PAID]
    app = open_shop(submitted(Vendor(accepted), looks=looks, poll=POLLS), clock=clock)
    order = place(app)
    await app.settle()
    left = []
    for seconds in (9, 1, 19, 1, 39, 1, 59, 1):
        clock.advance(timedelta(seconds=seconds))
        await app.settle()
        left.append(len(looks))
    assert left == [4, 3, 3, 2, 2, 1, 1, 0]
    assert status(app, order) is OrderStatus.PAID


async def test_a_poll_that_fails_decides_nothing(clock: ManualClock) -> None:
    looks = [Transient("503"), Permanent("404", code="gone"), KeyError("status"), 42, PAID]
    app = open_shop(submitted(Vendor(accepted), looks=looks, poll=POLLS), clock=clock)
    order = place(app)
    for _ in range(6):
        await app.settle()
        clock.advance(timedelta(seconds=60))
    assert status(app, order) is OrderStatus.PAID


async def test_a_poll_may_say_that_the_vendor_declined(clock: ManualClock) -> None:
    looks = [Declined("no", code="card_declined")]
    app = open_shop(submitted(Vendor(accepted), looks=looks, poll=POLLS), clock=clock)
    order = place(app)
    await app.settle()
    clock.advance(timedelta(seconds=10))
    await app.settle()
    assert status(app, order) is OrderStatus.UNPAID


async def test_a_poll_with_bad_credentials_pauses_the_integration(clock: ManualClock) -> None:
    looks = [NeedsAttention("401"), PAID]
    app = open_shop(submitted(Vendor(accepted), looks=looks, poll=POLLS), clock=clock)
    order = place(app)
    await app.settle()
    clock.advance(timedelta(seconds=10))
    await app.settle()
    assert app.health()[0].paused == "401"
    app.resume("acme")
    await app.settle()
    assert status(app, order) is OrderStatus.PAID


async def test_a_call_without_an_outcome_fails_at_its_deadline_after_a_last_look(clock: ManualClock) -> None:
    looks: list[object] = []
    app = open_shop(
        submitted(Vendor(accepted), looks=looks, poll=POLLS, deadline=timedelta(minutes=5)), clock=clock
    )
    order = place(app)
    for _ in range(12):
        await app.settle()
        clock.advance(timedelta(seconds=25))
    assert status(app, order) is OrderStatus.PLACED
    await app.settle()
    assert status(app, order) is OrderStatus.UNPAID
    assert the_charge(app).error == "the deadline passed without an outcome"
    assert [call.id for call in app.dead_calls()] == [the_charge(app).id]


async def test_the_last_look_may_still_find_the_outcome(clock: ManualClock) -> None:
    looks = [PAID]
    schedule = PollSchedule(first=3600, cap=3600)
    app = open_shop(
        submitted(Vendor(accepted), looks=looks, poll=schedule, deadline=timedelta(minutes=5)), clock=clock
    )
    order = place(app)
    await app.settle()
    clock.advance(timedelta(minutes=5))
    await app.settle()
    assert status(app, order) is OrderStatus.PAID


async def test_a_vendor_that_cannot_be_asked_at_the_deadline_is_asked_a_little_longer(
    clock: ManualClock,
) -> None:
    looks = [Transient("503"), PAID]
    schedule = PollSchedule(first=600, cap=600)
    app = open_shop(
        submitted(Vendor(accepted), looks=looks, poll=schedule, deadline=timedelta(minutes=5)), clock=clock
    )
    order = place(app)
    for _ in range(3):
        await app.settle()
        clock.advance(timedelta(minutes=10))
    assert status(app, order) is OrderStatus.PAID


async def test_a_webhook_that_never_comes_ends_at_the_deadline_and_one_that_comes_late_is_kept(
    clock: ManualClock,
) -> None:
    app = open_shop(submitted(Vendor(accepted), deadline=timedelta(hours=1)), clock=clock)
    order = place(app)
    await app.settle()
    clock.advance(timedelta(minutes=59))
    await app.settle()
    assert status(app, order) is OrderStatus.PLACED
    clock.advance(timedelta(minutes=1))
    await app.settle()
    assert status(app, order) is OrderStatus.UNPAID
    tell(app, "succeeded", "ch_1250")
    assert history(app)[-1] == "completed (conflict)"
    assert status(app, order) is OrderStatus.UNPAID


async def test_a_call_that_waited_for_days_is_sent_and_not_timed_out(clock: ManualClock) -> None:
    app = open_shop(submitted(Vendor(Completed()), deadline=timedelta(hours=1)), clock=clock)
    order = place(app)
    clock.advance(timedelta(days=3))
    await app.settle()
    assert status(app, order) is OrderStatus.PAID


async def test_a_verdict_in_the_answer_needs_no_webhook() -> None:
    app = open_shop(submitted(Vendor(Failed("refused", code="card_declined"))))
    order = place(app)
    await app.settle()
    assert status(app, order) is OrderStatus.UNPAID
    assert app.dead_calls() == [], "the vendor said no; nobody needs to look"
