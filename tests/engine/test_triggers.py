"""What can move a machine: events by a given route, all records of a class, and its own record."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from framework import (
    APICall,
    Count,
    Deadline,
    Entity,
    Event,
    Field,
    Formula,
    Global,
    Payload,
    Relationship,
    StateMachine,
    Transition,
    Unique,
    became,
    changed,
    completed,
    computed,
    created,
    deleted,
    derive,
    on,
)
from framework.app import App, opened
from framework.clock import ManualClock
from framework.integration import Completed, Integration
from framework.plan.mistakes import UnknownMachine
from framework.testing import emit

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Access(StrEnum):
    NONE = "none"
    ASKED = "asked"
    GIVEN = "given"


class Dunning(StrEnum):
    CALM = "calm"
    LATE = "late"
    SETTLED = "settled"


class Price(StrEnum):
    FIRST = "first"
    CHANGED = "changed"


class Site(StrEnum):
    EMPTY = "empty"
    OPEN = "open"
    EARNING = "earning"


class Level(StrEnum):
    EMPTY = "empty"
    FILLED = "filled"


class Money(StrEnum):
    OUT = "out"
    IN = "in"
    IDLE = "idle"


class Nothing(Payload):
    pass


class Transferred(Event, table=True):
    source_id: UUID = Field(foreign_key="account.id")
    target_id: UUID = Field(foreign_key="account.id")


class Account(Entity, table=True):
    last: Money = computed(
        StateMachine(
            Money.IDLE,
            *(Transition(state, Money.OUT, when=on(Transferred, to="source_id")) for state in Money),
            *(Transition(state, Money.IN, when=on(Transferred, to="target_id")) for state in Money),
        )
    )


class AccessAsked(Event, table=True):
    membership_id: UUID = Field(foreign_key="membership.id")


class Membership(Entity, table=True):
    """The link of an account and a club, with a machine of its own."""

    __table_args__ = (Unique("account_id", "club_id"),)
    account_id: UUID = Field(foreign_key="account.id")
    club_id: UUID = Field(foreign_key="club.id")
    vip: bool = False

    access: Access = computed(
        StateMachine(
            Access.NONE,
            Transition(Access.NONE, Access.ASKED, when=on(AccessAsked)),
            Transition(Access.ASKED, Access.GIVEN, when=became("vip", True)),
        )
    )


class Club(Entity, table=True):
    members: list[Membership] = Relationship()

    guests: int = computed(Count(members, lambda member: member.access == Access.GIVEN))


class Charge(APICall, table=True):
    bill_id: UUID = Field(foreign_key="bill.id")
    request: Nothing


class Bill(Entity, table=True):
    cents: int = 0
    paid: bool = False
    blocked: bool = False
    due_at: datetime | None = None

    euros: int = computed(Formula(lambda bill: bill.cents // 100))
    overdue: bool = computed(Deadline(lambda bill: bill.due_at, before=False, after=True))
    dunning: Dunning = computed(
        StateMachine(
            Dunning.CALM,
            Transition(
                Dunning.CALM, Dunning.LATE, when=became(overdue, True), guard=lambda bill: not bill.blocked
            ),
            Transition(Dunning.CALM, Dunning.SETTLED, when=became("paid", True)),
            Transition(Dunning.LATE, Dunning.SETTLED, when=became("paid", True)),
        )
    )
    price: Price = computed(
        StateMachine(Price.FIRST, Transition(Price.FIRST, Price.CHANGED, when=changed(euros)))
    )


class Pour(Entity, table=True):
    tank_id: UUID = Field(foreign_key="tank.id")


class Tank(Entity, table=True):
    pours: list[Pour] = Relationship()

    poured: int = computed(Count(pours))
    level: Level = computed(
        StateMachine(
            Level.EMPTY,
            Transition(Level.EMPTY, Level.FILLED, when=changed(poured)),
            Transition(Level.FILLED, Level.EMPTY, when=became(poured, 0)),
        )
    )


class Shop(Global, table=True):
    is_open: bool = False

    site: Site = computed(
        StateMachine(
            Site.EMPTY,
            Transition(Site.EMPTY, Site.OPEN, when=created(Bill)),
            Transition(Site.OPEN, Site.EARNING, when=completed(Charge)),
            Transition(Site.OPEN, Site.EMPTY, when=deleted(Bill)),
        )
    )
    sign: Price = computed(
        StateMachine(Price.FIRST, Transition(Price.FIRST, Price.CHANGED, when=changed("is_open")))
    )


@derive
def charge(bill: Bill) -> Charge | None:
    return Charge(bill_id=bill.id, request=Nothing()) if bill.cents else None


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def app(database_url: str, clock: ManualClock) -> Iterator[App]:
    bank: Integration[Any] = Integration("bank")

    @bank.call(Charge)
    async def pay(call: Any, http: object) -> Completed:
        return Completed()

    classes = [Transferred, Account, AccessAsked, Membership, Club, Charge, Bill, Pour, Tank, Shop, charge]
    with opened(App([classes], [bank], database_url, clock=clock)) as app:
        yield app
        assert app.verify() == []


def bill(app: App, **facts: Any) -> UUID:
    with app.transaction() as tx:
        return tx.add(Bill(**facts)).id


def test_an_event_with_two_ways_moves_by_the_one_that_is_given(app: App) -> None:
    with app.transaction() as tx:
        ann, bob = (tx.add(Account()).id for _ in range(2))
    app.dispatch(Transferred(source_id=ann, target_id=bob))
    assert [app.get(Account, id).last for id in (ann, bob)] == [Money.OUT, Money.IN]
    app.dispatch(Transferred(source_id=bob, target_id=ann))
    assert [app.get(Account, id).last for id in (ann, bob)] == [Money.IN, Money.OUT]


def test_a_link_moves_by_an_event_and_by_its_own_field(app: App) -> None:
    with app.transaction() as tx:
        club = tx.add(Club()).id
        link = tx.add(Membership(account_id=tx.add(Account()).id, club_id=club)).id
    app.dispatch(AccessAsked(membership_id=link))
    assert app.get(Membership, link).access is Access.ASKED
    with app.transaction() as tx:
        tx.update(Membership, link, vip=True)
    assert app.get(Membership, link).access is Access.GIVEN
    assert app.get(Club, club).guests == 1


def test_a_global_moves_by_all_records_of_a_class(app: App) -> None:
    assert app.get(Shop).site is Site.EMPTY
    first = bill(app)
    assert app.get(Shop).site is Site.OPEN
    with app.transaction() as tx:
        tx.delete(Bill, first)
    assert app.get(Shop).site is Site.EMPTY
    bill(app, cents=100)
    (call,) = app.query(select(Charge))
    emit(app, call, "completed")
    assert app.get(Shop).site is Site.EARNING


def test_a_global_moves_by_a_parameter_of_its_own(app: App) -> None:
    with app.transaction() as tx:
        tx.update(Shop, is_open=True)
    assert app.get(Shop).sign is Price.CHANGED


def test_a_deadline_moves_the_machine_that_waits_for_it(app: App, clock: ManualClock) -> None:
    late = bill(app, due_at=NOON + HOUR)
    blocked = bill(app, due_at=NOON + HOUR, blocked=True)
    paid = bill(app, due_at=NOON + HOUR)
    with app.transaction() as tx:
        tx.update(Bill, paid, paid=True)
    clock.advance(HOUR)
    app.tick()
    assert [app.get(Bill, id).dunning for id in (late, blocked, paid)] == ["late", "calm", "settled"]


def test_a_record_that_comes_to_be_late_is_late(app: App) -> None:
    assert app.get(Bill, bill(app, due_at=NOON - HOUR)).dunning is Dunning.LATE


def test_a_record_that_comes_to_be_as_it_starts_has_become_nothing(app: App) -> None:
    """Class 20: the first write is no change."""
    id = bill(app, cents=300)
    assert (app.get(Bill, id).dunning, app.get(Bill, id).price) == (Dunning.CALM, Price.FIRST)
    assert app.unmatched() == []


def test_a_record_that_comes_to_be_while_another_is_emptied_has_become_nothing(app: App) -> None:
    """Class 20."""
    with app.transaction() as tx:
        old = tx.add(Tank()).id
    with app.transaction() as tx:
        pour = tx.add(Pour(tank_id=old))
    assert app.get(Tank, old).level is Level.FILLED
    with app.transaction() as tx:
        tx.delete(pour)
        new = tx.add(Tank()).id
    assert [app.get(Tank, id).level for id in (old, new)] == [Level.EMPTY, Level.EMPTY]
    assert app.unmatched() == []


def test_what_another_record_goes_through_is_no_change_of_this_one(app: App) -> None:
    """Class 16."""
    one, other = (bill(app, cents=300) for _ in range(2))
    with app.transaction() as tx:
        tx.update(Bill, one, cents=400)
        tx.update(Bill, other, cents=399)
    assert [app.get(Bill, id).price for id in (one, other)] == [Price.CHANGED, Price.FIRST]


def test_what_reads_the_whole_row_decides(app: App) -> None:
    """Class 16: a field that a write does not name is read as it is; what stays is no change."""
    id = bill(app, cents=300, blocked=True)
    with app.transaction() as tx:
        tx.update(Bill, id, cents=399)
    assert app.get(Bill, id).price is Price.FIRST
    with app.transaction() as tx:
        tx.update(Bill, id, cents=400)
    assert app.get(Bill, id).price is Price.CHANGED
    with app.transaction() as tx:
        tx.update(Bill, id, due_at=NOON - HOUR)
    assert app.get(Bill, id).dunning is Dunning.CALM


def test_a_value_that_is_reached_again_moves_again(app: App, clock: ManualClock) -> None:
    id = bill(app, due_at=NOON - HOUR, blocked=True)
    with app.transaction() as tx:
        tx.update(Bill, id, due_at=NOON + HOUR, blocked=False)
    clock.advance(HOUR)
    app.tick()
    assert app.get(Bill, id).dunning is Dunning.LATE


def test_what_no_transition_takes_is_counted_by_state_and_trigger(app: App, clock: ManualClock) -> None:
    one = bill(app, due_at=NOON - HOUR, blocked=True)
    clock.advance(HOUR)
    other = bill(app, due_at=NOON - HOUR, blocked=True)
    with app.transaction() as tx:
        for id in (one, other):
            tx.update(Bill, id, paid=True)
    with app.transaction() as tx:
        tx.update(Bill, one, paid=False)
    with app.transaction() as tx:
        tx.update(Bill, one, paid=True)

    calm, settled = app.unmatched(Bill, "dunning")

    assert (calm.state, calm.trigger, calm.count) == (Dunning.CALM, "Bill.overdue became True", 2)
    assert (settled.state, settled.trigger, settled.count) == (Dunning.SETTLED, "Bill.paid became True", 1)
    assert calm.last_at == NOON + HOUR
    assert str(calm) == (
        "Bill.dunning in the state 'calm': no transition took 'Bill.overdue became True', 2 times, last at "
        "2026-01-01 13:00:00"
    )
    assert app.unmatched(Bill) == [calm, settled]
    assert {one.property for one in app.unmatched()} == {"dunning", "site"}
    with pytest.raises(UnknownMachine):
        app.unmatched(Bill, "cents")
