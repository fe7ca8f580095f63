"""Guards of transitions: what they know of the record, of what makes it move, and of the parameters."""

from collections.abc import Iterator
from enum import StrEnum
from uuid import UUID

import pytest
from sqlmodel import select

from framework import (
    APICall,
    Entity,
    Event,
    Field,
    Formula,
    Global,
    OnEntry,
    Payload,
    Relationship,
    StateMachine,
    Transition,
    Unique,
    changed,
    completed,
    computed,
    created,
    derive,
    entered,
    left,
    on,
    subset,
)
from framework.app import App, opened
from framework.testing import emit


class Bill(StrEnum):
    OPEN = "open"
    PART = "part"
    PAID = "paid"


class Alarm(StrEnum):
    OFF = "off"
    ON = "on"


class Rates(Global, table=True):
    least: int = 10


class Paid(Event, table=True):
    invoice_id: UUID = Field(foreign_key="invoice.id")
    cents: int
    by: str = "ada"


class Amount(Payload):
    cents: int


class Charge(APICall, table=True):
    invoice_id: UUID = Field(foreign_key="invoice.id")
    request: Amount
    result: Amount | None = None


class Line(Entity, table=True):
    invoice_id: UUID | None = Field(default=None, foreign_key="invoice.id")
    cents: int = 0

    doubled: int = computed(Formula(lambda line: 2 * line.cents))


class Dear(Line, where=lambda line: line.cents > 100):
    @property
    def euros(self) -> float:
        return self.cents / 100


def is_enough(invoice: "Invoice", paid: Paid) -> bool:
    return paid.cents >= invoice.cents


class Invoice(Entity, table=True):
    cents: int = 100
    lines: list[Line] = Relationship()
    dear: list[Dear] = subset(lines, Dear)
    charges: list[Charge] = Relationship()

    bill: Bill = computed(
        StateMachine(
            Bill.OPEN,
            Transition(Bill.OPEN, Bill.PAID, when=on(Paid), guard=is_enough),
            Transition(
                Bill.OPEN,
                Bill.PART,
                when=on(Paid),
                guard=lambda invoice, paid, rates: rates.least <= paid.cents < invoice.cents,
                given=Rates,
            ),
            Transition(
                Bill.OPEN,
                Bill.PAID,
                when=completed(charges),
                guard=lambda invoice, charge: charge.result.cents >= invoice.cents,
            ),
        )
    )
    payer: str | None = computed(OnEntry(bill, Bill.PART, lambda invoice, paid: paid.by))
    alarm: Alarm = computed(
        StateMachine(
            Alarm.OFF,
            Transition(Alarm.OFF, Alarm.ON, when=entered(dear), guard=lambda invoice, line: line.euros > 2),
            Transition(Alarm.ON, Alarm.OFF, when=left(dear), guard=lambda invoice, line: line.euros < 0.5),
        )
    )
    cause: float | None = computed(OnEntry(alarm, Alarm.ON, lambda invoice, line: line.euros))
    high: Alarm = computed(
        StateMachine(
            Alarm.OFF,
            Transition(
                Alarm.OFF,
                Alarm.ON,
                when=changed(lines, "cents"),
                guard=lambda invoice, line: line.doubled > invoice.cents,
            ),
            Transition(
                Alarm.ON, Alarm.OFF, when=changed("cents"), guard=lambda invoice, same: same.cents > 500
            ),
        )
    )


@derive
def charge(invoice: Invoice) -> Charge:
    return Charge(invoice_id=invoice.id, request=Amount(cents=invoice.cents))


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Rates, Paid, Charge, Line, Dear, Invoice, charge]], database=database_url)) as app:
        yield app
        assert app.verify() == []


@pytest.fixture
def invoice(app: App) -> UUID:
    with app.transaction() as tx:
        return tx.add(Invoice()).id


def test_a_guard_sees_what_the_transaction_has_changed(app: App) -> None:
    with app.transaction() as tx:
        invoice = tx.add(Invoice(cents=100)).id
    with app.transaction() as tx:
        tx.update(Invoice, invoice, cents=60)
        tx.dispatch(Paid(invoice_id=invoice, cents=60))
    assert app.get(Invoice, invoice).bill is Bill.PAID


def test_a_guard_looks_at_the_event(app: App, invoice: UUID) -> None:
    app.dispatch(Paid(invoice_id=invoice, cents=9))
    assert app.get(Invoice, invoice).bill is Bill.OPEN
    assert [(one.trigger, one.count) for one in app.unmatched(Invoice, "bill")] == [("Paid created", 1)]
    app.dispatch(Paid(invoice_id=invoice, cents=100))
    assert app.get(Invoice, invoice).bill is Bill.PAID


