"""Filtered classes: live parts of a class, and what sees them."""

from collections.abc import Iterator
from enum import StrEnum
from uuid import UUID

import pytest
from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from framework import (
    Collect,
    Count,
    Entity,
    Event,
    Field,
    Formula,
    Global,
    Latest,
    Lookup,
    Max,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    computed,
    derive,
    entered,
    left,
    on,
    policy,
    subset,
)
from framework.app import App, Settings
from framework.plan.mistakes import UndeclaredRecord
from framework.plan.strict import UndeclaredRead
from framework.runtime.errors import NoSuchRecord, NotAMember


class Status(StrEnum):
    PLACED = "placed"
    PAID = "paid"
    REFUNDED = "refunded"


class Mood(StrEnum):
    CALM = "calm"
    GLAD = "glad"
    SAD = "sad"


class OrderPaid(Event, table=True):
    order_id: UUID = Field(foreign_key="order.id")


class OrderRefunded(Event, table=True):
    order_id: UUID = Field(foreign_key="order.id")


class Customer(Entity, table=True):
    name: str
    is_vip: bool = False


class Order(Entity, table=True):
    customer_id: UUID | None = Field(default=None, foreign_key="customer.id")
    cents: int = 0
    customer: Customer | None = Relationship()

    status: Status = computed(
        StateMachine(
            Status.PLACED,
            Transition(Status.PLACED, Status.PAID, when=on(OrderPaid)),
            Transition(Status.REFUNDED, Status.PAID, when=on(OrderPaid)),
            Transition(Status.PAID, Status.REFUNDED, when=on(OrderRefunded)),
        )
    )
    of_vip: bool | None = computed(Lookup(customer, lambda customer: customer.is_vip))
    label: str = computed(Formula(lambda order: f"{order.status}: {order.cents}"))


class PaidOrder(Order, where=lambda order: order.status is Status.PAID):
    """An order that is paid."""

    @property
    def euros(self) -> str:
        return f"{self.cents / 100:.2f}"


class BigPaidOrder(PaidOrder, where=lambda order: order.euros > "1.00"):
    """A paid order of more than a euro: asked only of those that are paid."""


class VipOrder(Order, where=lambda order: order.of_vip):
    """An order of a customer who is very important."""


class PaidVipOrder(PaidOrder, where=lambda order: order.of_vip):
    """A paid order of a customer who is very important."""


class Receipt(Entity, table=True):
    order_id: UUID = Field(foreign_key="order.id")
    text: str


class Thanks(Event, table=True):
    order_id: UUID = Field(foreign_key="order.id")


class Totals(Global, table=True):
    cheap: list[Order] = subset(Order, lambda order: order.cents < 100)
    cheap_paid: list[PaidOrder] = subset(cheap, PaidOrder)

    cheap_count: int = computed(Count(cheap))
    cheap_cents: int = computed(Sum(cheap_paid, lambda order: order.cents))
    paid: int = computed(Count(PaidOrder))
    cents: int = computed(Sum(PaidOrder, lambda order: order.cents))
    big: int = computed(Count(BigPaidOrder))
    of_vips: int = computed(Sum(VipOrder, lambda order: order.cents))
    paid_by_vips: int = computed(Count(PaidVipOrder))
    dearest: int | None = computed(Max(PaidOrder, lambda order: order.cents))
    newest: str | None = computed(Latest(PaidOrder, lambda order: order.euros))
    newest_two: list[str] = computed(Collect(PaidOrder, lambda order: order.label, limit=2))
    mood: Mood = computed(
        StateMachine(
            Mood.CALM,
            Transition(Mood.CALM, Mood.GLAD, when=entered(BigPaidOrder)),
            Transition(Mood.SAD, Mood.GLAD, when=entered(BigPaidOrder)),
            Transition(Mood.GLAD, Mood.SAD, when=left(BigPaidOrder)),
            Transition(Mood.CALM, Mood.SAD, when=left(BigPaidOrder)),
        )
    )


@derive
def receipt(order: PaidOrder) -> Receipt:
    """A paid order has a receipt, for as long as it is paid."""
    return Receipt(order_id=order.id, text=order.euros)


@derive
def thanks(order: PaidOrder) -> Thanks:
    """Whoever pays is thanked once."""
    return Thanks(order_id=order.id)


DECLARED = [
    OrderPaid,
    OrderRefunded,
    Customer,
    Order,
    BigPaidOrder,
    PaidOrder,
    VipOrder,
    PaidVipOrder,
    Receipt,
    Thanks,
    Totals,
    receipt,
    thanks,
]


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    app = App([DECLARED], database=database_url)
    app.create()
    yield app
    assert app.verify() == []
    app.close()


def place(app: App, cents: int, customer: Customer | None = None) -> Order:
    with app.transaction() as tx:
        return tx.add(Order(cents=cents, customer_id=customer.id if customer else None))


