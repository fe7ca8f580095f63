"""The page about views shows a file that runs, and is right about what comes of it."""

from functools import partial

import pytest
from sqlmodel import select

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