def test_a_guard_looks_at_the_event_and_at_parameters(app: App, invoice: UUID) -> None:
    with app.transaction() as tx:
        tx.update(tx.get(Rates), least=5)
    app.dispatch(Paid(invoice_id=invoice, cents=9, by="bob"))
    found = app.get(Invoice, invoice)
    assert (found.bill, found.payer) == (Bill.PART, "bob")


def test_several_events_of_one_transaction_are_each_judged(app: App, invoice: UUID) -> None:
    with app.transaction() as tx:
        for cents in (3, 150, 20):
            tx.dispatch(Paid(invoice_id=invoice, cents=cents))
    assert app.get(Invoice, invoice).bill is Bill.PAID
    states = [(one.state, one.count) for one in app.unmatched(Invoice, "bill")]
    assert sorted(states) == [(Bill.OPEN, 1), (Bill.PAID, 1)]


@pytest.mark.parametrize(("cents", "expected"), [(99, Bill.OPEN), (100, Bill.PAID)])
def test_a_guard_looks_at_the_outcome_of_a_call(app: App, invoice: UUID, cents: int, expected: Bill) -> None:
    (charge,) = app.query(select(Charge))
    emit(app, charge, "completed", result=Amount(cents=cents))
    assert app.get(Invoice, invoice).bill is expected


def test_a_guard_looks_at_who_enters_a_view_and_who_leaves_it(app: App, invoice: UUID) -> None:
    with app.transaction() as tx:
        line = tx.add(Line(invoice_id=invoice, cents=150))
    assert app.get(Invoice, invoice).alarm is Alarm.OFF
    with app.transaction() as tx:
        other = tx.add(Line(invoice_id=invoice, cents=300))
    assert (app.get(Invoice, invoice).alarm, app.get(Invoice, invoice).cause) == (Alarm.ON, 3.0)
    with app.transaction() as tx:
        tx.update(other, cents=90)
    assert app.get(Invoice, invoice).alarm is Alarm.ON
    with app.transaction() as tx:
        tx.update(line, cents=10)
    assert app.get(Invoice, invoice).alarm is Alarm.OFF


def test_what_is_computed_of_the_cause_has_its_new_value(app: App, invoice: UUID) -> None:
    with app.transaction() as tx:
        line = tx.add(Line(invoice_id=invoice, cents=90))
    with app.transaction() as tx:
        tx.update(line, cents=50)
    assert app.get(Invoice, invoice).high is Alarm.OFF
    with app.transaction() as tx:
        tx.update(line, cents=51)
    assert app.get(Invoice, invoice).high is Alarm.ON
    for cents, expected in ((500, Alarm.ON), (501, Alarm.OFF)):
        with app.transaction() as tx:
            tx.update(Invoice, invoice, cents=cents)
        assert app.get(Invoice, invoice).high is expected


def test_what_would_be_is_judged_alike(app: App, invoice: UUID) -> None:
    found = app.explain_dispatch(Paid(invoice_id=invoice, cents=9)).step("Invoice.bill")
    assert found is not None
    assert found.skipped == (
        f"Invoice {invoice}: bill stays 'open', for the guard of 'Paid created' to paid, part said no",
    )
    taken = app.explain_dispatch(Paid(invoice_id=invoice, cents=100)).step("Invoice.bill")
    assert taken is not None
    assert [str(one) for one in taken.wrote] == [f"Invoice {invoice}: bill 'open' -> 'paid'"]
    assert app.get(Invoice, invoice).bill is Bill.OPEN


def test_the_cause_of_who_is_linked_is_the_link(database_url: str) -> None:
    class Member(Entity, table=True):
        name: str = ""

    class Seat(Entity, table=True):
        __table_args__ = (Unique("club_id", "member_id"),)
        club_id: UUID = Field(foreign_key="club.id")
        member_id: UUID = Field(foreign_key="member.id")
        row: int = 0

    class Club(Entity, table=True):
        members: list[Member] = Relationship(link_model=Seat)
        alarm: Alarm = computed(
            StateMachine(
                Alarm.OFF,
                Transition(
                    Alarm.OFF, Alarm.ON, when=created(members), guard=lambda club, seat: seat.row == 1
                ),
            )
        )

    with opened(App([[Member, Seat, Club]], database=database_url)) as app:
        with app.transaction() as tx:
            club, ada, bob = tx.add(Club()), tx.add(Member()), tx.add(Member())
        with app.transaction() as tx:
            tx.add(Seat(club_id=club.id, member_id=ada.id, row=2))
        assert app.get(Club, club.id).alarm is Alarm.OFF
        with app.transaction() as tx:
            tx.add(Seat(club_id=club.id, member_id=bob.id, row=1))
        assert app.get(Club, club.id).alarm is Alarm.ON
        assert app.verify() == []
