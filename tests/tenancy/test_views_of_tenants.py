"""Views of tenants: each has its own members, of every kind of view, on both databases."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import select

from framework import Retention, tenant
from framework.app import App, Settings, opened
from framework.clock import ManualClock
from framework.runtime.errors import NoSuchRecord
from tests.engine.paying import (
    MODULE,
    NOON,
    BigPaid,
    Cheered,
    Customer,
    Dear,
    Gift,
    Mood,
    Order,
    OrderPaid,
    PaidOrder,
    Parcel,
    Receipt,
    Totals,
)

SOLD = {"acme": (300, 20), "bolt": (70,)}
DAYS = timedelta(days=1)
AGES = Retention(Order, ttl=30 * DAYS, since="at")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def app(database_url: str, clock: ManualClock) -> Iterator[App]:
    settings = Settings(tenancy="required")
    with opened(App([[*MODULE, AGES]], database=database_url, settings=settings, clock=clock)) as app:
        for name, sold in SOLD.items():
            app.create_tenant(name)
            with tenant(name), app.transaction() as tx:
                buyer = tx.add(Customer(id=BUYER))
                orders = [tx.add(Order(customer_id=buyer.id, cents=cents)).id for cents in sold]
                tx.add(Gift(customer_id=buyer.id, cents=110))
                tx.add(Parcel(id=PARCEL, order_id=orders[0]))
            with tenant(name):
                for id in orders:
                    app.dispatch(OrderPaid(order_id=id))
        yield app


BUYER, PARCEL = UUID(int=1), UUID(int=2)
"""Of every tenant: ids are unique within one."""


def cents(records: list[PaidOrder] | list[BigPaid] | list[Dear]) -> list[int]:
    return sorted(one.cents for one in records)


def test_each_tenant_has_its_own_members(app: App) -> None:
    with tenant("acme"):
        assert cents(app.query(select(PaidOrder))) == [20, 300]
        assert cents(app.query(select(BigPaid))) == [300]
        assert cents(app.members(Dear)) == [110, 300]
        buyer, totals = app.get(Customer, BUYER), app.get(Totals)
        assert (buyer.count, buyer.cents, buyer.newest) == (2, 320, [110, 20])
        assert buyer.by_cents == {300: 1, 110: 1}
        assert (totals.paid, totals.biggest, totals.dear) == (2, 300, 410)
        assert app.get(Parcel, PARCEL).euros == 3.0
        assert (len(app.query(select(Receipt))), len(app.query(select(Cheered)))) == (2, 1)
        assert app.verify() == []
        (big,) = app.query(select(BigPaid))
    with tenant("bolt"):
        assert cents(app.query(select(PaidOrder))) == [70]
        assert app.query(select(BigPaid)) == []
        assert cents(app.members(Dear)) == [110]
        assert (app.get(Customer, BUYER).count, app.get(Totals).biggest) == (1, None)
        assert app.get(Parcel, PARCEL).euros == 0.7
        with pytest.raises(NoSuchRecord):
            app.get(PaidOrder, big.id)
        assert app.verify() == []


def test_an_order_of_the_same_id_that_another_tenant_has_paid_is_no_member_here(app: App) -> None:
    id = UUID(int=9)
    for name in SOLD:
        with tenant(name), app.transaction() as tx:
            tx.add(Order(id=id, customer_id=BUYER, cents=1))
    with tenant("bolt"):
        app.dispatch(OrderPaid(order_id=id))
    of_one_cent = select(PaidOrder).where(PaidOrder.cents == 1)
    for name, expected in (("acme", []), ("bolt", [id])):
        with tenant(name):
            assert [one.id for one in app.query(of_one_cent)] == expected
            assert [one.id for one in app.members(PaidOrder) if one.cents == 1] == expected
            if not expected:
                with pytest.raises(NoSuchRecord):
                    app.get(PaidOrder, id)


def test_who_enters_and_leaves_concerns_one_tenant(app: App) -> None:
    with tenant("acme"), app.transaction() as tx:
        assert tx.update_where(PaidOrder, PaidOrder.cents < 100, cents=200) == 1
        assert tx.delete_where(BigPaid, BigPaid.cents > 250) == 1
    with tenant("acme"):
        buyer = app.get(Customer, BUYER)
        assert (buyer.count, buyer.by_cents, buyer.mood) == (1, {200: 1, 110: 1}, Mood.SAD)
        assert (app.get(Parcel, PARCEL).euros, app.get(Totals).biggest) == (None, 200)
    with tenant("bolt"):
        buyer = app.get(Customer, BUYER)
        assert (buyer.count, buyer.by_cents, buyer.mood) == (1, {110: 1}, Mood.GLAD)
        assert app.get(Totals).biggest is None
    for name in SOLD:
        with tenant(name):
            assert app.verify() == []


def test_members_of_each_tenant_grow_old(app: App, clock: ManualClock) -> None:
    with tenant("bolt"), app.transaction() as tx:
        tx.update_where(Order, Order.cents > 0, at=NOON + 5 * DAYS)
    clock.advance(31 * DAYS)
    app.sweep()
    with tenant("acme"):
        assert (app.get(Customer, BUYER).count, app.get(Totals).paid) == (0, 0)
        assert (app.get(Parcel, PARCEL).euros, app.query(select(Receipt))) == (None, [])
        assert app.verify() == []
    with tenant("bolt"):
        assert (app.get(Customer, BUYER).count, app.get(Totals).paid, app.get(Parcel, PARCEL).euros) == (
            1,
            1,
            0.7,
        )
        assert app.verify() == []


def test_a_trace_is_of_one_tenant(app: App) -> None:
    with tenant("bolt"):
        with app.transaction() as tx:
            placed = tx.add(Order(customer_id=BUYER, cents=500)).id
        trace = app.explain_dispatch(OrderPaid(order_id=placed))
        entered = [str(one) for step in trace.steps for one in step.wrote if one.view]
        assert entered == [f"Order {placed} enters {view}" for view in ("PaidOrder", *ENTERED)]
        assert app.get(Totals).paid == 1


ENTERED = ("BigPaid", "Customer.paid", "Parcel.paid", "Customer.dear")
