"""A call leaves, comes home, and the business knows."""

from datetime import timedelta

import anyio
import anyio.lowlevel
import pytest
from sqlmodel import select

from framework import IntegrationEvent
from framework.app import App
from framework.clock import ManualClock
from framework.errors import Declined, InDoubt, NeedsAttention, Permanent, Transient
from framework.integration import Breaker, Completed, ExternalId, Integration, NotSubmitted, Processing, Rate
from framework.integration.workshop import NoSuchCall
from framework.model.apicall import CallStatus
from tests.integration.desk_of_orders import (
    NOON,
    PAID,
    WITH_MAIL,
    Charge,
    Mail,
    OrderStatus,
    Receipt,
    Vendor,
    at_once,
    charges,
    history,
    open_shop,
    place,
    policy,
    status,
    the_charge,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("each_database")]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


async def test_an_order_is_paid_when_the_vendor_answers() -> None:
    app = open_shop(at_once(Vendor()))
    order = place(app)
    await app.settle()
    assert status(app, order) is OrderStatus.PAID
    assert history(app) == ["initialized", "processing", "completed"]
    assert the_charge(app).result == Receipt(url="https://vendor.example/receipt")
    assert app.verify() == []


async def test_all_three_events_have_one_external_id_and_only_the_first_names_the_call() -> None:
    app = open_shop(at_once(Vendor(Completed(external_id=ExternalId("ch_1")))))
    place(app)
    await app.settle()
    events = app.query(select(IntegrationEvent))
    assert {event.external_id for event in events} == {"ch_1"}
    assert [event.entity_id for event in events] == [the_charge(app).id, None, None]


async def test_the_attempt_is_on_the_record_before_the_vendor_is_called() -> None:
    seen = []

    async def look(call: object) -> Completed:
        with app.engine.database.reading() as connection:
            seen.extend(connection.rows("SELECT number, finished_at FROM millrace_attempt"))
        return PAID

    app = open_shop(at_once(Vendor(look)))
    place(app)
    await app.settle()
    assert seen == [(1, None)]
    (attempt,) = app.attempts(the_charge(app).id)
    assert (attempt.number, attempt.verb, attempt.finished_at, attempt.doubtful) == (1, "call", NOON, False)
    assert attempt.idempotency_key == f"acme:{the_charge(app).id}:0"
    assert len(attempt.request_hash) == 64


async def test_a_refusal_by_the_vendor_is_final() -> None:
    vendor = Vendor(Declined("insufficient funds", code="card_declined"))
    app = open_shop(at_once(vendor))
    order = place(app)
    await app.settle()
    assert status(app, order) is OrderStatus.UNPAID
    assert the_charge(app).error == "insufficient funds"
    assert history(app) == ["initialized", "failed"]
    assert len(vendor.tries) == 1
    assert app.dead_calls() == []


async def test_a_request_that_is_wrong_is_not_sent_again() -> None:
    vendor = Vendor(Permanent("no such currency", code="bad_request"))
    app = open_shop(at_once(vendor))
    order = place(app)
    await app.settle()
    assert (status(app, order), len(vendor.tries)) == (OrderStatus.UNPAID, 1)


async def test_a_passing_failure_is_tried_again_with_the_same_key_after_a_while(clock: ManualClock) -> None:
    vendor = Vendor(Transient("503"))
    app = open_shop(at_once(vendor), clock=clock)
    order = place(app)
    await app.settle()
    assert (status(app, order), len(vendor.tries)) == (OrderStatus.PLACED, 1)
    clock.advance(timedelta(seconds=1))
    await app.settle()
    assert status(app, order) is OrderStatus.PAID
    assert len(set(vendor.keys)) == 1
    assert [call.attempt for call in vendor.tries] == [1, 2]
    assert [(one.code, one.doubtful) for one in app.attempts(the_charge(app).id)] == [
        ("transient", False),
        (None, False),
    ]


async def test_a_vendor_that_names_a_time_is_not_called_before_it_and_burns_no_attempt(
    clock: ManualClock,
) -> None:
    busy = [Transient("429", retry_after=timedelta(seconds=30)) for _ in range(5)]
    vendor = Vendor(*busy)
    app = open_shop(at_once(vendor), clock=clock)
    order = place(app)
    for tries in range(1, 6):
        await app.settle()
        assert len(vendor.tries) == tries
        clock.advance(timedelta(seconds=29))
        await app.settle()
        assert len(vendor.tries) == tries, "earlier than the vendor asked"
        clock.advance(timedelta(seconds=1))
    await app.settle()
    assert status(app, order) is OrderStatus.PAID
    assert {call.attempt for call in vendor.tries} == {1}