def test_members_are_counted_while_they_are_members(app: App) -> None:
    order, other = place(app, 50), place(app, 500)
    assert app.get(Totals).paid == 0
    app.dispatch(OrderPaid(order_id=order.id))
    app.dispatch(OrderPaid(order_id=other.id))
    totals = app.get(Totals)
    assert (totals.paid, totals.cents, totals.big, totals.dearest) == (2, 550, 1, 500)
    assert (totals.newest, totals.newest_two) == ("5.00", ["paid: 500", "paid: 50"])
    app.dispatch(OrderRefunded(order_id=other.id))
    totals = app.get(Totals)
    assert (totals.paid, totals.cents, totals.big, totals.dearest) == (1, 50, 0, 50)
    assert (totals.newest, totals.newest_two) == ("0.50", ["paid: 50"])


def test_a_change_of_a_member_reaches_what_counts_members(app: App) -> None:
    order = place(app, 50)
    app.dispatch(OrderPaid(order_id=order.id))
    with app.transaction() as tx:
        tx.update(order, cents=70)
    assert (app.get(Totals).cents, app.get(Totals).big) == (70, 0)
    with app.transaction() as tx:
        tx.update(order, cents=700)
    assert (app.get(Totals).cents, app.get(Totals).big, app.get(Totals).newest) == (700, 1, "7.00")


def test_who_comes_back_counts_with_what_it_is_then(app: App) -> None:
    order = place(app, 50)
    app.dispatch(OrderPaid(order_id=order.id))
    app.dispatch(OrderRefunded(order_id=order.id))
    with app.transaction() as tx:
        tx.update(order, cents=80)
    assert (app.get(Totals).cents, app.get(Totals).dearest) == (0, None)
    app.dispatch(OrderPaid(order_id=order.id))
    assert (app.get(Totals).cents, app.get(Totals).dearest) == (80, 80)


def test_membership_follows_what_is_computed_and_looked_up(app: App) -> None:
    with app.transaction() as tx:
        ada = tx.add(Customer(name="ada"))
    order = place(app, 50, ada)
    app.dispatch(OrderPaid(order_id=order.id))
    assert (app.get(Totals).of_vips, app.get(Totals).paid_by_vips) == (0, 0)
    with app.transaction() as tx:
        tx.update(ada, is_vip=True)
    assert (app.get(Totals).of_vips, app.get(Totals).paid_by_vips) == (50, 1)
    with app.transaction() as tx:
        tx.update(order, customer_id=None)
    assert (app.get(Totals).of_vips, app.get(Totals).paid_by_vips) == (0, 0)


def test_to_enter_and_to_leave_move_machines(app: App) -> None:
    order = place(app, 500)
    assert app.get(Totals).mood is Mood.CALM
    app.dispatch(OrderPaid(order_id=order.id))
    assert app.get(Totals).mood is Mood.GLAD
    with app.transaction() as tx:
        tx.update(order, cents=5)
    assert app.get(Totals).mood is Mood.SAD


def test_what_a_rule_keeps_of_a_view_exists_while_the_source_is_a_member(app: App) -> None:
    order = place(app, 50)
    assert app.query(select(Receipt)) == []
    app.dispatch(OrderPaid(order_id=order.id))
    (made,) = app.query(select(Receipt))
    assert made.text == "0.50"
    with app.transaction() as tx:
        tx.update(order, cents=60)
    (kept,) = app.query(select(Receipt))
    assert (kept.id, kept.text) == (made.id, "0.60")
    app.dispatch(OrderRefunded(order_id=order.id))
    assert app.query(select(Receipt)) == []
    app.dispatch(OrderPaid(order_id=order.id))
    (anew,) = app.query(select(Receipt))
    assert anew.id != made.id


def test_what_a_rule_makes_once_of_a_view_is_made_on_first_entering(app: App) -> None:
    order = place(app, 50)
    for _ in range(2):
        app.dispatch(OrderPaid(order_id=order.id))
        app.dispatch(OrderRefunded(order_id=order.id))
    assert [one.order_id for one in app.query(select(Thanks))] == [order.id]


def test_a_select_of_a_view_finds_its_members(app: App) -> None:
    small, big, unpaid = place(app, 50), place(app, 500), place(app, 5000)
    for one in (small, big):
        app.dispatch(OrderPaid(order_id=one.id))
    assert [one.id for one in app.query(select(PaidOrder).order_by(col(PaidOrder.cents)))] == [
        small.id,
        big.id,
    ]
    assert [one.id for one in app.query(select(PaidOrder).where(PaidOrder.cents > 100))] == [big.id]
    assert app.query(select(func.count()).select_from(PaidOrder)) == [2]
    assert app.query(select(BigPaidOrder.cents)) == [500]
    other = aliased(PaidOrder)
    assert {one.id for one in app.query(select(other))} == {small.id, big.id}
    joined = select(OrderPaid).join(BigPaidOrder, col(BigPaidOrder.id) == OrderPaid.order_id)
    assert [one.order_id for one in app.query(joined)] == [big.id]
    assert {one.id for one in app.query(select(Order))} == {small.id, big.id, unpaid.id}
    assert [one.id for one in app.members(PaidOrder)] == [small.id, big.id]
    assert app.get(PaidOrder, big.id).euros == "5.00"
    with pytest.raises(NoSuchRecord, match="There is no PaidOrder with the id"):
        app.get(PaidOrder, unpaid.id)


