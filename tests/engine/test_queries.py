"""Queries: each is one statement, whatever it loads along."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ColumnElement, event
from sqlalchemy.orm import aliased, contains_eager, joinedload, selectinload
from sqlmodel import col, select

from framework import Entity, Field, Reader, Relationship, policy
from framework.app import App, opened


class Customer(Entity, table=True):
    name: str
    vip: bool = False
    orders: list["Order"] = Relationship(back_populates="customer")


class Order(Entity, table=True):
    number: int
    customer_id: UUID = Field(foreign_key="customer.id")
    customer: Customer = Relationship(back_populates="orders")
    lines: list["Line"] = Relationship()


class Line(Entity, table=True):
    price: int
    order_id: UUID = Field(foreign_key="order.id")


class Vip(Customer, where=lambda customer: customer.vip):
    """A customer who is waited on."""


@policy(Order)
def odd_orders(reader: Reader) -> ColumnElement[bool]:
    """Readers see the orders with odd numbers."""
    return col(Order.number) % 2 == 1


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Customer, Order, Line, Vip, odd_orders]], database=database_url)) as app:
        with app.transaction() as tx:
            for name, vip, numbers in (("ada", True, (1, 2, 3)), ("eve", False, (4,)), ("zoe", True, ())):
                customer = tx.add(Customer(name=name, vip=vip))
                for number in numbers:
                    order = tx.add(Order(number=number, customer_id=customer.id))
                    tx.add_all([Line(price=price, order_id=order.id) for price in (10, 20)])
        yield app


@contextmanager
def counted(app: App) -> Iterator[list[str]]:
    """The SELECTs of the App's own tables that queries execute."""
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    reader: Any = app.engine.database.reader  # type: ignore[attr-defined]  # both kinds have one
    event.listen(reader, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(reader, "before_cursor_execute", note)


def _shown(customers: list[Any]) -> dict[str, list[int]]:
    return {one.name: sorted(order.number for order in one.orders) for one in customers}


ORDERS: Any = Customer.orders
ALL = {"ada": [1, 2, 3], "eve": [4], "zoe": []}
ODD = {"ada": [1, 3], "eve": [], "zoe": []}


def test_a_collection_that_is_joined_costs_one_statement_and_gives_each_record_once(app: App) -> None:
    asked = select(Customer).options(joinedload(ORDERS)).order_by(col(Customer.name))
    for actor, expected in ((None, ALL), ("ada", ODD)):
        with counted(app) as statements:
            found = app.query(asked, actor=actor)
        assert [one.name for one in found] == ["ada", "eve", "zoe"]
        assert (_shown(found), len(statements)) == (expected, 1)


def test_a_collection_is_joined_to_the_members_of_a_view(app: App) -> None:
    vips: Any = Vip
    for actor, expected in ((None, [1, 2, 3]), ("ada", [1, 3])):
        with counted(app) as statements:
            found = app.query(select(Vip).options(joinedload(vips.orders)), actor=actor)
        assert (len(found), _shown(found)) == (2, {"ada": expected, "zoe": []})
        assert [type(one) for one in found] == [Vip, Vip]
        assert len(statements) == 1


def test_collections_of_collections_are_joined(app: App) -> None:
    lines: Any = Order.lines
    with counted(app) as statements:
        found = app.query(select(Customer).options(joinedload(ORDERS).joinedload(lines)))
    prices = {one.name: [len(order.lines) for order in one.orders] for one in found}
    assert (prices, len(found)) == ({"ada": [2, 2, 2], "eve": [2], "zoe": []}, 3)
    assert len(statements) == 1


def test_an_aliased_class_and_a_column_beside_the_record_are_found_once(app: App) -> None:
    other = aliased(Customer)
    orders: Any = other.orders
    with counted(app) as statements:
        assert _shown(app.query(select(other).options(joinedload(orders)))) == ALL
        pairs = app.query(select(Customer, Customer.vip).options(joinedload(ORDERS)))
    assert sorted((one.name, vip, len(one.orders)) for one, vip in pairs) == [
        ("ada", True, 3),
        ("eve", False, 1),
        ("zoe", True, 0),
    ]
    assert len(statements) == 2


def test_a_join_without_a_collection_keeps_a_row_for_each_pair(app: App) -> None:
    with counted(app) as statements:
        assert [one.name for one in app.query(select(Customer).join(ORDERS).order_by(Customer.name))] == [
            "ada",
            "ada",
            "ada",
            "eve",
        ]
    assert len(statements) == 1


def test_other_ways_to_load_along_say_the_same(app: App) -> None:
    assert _shown(app.query(select(Customer).options(selectinload(ORDERS)))) == ALL
    met = select(Customer).join(ORDERS).where(col(Order.number) > 1).options(contains_eager(ORDERS))
    assert _shown(app.query(met)) == {"ada": [2, 3], "eve": [4]}
