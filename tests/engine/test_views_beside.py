"""Views together with what lets records go, and with what says what a dispatch would do."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from framework import Global, Retention, derive
from framework.app import App, opened
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

DAY = timedelta(days=1)


def customer(app: App, *sales: Order | Gift) -> UUID:
    """A customer with these sales, of which the orders are paid."""
    with app.transaction() as tx:
        id = tx.add(Customer()).id
        for sale in sales:
            sale.customer_id = id
            tx.add(sale)
    for sale in sales:
        if isinstance(sale, Order):
            app.dispatch(OrderPaid(order_id=sale.id))
    return id


def said(app: App, id: UUID) -> tuple[Any, ...]:
    assert app.verify() == []
    found = app.get(Customer, id)
    return found.count, found.cents, found.latest, found.newest, found.by_cents, found.mood


def order(cents: int, days: int = 0) -> Order:
    return Order(customer_id=NOBODY, cents=cents, at=NOON + days * DAY)


NOBODY = UUID(int=0)


def test_members_that_are_too_old_leave_and_everything_follows(database_url: str) -> None:
    clock = ManualClock(NOON)
    old = Retention(Order, ttl=30 * DAY, since="at")
    with opened(App([[*MODULE, old]], database=database_url, clock=clock)) as app:
        first, second = order(300), order(200, days=2)
        id = customer(app, first, second, Gift(customer_id=NOBODY, cents=150))
        with app.transaction() as tx:
            parcel = tx.add(Parcel(order_id=first.id)).id
        assert said(app, id) == (2, 500, 200, [150, 200], {300: 1, 200: 1, 150: 1}, Mood.GLAD)
        assert (app.get(Parcel, parcel).euros, app.get(Totals).biggest) == (3.0, 300)
        clock.advance(31 * DAY)
        (swept,) = app.sweep()
        assert (swept.removed, swept.held) == (1, ())
        assert said(app, id) == (1, 200, 200, [150, 200], {200: 1, 150: 1}, Mood.SAD)
        assert (app.get(Parcel, parcel).euros, app.get(Totals).biggest) == (None, 200)
        assert [one.id for one in app.query(select(PaidOrder))] == [second.id]
        assert [one.order_id for one in app.query(select(Receipt))] == [second.id]
        assert {one.order_id for one in app.query(select(Cheered))} == {first.id, second.id}
        clock.advance(2 * DAY)
        app.sweep()
        assert said(app, id) == (0, 0, None, [150], {150: 1}, Mood.SAD)
        totals = app.get(Totals)
        assert (totals.paid, totals.biggest, totals.dear, totals.latest) == (0, None, 150, 150)


def test_members_that_are_too_many_leave_and_everything_follows(database_url: str) -> None:
    kept = Retention(Order, cap=2, per="customer_id")
    with opened(App([[*MODULE, kept]], database=database_url)) as app:
        id = customer(app, *(order(cents) for cents in (500, 400, 101, 50)))
        other = customer(app, order(7))
        app.sweep()
        assert said(app, id) == (2, 151, 50, [50, 101], {101: 1}, Mood.SAD)
        assert said(app, other) == (1, 7, 7, [7], {}, Mood.GLAD)
        totals = app.get(Totals)
        assert (totals.paid, totals.biggest, totals.dear, totals.latest) == (3, 101, 101, 7)
        assert len(app.query(select(Receipt))) == 3
        customer(app, order(900))
        assert [one.cents for one in app.members(Dear)] == [101, 900]
        assert [one.cents for one in app.query(select(BigPaid))] == [101, 900]


def test_a_trace_says_who_enters_which_view() -> None:
    with opened(App([MODULE])) as app:
        placed = order(50)
        with app.transaction() as tx:
            buyer = tx.add(Customer())
            placed.customer_id = buyer.id
            tx.add(placed)
        trace = app.explain_dispatch(OrderPaid(order_id=placed.id))
        who = f"Order {placed.id}"

        def step(name: str) -> tuple[tuple[str, ...], list[str], tuple[str, ...]]:
            found = trace.step(name)
            assert found is not None
            return found.woken_by, [str(one) for one in found.wrote], found.skipped

        assert step("PaidOrder") == (
            (f"{who}: status 'placed' -> 'paid'",),
            [f"{who} enters PaidOrder"],
            (),
        )
        assert step("BigPaid") == ((f"{who} enters PaidOrder",), [], (f"{who}: not one of BigPaid",))
        assert step("Customer.paid") == ((f"{who} enters PaidOrder",), [f"{who} enters Customer.paid"], ())
        assert step("Customer.mood") == (
            (f"{who} enters Customer.paid",),
            [f"Customer {buyer.id}: mood 'calm' -> 'glad'"],
            (),
        )
        (woken, written, skipped) = step("rule receipt")
        assert (woken, skipped) == ((f"{who} enters PaidOrder",), ())
        assert [one.endswith(" created") for one in written] == [True]
        assert trace.step("rule cheer") is None
        assert app.query(select(PaidOrder)) == []
        text = str(trace)
        assert "_is_paid_order" not in text
        assert "_in_customer" not in text


def test_a_trace_knows_what_a_rule_is_given() -> None:
    class Prices(Global, table=True):
        least: int = 100

    @derive
    def large(order: PaidOrder, prices: Prices) -> Receipt | None:
        return Receipt(order_id=order.id) if order.cents >= prices.least else None

    with opened(App([[Prices, *MODULE, large]])) as app:
        placed = order(50)
        with app.transaction() as tx:
            placed.customer_id = tx.add(Customer()).id
            tx.add(placed)
        found = app.explain_dispatch(OrderPaid(order_id=placed.id)).step("rule large")
        assert found is not None
        assert (found.wrote, found.skipped) == ((), (f"Order {placed.id}: the rule returned nothing",))


def test_only_a_member_is_explained_as_one() -> None:
    with opened(App([MODULE])) as app:
        customer(app, order(50))
        (paid,) = app.query(select(PaidOrder))
        why = app.explain(PaidOrder, "status", paid.id).because
        assert why == "it started as 'placed' and was moved by 1 triggers"
        with pytest.raises(NoSuchRecord, match=f"There is no BigPaid with the id {paid.id}"):
            app.explain(BigPaid, "status", paid.id)