def test_a_view_that_the_app_does_not_know_is_not_selected_from(app: App) -> None:
    class Unknown(Order, where=lambda order: order.cents):
        pass

    with pytest.raises(UndeclaredRecord, match="Unknown"):
        app.query(select(Unknown))
    with pytest.raises(UndeclaredRecord, match="Unknown"):
        app.get(Unknown, UUID(int=1))


def test_what_is_created_through_a_view_belongs_to_it_or_is_refused(app: App) -> None:
    with app.transaction() as tx:
        ada = tx.add(Customer(name="ada", is_vip=True))
        order = tx.add(VipOrder(cents=5, customer_id=ada.id))
    assert app.get(VipOrder, order.id).cents == 5
    with pytest.raises(NotAMember, match="does not belong to VipOrder"):
        with app.transaction() as tx:
            tx.add(VipOrder(cents=7))
    assert [one.cents for one in app.query(select(Order))] == [5]
    with app.transaction() as tx:  # what comes later in the transaction counts
        late = tx.add(VipOrder(cents=9))
        tx.update(VipOrder, late.id, customer_id=ada.id)
    assert app.get(Totals).of_vips == 14


def test_members_are_changed_and_deleted_through_the_view(app: App) -> None:
    with app.transaction() as tx:
        ada = tx.add(Customer(name="ada", is_vip=True))
        order = tx.add(Order(cents=5, customer_id=ada.id))
        other = tx.add(Order(cents=5))
    with app.transaction() as tx:
        assert tx.get(VipOrder, order.id).cents == 5
        tx.update(app_get(app, order.id), cents=6)
        with pytest.raises(NoSuchRecord, match="VipOrder"):
            tx.update(VipOrder, other.id, cents=7)
    assert app.get(Totals).of_vips == 6
    with app.transaction() as tx:
        tx.delete(VipOrder, order.id)
    assert app.get(Totals).of_vips == 0


def test_a_global_may_have_a_part_of_all_records(app: App) -> None:
    order, _ = place(app, 50), place(app, 500)
    assert (app.get(Totals).cheap_count, app.get(Totals).cheap_cents) == (1, 0)
    app.dispatch(OrderPaid(order_id=order.id))
    assert (app.get(Totals).cheap_count, app.get(Totals).cheap_cents) == (1, 50)
    with app.transaction() as tx:
        tx.update(order, cents=100)
    assert (app.get(Totals).cheap_count, app.get(Totals).cheap_cents) == (0, 0)


def test_an_event_may_be_dispatched_through_a_view(database_url: str) -> None:
    class Parcel(Event, table=True):
        grams: int

    class Heavy(Parcel, where=lambda parcel: parcel.grams > 1000):
        pass

    class Ledger(Global, table=True):
        heavy: int = computed(Count(Heavy))

    app = App([Parcel, Heavy, Ledger], database=database_url)
    app.create()
    receipt = app.dispatch(Heavy(grams=2000), key="one")
    assert (type(receipt.event), app.get(Ledger).heavy) == (Heavy, 1)
    assert app.dispatch(Heavy(grams=2000), key="one").replayed
    with pytest.raises(NotAMember, match="does not belong to Heavy"):
        app.dispatch(Heavy(grams=3))
    assert len(app.query(select(Parcel))) == 1
    app.close()


def test_what_policies_hide_is_in_no_view(database_url: str) -> None:
    class Note(Entity, table=True):
        author: str
        likes: int = 0

    class Liked(Note, where=lambda note: note.likes > 0):
        pass

    own = policy(Note)(lambda reader: Note.author == reader.actor)
    app = App([Note, Liked, own], database=database_url)
    app.create()
    with app.transaction() as tx:
        mine = tx.add(Note(author="ada", likes=1))
        tx.add(Note(author="ada"))
        theirs = tx.add(Note(author="bob", likes=1))
    assert [one.id for one in app.query(select(Liked), actor="ada")] == [mine.id]
    assert [one.id for one in app.members(Liked, actor="bob")] == [theirs.id]
    assert app.get(Liked, mine.id, actor="ada").likes == 1
    with pytest.raises(NoSuchRecord):
        app.get(Liked, theirs.id, actor="ada")
    assert len(app.members(Liked)) == 2
    app.close()


def test_a_view_is_held_to_the_reads_that_it_declares(database_url: str) -> None:
    class Note(Entity, table=True):
        likes: int = 0
        dislikes: int = 0

    class Liked(Note, where=lambda note: note.likes > note.dislikes, reads=("likes",)):
        pass

    app = App([Note, Liked], database=database_url, settings=Settings(strict_reads=True))
    app.create()
    with pytest.raises(UndeclaredRead, match="Liked read 'dislikes'"):
        with app.transaction() as tx:
            tx.add(Note())
    app.close()


def test_explain_names_the_view_and_its_members(app: App) -> None:
    assert "it is the Count over all records of PaidOrder" in str(app.explain(Totals, "paid"))


def app_get(app: App, id: UUID) -> VipOrder:
    return app.get(VipOrder, id)
