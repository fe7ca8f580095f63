"""The page about views shows a file that runs, and is right about what comes of it."""

from functools import partial

import pytest
from sqlalchemy import exists
from sqlmodel import col, select

from docs.examples import views
from docs.examples.views import (
    BigPaidOrder,
    Customer,
    Household,
    Letter,
    Mood,
    Order,
    OrderPaid,
    OrderRefunded,
    PaidOrder,
    Party,
    Person,
    Receipt,
    Totals,
)
from framework.app import App, opened
from framework.runtime.errors import NoSuchRecord, NotAMember
from tests.docs.page import DOCS, ROOT, Page, without_blank_lines

PAGE = Page(DOCS / "views.md")


def test_the_listings_are_the_file() -> None:
    (path,) = PAGE.listings()
    file = "\n".join(without_blank_lines((ROOT / path).read_text(encoding="utf-8")))
    for block in PAGE.listings()[path]:
        for part in block.text.split("\n\n\n"):
            assert "\n".join(without_blank_lines(part)) in file


def test_the_page_is_right_about_what_comes_of_it() -> None:
    with opened(App([views])) as app:
        with app.transaction() as tx:
            customer = tx.add(Customer())
            order = tx.add(Order(customer_id=customer.id, cents=450))
            house = tx.add(Household())
            ada = tx.add(Person(name="Ada", debt=5, household_id=house.id))
            letter, lost = tx.add(Letter(person_id=ada.id)), tx.add(Letter())
        with pytest.raises(NoSuchRecord):
            app.get(PaidOrder, order.id)
        app.dispatch(OrderPaid(order_id=order.id))
        assert [one.euros for one in app.query(select(PaidOrder).where(PaidOrder.cents > 100))] == ["4.50"]
        assert app.query(select(BigPaidOrder)) == []
        assert [one.text for one in app.query(select(Receipt))] == ["4.50"]
        found = app.get(Customer, customer.id)
        assert (found.spent, found.small_count, found.mood) == (450, 1, Mood.GLAD)
        assert (app.get(Totals).paid, app.get(Totals).cents, app.get(Totals).debts) == (1, 450, 5)
        assert app.get(Household, house.id).newest == "person Ada"
        assert [one.name for one in app.members(Party)] == ["Ada"]
        assert [(one.name, one.reminds) for one in map(partial(app.get, Letter), (letter.id, lost.id))] == [
            ("Ada", True),
            ("nobody", False),
        ]
        app.dispatch(OrderRefunded(order_id=order.id))
        assert app.query(select(Receipt)) == []
        assert app.get(Customer, customer.id).mood is Mood.QUIET
        with pytest.raises(NotAMember):
            with app.transaction() as tx:
                tx.add(PaidOrder(cents=1))
        assert app.verify() == []


def test_criteria_speak_of_views_as_the_page_says() -> None:
    with opened(App([views])) as app:
        with app.transaction() as tx:
            big, small, none = (tx.add(Customer()).id for _ in range(3))
            orders = [tx.add(Order(customer_id=big, cents=cents)).id for cents in (20_000, 7)] + [
                tx.add(Order(customer_id=small, cents=3)).id
            ]
        for order in (orders[0], orders[2]):
            app.dispatch(OrderPaid(order_id=order))
        with app.transaction() as tx:
            assert tx.delete_where(Customer, ~exists().where(PaidOrder.customer_id == Customer.id)) == 1
            assert tx.update_where(Order, col(PaidOrder.cents) < 5, cents=5) == 1
            of_big = col(Order.customer_id).in_(select(BigPaidOrder.customer_id))
            assert tx.update_where(Order, of_big, cents=0) == 2
        assert [app.get(Order, order).cents for order in orders] == [0, 0, 5]
        with pytest.raises(NoSuchRecord):
            app.get(Customer, none)
