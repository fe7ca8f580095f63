"""Orders without any vendor: what the vendor would say is said by the test."""

import pytest
from sqlmodel import select

import business
from business.orders import Charge, Order, OrderPlaced, OrderStatus, Receipt, Sales, charge, order
from framework.app import App, opened
from framework.errors import DispatchError
from framework.testing import emit


@pytest.fixture
def app():
    with opened(App(modules=business.MODULES)) as app:
        yield app


def placed(app, total_cents=1250, **facts):
    """The id of an order, and of the event that placed it."""
    return app.dispatch(OrderPlaced(email="ada@example.org", total_cents=total_cents, **facts)).id


def the_charge(app, order_id):
    return app.query(select(Charge).where(Charge.order_id == order_id))[0]


def test_a_placed_order_is_an_order_that_asks_to_be_paid_once(app):
    id = placed(app)
    assert app.get(Order, id).status is OrderStatus.PLACED
    request = the_charge(app, id).request
    assert (request.amount_cents, request.currency, request.receipt_email) == (1250, "eur", "ada@example.org")
    assert app.get(Order, id).attempts == 1


def test_an_order_is_paid_when_its_charge_is_completed(app):
    id = placed(app)
    emit(app, the_charge(app, id), "completed", result=Receipt(url="https://example.org/receipt"))
    order = app.get(Order, id)
    assert order.status is OrderStatus.PAID
    assert order.receipt_url == "https://example.org/receipt"


def test_an_order_is_unpaid_when_its_charge_fails(app):
    id = placed(app, payment_method="pm_card_chargeDeclined")
    emit(app, the_charge(app, id), "failed", reason="Your card was declined.")
    assert app.get(Order, id).status is OrderStatus.UNPAID
    assert the_charge(app, id).error == "Your card was declined."


def test_an_order_that_costs_nothing_charges_nobody(app):
    id = placed(app, total_cents=0)
    assert app.get(Order, id).attempts == 0
    assert app.query(select(Charge)) == []


def test_an_order_cannot_cost_less_than_nothing(app):
    with pytest.raises(DispatchError, match="total_cents"):
        placed(app, total_cents=-1)
    assert app.get(Sales).orders == 0


def test_a_key_places_one_order_however_often_it_is_used(app):
    receipts = [app.dispatch(OrderPlaced(email="a@b.c", total_cents=5), key="k") for _ in range(3)]
    assert len({receipt.id for receipt in receipts}) == 1
    assert app.get(Sales).orders == 1


def test_revenue_is_what_was_paid(app):
    paid, declined, _ = (placed(app, total_cents=cents) for cents in (1000, 200, 30))
    emit(app, the_charge(app, paid), "completed", result=Receipt(url=None))
    emit(app, the_charge(app, declined), "failed", reason="no")
    sales = app.get(Sales)
    assert (sales.orders, sales.paid, sales.revenue_cents) == (3, 1, 1000)
    assert app.verify() == []


def test_rules_are_functions_that_need_no_app():
    event = OrderPlaced(email="ada@example.org", total_cents=7)
    assert order(event).id == event.id
    assert charge(order(event)).request.payment_method == "pm_card_visa"
