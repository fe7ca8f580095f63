"""What is computed when a state is entered: from the record and the cause, once for each entry."""

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
    Max,
    OnEntry,
    Payload,
    Relationship,
    StateMachine,
    Transition,
    became,
    completed,
    computed,
    created,
    deleted,
    derive,
    on,
)
from framework.app import App, Settings, opened
from framework.clock import ManualClock
from framework.integration import Completed, Integration
from framework.plan.mistakes import CyclicComputation, Unfollowable
from framework.plan.strict import UndeclaredRead
from framework.runtime.errors import InvalidEntryValue
from framework.testing import emit

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Stage(StrEnum):
    DRAFT = "draft"
    SENT = "sent"
    PAID = "paid"
    LATE = "late"
    BACK = "back"


class Cut(StrEnum):
    WHOLE = "whole"
    CUT = "cut"


class Wish(Payload):
    cents: int


class Receipt(Payload):
    number: str


class Sent(Event, table=True):
    invoice_id: UUID = Field(foreign_key="invoice.id", ondelete="CASCADE")
    by: str
    when: datetime = NOON


class Returned(Event, table=True):
    invoice_id: UUID = Field(foreign_key="invoice.id", ondelete="CASCADE")


class Line(Entity, table=True):
    invoice_id: UUID = Field(foreign_key="invoice.id", ondelete="CASCADE")
    cents: int


class Charge(APICall, table=True):
    invoice_id: UUID = Field(foreign_key="invoice.id", ondelete="CASCADE")
    request: Wish
    result: Receipt | None = None


class Postage(Payload):
    by: str
    at: datetime


def reminder(invoice: Any, cause: Any) -> str:
    return f"{invoice.title}: {invoice.state} since {cause.due_at:%H:%M}, {invoice.euros} euros"