async def test_a_call_that_always_fails_is_given_up_and_can_be_tried_anew(clock: ManualClock) -> None:
    vendor = Vendor(Transient("503"), Transient("503"), Transient("503"))
    app = open_shop(at_once(vendor), clock=clock)
    order = place(app)
    for _ in range(4):
        await app.settle()
        clock.advance(timedelta(seconds=60))
    (dead,) = app.dead_calls()
    assert (dead.status, status(app, order)) == (CallStatus.FAILED, OrderStatus.UNPAID)
    assert "tried 3 times" in (dead.error or "")
    again = app.replay(str(dead.id))  # type: ignore[arg-type]  # as a command line has it
    await app.settle()
    assert status(app, order) is OrderStatus.PAID
    assert app.get(Charge, dead.id).status is CallStatus.FAILED, "what has ended stays as it ended"
    assert app.get(Charge, again.id).status is CallStatus.COMPLETED
    assert app.dead_calls() == []
    assert len(set(vendor.keys)) == 2
    assert app.verify() == []


async def test_a_call_is_asked_for_by_the_text_of_its_id_too_and_what_is_no_id_is_no_call() -> None:
    app = open_shop(at_once(Vendor()))
    place(app)
    await app.settle()
    (call,) = charges(app)
    assert app.attempts(str(call.id)) == app.attempts(call.id) != []  # type: ignore[arg-type]
    for ask in (app.attempts, app.replay):
        with pytest.raises(NoSuchCall, match="There is no call with the id ch_1"):
            ask("ch_1")  # type: ignore[arg-type]


async def test_a_handler_that_raises_anything_else_leaves_the_call_in_doubt_and_the_worker_alive() -> None:
    vendor = Vendor(KeyError("amount"))
    app = open_shop(at_once(vendor, on_doubt="fail"))
    place(app)
    place(app, "bob")
    await app.settle()
    first, second = charges(app)
    assert (first.status, second.status) == (CallStatus.FAILED, CallStatus.COMPLETED)
    assert "may or may not have acted" in (first.error or "")
    assert [call.id for call in app.dead_calls()] == [first.id]


@pytest.mark.parametrize("nonsense", [None, "", 42, {"status": "ok"}, Processing(), NotSubmitted()])
async def test_a_handler_that_returns_no_outcome_is_told_so(nonsense: object) -> None:
    app = open_shop(at_once(Vendor(nonsense), on_doubt="fail"))
    place(app)
    await app.settle()
    (attempt,) = app.attempts(the_charge(app).id)
    assert "in_doubt" in (attempt.code or "")
    assert the_charge(app).status is CallStatus.FAILED


def recovering(vendor: Vendor, *answers: object, **changes: object) -> tuple[Integration, list[str]]:
    """An integration that asks its vendor after a lost answer, and gets these answers."""
    asked: list[str] = []
    script = list(answers)
    acme = at_once(vendor, **changes)

    @acme.recover(Charge)
    async def find(call: object, http: object) -> object:
        asked.append(call.idempotency_key)
        answer = script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return acme, asked


async def test_a_lost_answer_is_found_again_by_asking() -> None:
    vendor = Vendor(InDoubt("the answer was lost"))
    acme, asked = recovering(vendor, PAID)
    app = open_shop(acme)
    order = place(app)
    await app.settle()
    assert status(app, order) is OrderStatus.PAID
    assert (len(vendor.tries), len(asked)) == (1, 1)
    assert [attempt.verb for attempt in app.attempts(the_charge(app).id)] == ["call", "recover"]


async def test_what_the_vendor_never_got_is_sent_again_under_the_same_key() -> None:
    vendor = Vendor(InDoubt("the answer was lost"))
    acme, asked = recovering(vendor, NotSubmitted())
    app = open_shop(acme)
    order = place(app)
    await app.settle()
    assert status(app, order) is OrderStatus.PAID
    assert (len(vendor.tries), len(asked), len({*vendor.keys, *asked})) == (2, 1, 1)


async def test_a_vendor_that_cannot_be_asked_is_asked_later_and_never_sent_to(clock: ManualClock) -> None:
    vendor = Vendor(InDoubt("the answer was lost"))
    acme, asked = recovering(vendor, *[Transient("503") for _ in range(9)], PAID)
    app = open_shop(acme, clock=clock)
    order = place(app)
    for _ in range(10):
        await app.settle()
        clock.advance(timedelta(minutes=1))
    assert (len(vendor.tries), len(asked)) == (1, 10)
    assert status(app, order) is OrderStatus.PAID


async def test_a_vendor_that_repeats_nothing_may_get_the_call_again_unasked(clock: ManualClock) -> None:
    vendor = Vendor(InDoubt("the answer was lost"))
    app = open_shop(at_once(vendor, on_doubt="retry"), clock=clock)
    order = place(app)
    await app.settle()
    clock.advance(timedelta(seconds=1))
    await app.settle()
    assert status(app, order) is OrderStatus.PAID
    assert len(set(vendor.keys)) == 1


