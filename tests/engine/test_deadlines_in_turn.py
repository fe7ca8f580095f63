"""Deadlines turn in the order of their moments, however late the timer is, and whoever froze the clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from freezegun import freeze_time
from sqlmodel import select

from framework import (
    Count,
    Deadline,
    Entity,
    Event,
    Field,
    Global,
    Retention,
    Sequence,
    StateMachine,
    Transition,
    became,
    computed,
    derive,
)
from framework.app import App, opened
from framework.clock import ManualClock
from framework.computations.deadline import NoMoment

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Standing(StrEnum):
    OPEN = "open"
    DUNNED = "dunned"
    CLOSED = "closed"


class BillSent(Event, table=True):
    due: datetime


class Bill(Entity, table=True):
    """The deadline that comes last is declared first: the order is that of time."""

    due: datetime
    note: str = ""

    closing: bool = computed(Deadline(lambda bill: bill.due + 2 * HOUR, before=False, after=True))
    dunning: bool = computed(Deadline(lambda bill: bill.due, before=False, after=True))
    suing: bool = computed(
        Deadline(lambda bill: bill.due + 3 * HOUR if bill.closing else None, before=False, after=True)
    )
    standing: Standing = computed(
        StateMachine(
            Standing.OPEN,
            Transition(Standing.OPEN, Standing.DUNNED, when=became(dunning, True)),
            Transition(Standing.DUNNED, Standing.CLOSED, when=became(closing, True)),
        )
    )
    sued: Standing = computed(
        StateMachine(
            Standing.OPEN,
            Transition(Standing.OPEN, Standing.CLOSED, when=became(closing, True)),
            Transition(Standing.CLOSED, Standing.DUNNED, when=became(suing, True)),
        )
    )


class DunnedBill(Bill, where=lambda bill: bill.dunning):
    """A bill that is reminded of."""


class ClosedBill(Bill, where=lambda bill: bill.closing):
    """A bill for which it is too late."""


class Letter(Entity, table=True):
    bill_id: UUID = Field(foreign_key="bill.id")
    text: str
    number: int = computed(Sequence())


@derive
def reminder(bill: DunnedBill) -> Letter:
    return Letter(bill_id=bill.id, text=f"{bill.note} is due")


@derive
def end(bill: ClosedBill) -> Letter:
    return Letter(bill_id=bill.id, text=f"{bill.note} is closed")


@derive
def bill(sent: BillSent) -> Bill:
    return Bill(id=sent.id, due=sent.due)


class Lamp(Entity, table=True):
    """It has nothing to do with bills."""

    until: datetime
    dark: bool = computed(Deadline(lambda lamp: lamp.until, before=False, after=True))


class Room(Global, table=True):
    dark: int = computed(Count(Lamp, lambda lamp: lamp.dark))


MODULE = [BillSent, Bill, DunnedBill, ClosedBill, Letter, reminder, end, bill, Lamp, Room]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def app(database_url: str, clock: ManualClock) -> Iterator[App]:
    with opened(App([MODULE], database=database_url, clock=clock)) as app:
        yield app
        assert app.verify() == []


def add(app: App, due: datetime, note: str = "") -> UUID:
    with app.transaction() as tx:
        return tx.add(Bill(due=due, note=note)).id


def test_a_timer_that_is_late_by_two_deadlines_moves_a_machine_by_both(app: App, clock: ManualClock) -> None:
    id = add(app, NOON + HOUR)
    clock.advance(9 * HOUR)
    assert app.tick() == 3
    bill = app.get(Bill, id)
    assert (bill.standing, bill.sued) == (Standing.CLOSED, Standing.DUNNED)
    assert app.unmatched(Bill, "standing") == []


def test_what_is_due_waits_for_the_timer_whoever_writes_before_it(app: App, clock: ManualClock) -> None:
    id = add(app, NOON + HOUR)
    clock.advance(9 * HOUR)
    with app.transaction() as tx:
        tx.update(Bill, id, note="touched")
        tx.add(Bill(due=NOON + 90 * HOUR))
    assert app.get(Bill, id).standing == Standing.OPEN
    assert app.verify() == []
    app.tick()
    assert app.get(Bill, id).standing == Standing.CLOSED


def test_records_are_reached_in_the_order_of_time_and_not_class_by_class(
    app: App, clock: ManualClock
) -> None:
    for hours, note in ((5, "b"), (1, "a"), (2, "c")):
        add(app, NOON + hours * HOUR, note)
    clock.advance(90 * HOUR)
    app.tick()
    letters = app.query(select(Letter).order_by(Letter.number))  # type: ignore[arg-type]  # it is a column
    assert [one.text for one in letters] == [
        "a is due", "c is due", "a is closed", "c is closed", "b is due", "b is closed",
    ]  # fmt: skip


def test_what_does_not_meet_turns_in_batches_of_its_own(app: App, clock: ManualClock) -> None:
    with app.transaction() as tx:
        for minutes in range(40):
            tx.add(Lamp(until=NOON + minutes * timedelta(minutes=1)))
            tx.add(Bill(due=NOON + minutes * timedelta(minutes=1)))
    clock.advance(90 * HOUR)
    app.tick()
    assert app.get(Room).dark == 40
    names = [[node.name for node in clocks] for clocks in app.plan.deadlines]
    assert sorted(map(sorted, names)) == [["Bill.closing", "Bill.dunning", "Bill.suing"], ["Lamp.dark"]]


@pytest.mark.parametrize(("at", "said"), [(3, "3"), (NOON.replace(tzinfo=None), r"datetime.datetime\(2026")])
def test_what_is_no_moment_is_refused_with_its_property(database_url: str, at: Any, said: str) -> None:
    class Visit(Entity, table=True):
        due: datetime
        is_over: bool = computed(Deadline(lambda visit: at, before=False, after=True))

    with opened(App([[Visit]], database=database_url)) as app:
        with pytest.raises(NoMoment, match=f"Visit.is_over would turn at {said}"), app.transaction() as tx:
            tx.add(Visit(due=NOON))
        assert app.query(select(Visit)) == []


def test_an_app_is_built_and_used_while_time_is_frozen(database_url: str) -> None:
    kept = Retention(BillSent, ttl=9 * HOUR)
    with freeze_time(NOON) as frozen, opened(App([[*MODULE, kept]], database=database_url)) as app:
        id = app.dispatch(BillSent(due=datetime.now(UTC) + HOUR)).id
        assert app.get(Bill, id).standing == Standing.OPEN
        frozen.tick(2 * HOUR)
        app.tick()
        assert app.get(Bill, id).standing == Standing.DUNNED
        frozen.tick(8 * HOUR)
        assert app.tick() == 3
        assert app.query(select(BillSent)) == []
        assert app.verify() == []