class Invoice(Entity, table=True):
    customer_id: UUID | None = Field(default=None, foreign_key="customer.id")
    title: str = "?"
    cents: int = 0
    due_at: datetime | None = None
    charges: list[Charge] = Relationship()
    lines: list[Line] = Relationship()

    euros: int = computed(Formula(lambda invoice: invoice.cents // 100))
    overdue: bool = computed(Deadline(lambda invoice: invoice.due_at, before=False, after=True))
    state: Stage = computed(
        StateMachine(
            Stage.DRAFT,
            Transition(Stage.DRAFT, Stage.SENT, when=on(Sent)),
            Transition(Stage.BACK, Stage.SENT, when=on(Sent), guard=lambda invoice: invoice.times < 2),
            Transition(Stage.SENT, Stage.BACK, when=on(Returned)),
            Transition(Stage.SENT, Stage.LATE, when=became(overdue, True)),
            Transition(Stage.SENT, Stage.PAID, when=completed(charges)),
            Transition(Stage.LATE, Stage.PAID, when=completed(charges)),
        )
    )
    sent_by: str | None = computed(OnEntry(state, Stage.SENT, lambda invoice, cause: cause.by))
    times: int = computed(OnEntry(state, Stage.SENT, lambda invoice, cause: invoice.times + 1, initial=0))
    postage: Postage | None = computed(
        OnEntry(state, Stage.SENT, lambda invoice, cause: Postage(by=cause.by, at=cause.when))
    )
    paid_at: datetime | None = computed(OnEntry(state, Stage.PAID, lambda invoice, cause: cause.completed_at))
    receipt: str | None = computed(OnEntry(state, Stage.PAID, lambda invoice, cause: cause.result.number))
    reminder: str | None = computed(OnEntry(state, Stage.LATE, reminder))
    label: str = computed(Formula(lambda invoice: f"{invoice.sent_by} {invoice.times}x"))

    cut: Cut = computed(
        StateMachine(
            Cut.WHOLE,
            Transition(Cut.WHOLE, Cut.CUT, when=deleted(lines)),
            Transition(Cut.CUT, Cut.WHOLE, when=created(lines)),
        )
    )
    lost: int = computed(OnEntry(cut, Cut.CUT, lambda invoice, cause: cause.cents, initial=-1))


class Customer(Entity, table=True):
    invoices: list[Invoice] = Relationship()

    paid: int = computed(Count(invoices, lambda invoice: invoice.paid_at is not None))
    last_paid_at: datetime | None = computed(Max(invoices, lambda invoice: invoice.paid_at))


@derive
def charge(sent: Sent) -> Charge:
    return Charge(invoice_id=sent.invoice_id, request=Wish(cents=5))


RECORDS = [Sent, Returned, Line, Charge, Invoice, Customer, charge]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def app(database_url: str, clock: ManualClock) -> Iterator[App]:
    bank: Integration[Any] = Integration("bank")

    @bank.call(Charge)
    async def pay(call: Any, http: object) -> Completed:
        return Completed()

    with opened(App([RECORDS], [bank], database_url, clock=clock)) as app:
        yield app
        assert app.verify() == []


def invoice(app: App, **facts: Any) -> UUID:
    with app.transaction() as tx:
        return tx.add(Invoice(**facts)).id


def test_before_the_entry_there_is_nothing(app: App) -> None:
    found = app.get(Invoice, invoice(app))
    assert (found.sent_by, found.times, found.postage, found.paid_at, found.lost) == (None, 0, None, None, -1)


def test_an_event_gives_what_it_carries(app: App) -> None:
    id = invoice(app)
    app.dispatch(Sent(invoice_id=id, by="ada", when=NOON - HOUR))
    found = app.get(Invoice, id)
    assert (found.state, found.sent_by, found.times) == (Stage.SENT, "ada", 1)
    assert found.postage == Postage(by="ada", at=NOON - HOUR)
    assert found.label == "ada 1x"


def test_a_call_gives_its_result_and_its_moment_and_all_follows(app: App, clock: ManualClock) -> None:
    with app.transaction() as tx:
        customer = tx.add(Customer()).id
        id = tx.add(Invoice(customer_id=customer, cents=250)).id
    app.dispatch(Sent(invoice_id=id, by="ada"))
    clock.advance(HOUR)
    emit(app, app.query(select(Charge))[0], "completed", result=Receipt(number="R1"))
    found = app.get(Invoice, id)
    assert (found.paid_at, found.receipt) == (NOON + HOUR, "R1")
    assert (app.get(Customer, customer).paid, app.get(Customer, customer).last_paid_at) == (1, NOON + HOUR)


def test_a_deadline_gives_what_the_record_says_then(app: App, clock: ManualClock) -> None:
    id = invoice(app, title="boat", cents=1299, due_at=NOON + HOUR)
    app.dispatch(Sent(invoice_id=id, by="ada"))
    clock.advance(HOUR)
    app.tick()
    assert app.get(Invoice, id).reminder == "boat: late since 13:00, 12 euros"
    with app.transaction() as tx:
        tx.update(Invoice, id, title="ship")
    assert app.get(Invoice, id).reminder == "boat: late since 13:00, 12 euros"


def test_each_entry_gives_anew_and_what_is_not_entered_stays(app: App) -> None:
    id = invoice(app)
    app.dispatch(Sent(invoice_id=id, by="ada"))
    app.dispatch(Sent(invoice_id=id, by="nobody"))
    app.dispatch(Returned(invoice_id=id))
    assert app.get(Invoice, id).sent_by == "ada"
    app.dispatch(Sent(invoice_id=id, by="bob"))
    assert (app.get(Invoice, id).sent_by, app.get(Invoice, id).times) == ("bob", 2)
    app.dispatch(Returned(invoice_id=id))
    app.dispatch(Sent(invoice_id=id, by="cat"))
    assert (app.get(Invoice, id).state, app.get(Invoice, id).times) == (Stage.BACK, 2)


def test_entries_of_one_transaction_see_each_other(app: App) -> None:
    with app.transaction() as tx:
        id = tx.add(Invoice()).id
        for event in (Sent(invoice_id=id, by="ada"), Returned(invoice_id=id), Sent(invoice_id=id, by="bob")):
            tx.dispatch(event)
    assert (app.get(Invoice, id).sent_by, app.get(Invoice, id).times) == ("bob", 2)


def test_a_cause_that_is_gone_is_given_as_it_was(app: App) -> None:
    id = invoice(app)
    with app.transaction() as tx:
        line = tx.add(Line(invoice_id=id, cents=7)).id
    with app.transaction() as tx:
        tx.delete(Line, line)
    assert app.get(Invoice, id).lost == 7


def test_a_record_that_comes_back_has_entered_nothing(app: App) -> None:
    id = invoice(app)
    app.dispatch(Sent(invoice_id=id, by="ada"))
    with app.transaction() as tx:
        tx.delete(Invoice, id)
    with app.transaction() as tx:
        tx.add(Invoice(id=id))
    assert (app.get(Invoice, id).sent_by, app.get(Invoice, id).times) == (None, 0)


def test_what_was_tampered_with_is_found_and_mended(app: App) -> None:
    id = invoice(app)
    app.dispatch(Sent(invoice_id=id, by="ada"))
    with app.engine.transaction() as tx:
        tx.work.connection.run("UPDATE invoice SET sent_by = 'eve', times = 9")
    found = [str(one).partition(": ")[2] for one in app.verify()]
    assert found[:2] == ["sent_by is 'eve', should be 'ada'", "times is 9, should be 1"]
    app.rebuild()
    assert (app.get(Invoice, id).sent_by, app.get(Invoice, id).times) == ("ada", 1)


class Pressed(Event, table=True):
    lamp_id: UUID = Field(foreign_key="lamp.id")
    watt: int | None = None


def lamp(of: Any, **options: Any) -> list[Any]:
    class Lamp(Entity, table=True):
        name: str = ""
        stage: Stage = computed(
            StateMachine(
                Stage.DRAFT,
                *(
                    Transition(one, other, when=on(Pressed))
                    for one, other in zip(Stage, [*list(Stage)[1:], Stage.DRAFT], strict=True)
                ),
            )
        )
        double: int = computed(Formula(lambda lamp: len(lamp.stage) * 2))
        watt: int = computed(OnEntry(stage, Stage.SENT, of, initial=0, **options))

    return [Lamp, Pressed]


@pytest.mark.parametrize(
    ("watt", "said"), [(None, "Input should be a valid integer"), (2**63, "Input should be less than")]
)
def test_a_value_that_cannot_be_leaves_all_as_it_was(database_url: str, watt: Any, said: str) -> None:
    """Class 19: a state is never entered without its value."""
    with opened(App([lamp(lambda lamp, cause: watt)], database=database_url)) as app:
        (model, _) = app.plan.shapes
        with app.transaction() as tx:
            id = tx.add(model()).id
        with pytest.raises(InvalidEntryValue, match=f"watt cannot be .* on the entry of 'sent': {said}"):
            app.dispatch(Pressed(lamp_id=id))
        assert app.get(model, id).stage is Stage.DRAFT  # type: ignore[attr-defined]  # the lamp above
        assert app.query(select(Pressed)) == []


def test_an_entry_that_reads_what_follows_from_it_is_a_circle() -> None:
    with pytest.raises(CyclicComputation, match=r"Lamp\.stage <- Lamp\.double <- Lamp\.stage"):
        App([lamp(lambda lamp, cause: lamp.double)])


def test_code_that_cannot_be_followed_says_what_it_reads(database_url: str) -> None:
    def measured(lamp: Any, cause: Any) -> int:
        return weigh(lamp, cause)

    with pytest.raises(Unfollowable, match=r"Lamp\.watt hands its record to code that cannot be followed"):
        App([lamp(measured)])
    declared = lamp(measured, reads=("name", "cause.watt"))
    with opened(App([declared], database=database_url, settings=Settings(strict_reads=True))) as app:
        with app.transaction() as tx:
            id = tx.add(declared[0](name="xyz")).id
        app.dispatch(Pressed(lamp_id=id, watt=4))
        assert app.get(declared[0], id).watt == 7
    with opened(
        App(
            [lamp(measured, reads=("cause.watt",))],
            database="sqlite://",
            settings=Settings(strict_reads=True),
        )
    ) as app:
        (model, _) = app.plan.shapes
        with app.transaction() as tx:
            id = tx.add(model()).id
        with pytest.raises(UndeclaredRead, match=r"Lamp\.watt read 'name'"):
            app.dispatch(Pressed(lamp_id=id))


def weigh(lamp: Any, cause: Any) -> int:
    return len(lamp.name) + (cause.watt or 0)