async def test_bad_credentials_pause_the_integration_once_and_its_calls_keep_their_turn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    vendor = Vendor(NeedsAttention("401: the key was revoked", code="unauthorized"))
    app = open_shop(at_once(vendor, concurrency=1))
    orders = [place(app, name) for name in ("ada", "bob", "eve")]
    await app.settle()
    assert len(vendor.tries) == 1
    assert [record for record in caplog.records if "needs attention" in record.getMessage()] != []
    assert sum("needs attention" in record.getMessage() for record in caplog.records) == 1
    (acme,) = app.health()
    assert (acme.paused, acme.due) == ("401: the key was revoked", 3)
    await app.settle()
    assert len(vendor.tries) == 1
    app.resume("acme")
    await app.settle()
    assert {status(app, order) for order in orders} == {OrderStatus.PAID}
    assert vendor.customers == ["ada", "ada", "bob", "eve"]


async def test_a_sick_vendor_is_left_alone_and_then_tried_with_one_call(clock: ManualClock) -> None:
    vendor = Vendor(*[Transient("503") for _ in range(4)])
    sick = at_once(vendor, concurrency=1, breaker=Breaker(threshold=3, reset=30))
    app = open_shop(sick, clock=clock)
    for number in range(8):
        place(app, str(number))
    await app.settle()
    assert len(vendor.tries) == 3
    assert app.health()[0].breaker == "open"
    clock.advance(timedelta(seconds=30))
    await app.settle()
    assert len(vendor.tries) == 4, "one probe, which failed"
    clock.advance(timedelta(seconds=30))
    await app.settle()
    assert {one.status for one in charges(app)} == {CallStatus.COMPLETED}
    assert app.health()[0].breaker == "closed"


async def test_one_sick_vendor_does_not_slow_another() -> None:
    hang = anyio.Event()

    async def hanging(call: object) -> Completed:
        await hang.wait()
        return PAID

    post = Integration("post", policy=policy())
    delivered = anyio.Event()

    @post.call(Mail)
    async def send(call: object, http: object) -> Completed:
        delivered.set()
        return Completed()

    app = App([WITH_MAIL], [at_once(Vendor(hanging), concurrency=1), post], clock=ManualClock(NOON))
    app.create()
    async with app.working():
        place(app)
        with anyio.fail_after(5):
            await delivered.wait()
        assert the_charge(app).status is CallStatus.PENDING
        hang.set()
        await app.settle()
    assert the_charge(app).status is CallStatus.COMPLETED


async def test_no_more_calls_run_at_once_than_the_policy_allows() -> None:
    most = now = 0

    async def count(call: object) -> Completed:
        nonlocal most, now
        now += 1
        most = max(most, now)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        now -= 1
        return PAID

    app = open_shop(at_once(Vendor(*[count] * 20), concurrency=3))
    for number in range(20):
        place(app, str(number))
    await app.settle()
    assert most == 3
    assert {one.status for one in charges(app)} == {CallStatus.COMPLETED}


async def test_no_more_calls_leave_than_the_rate_allows(clock: ManualClock) -> None:
    vendor = Vendor()
    app = open_shop(at_once(vendor, rate=Rate(2, burst=2)), clock=clock)
    for number in range(7):
        place(app, str(number))
    tries = []
    for _ in range(4):
        await app.settle()
        tries.append(len(vendor.tries))
        clock.advance(timedelta(seconds=1))
    assert tries == [2, 4, 6, 7]


async def test_calls_of_one_key_run_one_at_a_time_in_order_also_across_retries(clock: ManualClock) -> None:
    vendor = Vendor(Transient("503"))
    app = open_shop(at_once(vendor, ordering_key=lambda call: call.customer), clock=clock)
    for cents in (1, 2, 3):
        place(app, "ada", cents)
    place(app, "bob", 9)
    await app.settle()
    assert [call.request.amount_cents for call in vendor.tries] == [1, 9]
    clock.advance(timedelta(seconds=1))
    await app.settle()
    assert [call.request.amount_cents for call in vendor.tries] == [1, 9, 1, 2, 3]


async def test_a_call_that_is_given_up_lets_the_next_of_its_key_go() -> None:
    vendor = Vendor(Declined("no", code="card_declined"))
    app = open_shop(at_once(vendor, ordering_key=lambda call: call.customer))
    first, second = place(app), place(app)
    await app.settle()
    assert (status(app, first), status(app, second)) == (OrderStatus.UNPAID, OrderStatus.PAID)


async def test_nothing_is_carried_out_before_its_time(clock: ManualClock) -> None:
    vendor = Vendor(Transient("503", retry_after=timedelta(hours=3)))
    app = open_shop(at_once(vendor), clock=clock)
    place(app)
    await app.settle()
    for _ in range(59 * 3):
        clock.advance(timedelta(minutes=1))
        await app.settle()
    assert len(vendor.tries) == 1
    clock.advance(timedelta(minutes=3))
    await app.settle()
    assert len(vendor.tries) == 2
