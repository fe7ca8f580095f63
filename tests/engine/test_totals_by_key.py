"""Totals by key: one value for each key that records have, exact, while there is a record that counts."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import pytest
from sqlmodel import select

from framework import (
    Average,
    Count,
    Entity,
    Every,
    Field,
    Formula,
    Global,
    Relationship,
    Some,
    Sum,
    WeightedSum,
    computed,
)
from framework.app import App, opened
from framework.runtime.errors import NotAKey

Money = Annotated[Decimal, Field(decimal_places=2)]


class Currency(StrEnum):
    EUR = "eur"
    USD = "usd"


class Config(Global, table=True):
    small: int = 10


class Order(Entity, table=True):
    customer_id: UUID = Field(foreign_key="customer.id", ondelete="CASCADE")
    currency: Currency | None = Currency.EUR
    total: int | None = 1
    weight: int | None = 1
    price: Money = Decimal(0)
    paid: bool = False
    placed_on: date = date(2026, 3, 1)


class Customer(Entity, table=True):
    orders: list[Order] = Relationship()

    count: dict[Currency, int] = computed(Count(orders, by=lambda order: order.currency))
    totals: dict[Currency, int] = computed(
        Sum(orders, lambda order: order.total, by=lambda order: order.currency)
    )
    filled: dict[Currency, int] = computed(
        Sum(orders, lambda order: order.total, missing=7, by=lambda order: order.currency)
    )
    weighed: dict[Currency, int] = computed(
        WeightedSum(
            orders, lambda order: order.total, lambda order: order.weight, by=lambda order: order.currency
        )
    )
    mean: dict[Currency, float] = computed(
        Average(orders, lambda order: order.total, by=lambda order: order.currency)
    )
    prices: dict[Currency, Money] = computed(
        Sum(orders, lambda order: order.price, by=lambda order: order.currency)
    )
    all_paid: dict[date, bool] = computed(
        Every(orders, lambda order: order.paid, by=lambda order: order.placed_on)
    )
    some_paid: dict[bool, bool] = computed(
        Some(orders, lambda order: order.paid, by=lambda order: order.currency is Currency.EUR)
    )
    keys: int = computed(Formula(lambda customer: len(customer.count)))


class Totals(Global, table=True):
    by_customer: dict[UUID, int] = computed(
        Sum(Order, lambda order: order.total, by=lambda order: order.customer_id)
    )
    by_size: dict[str, int] = computed(
        Count(
            Order,
            by=lambda order, config: "small" if (order.total or 0) < config.small else "large",
            given=Config,
        )
    )
    by_total: dict[int, int] = computed(Count(Order, lambda order: order.paid, by=lambda order: order.total))


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Config, Order, Customer, Totals]], database=database_url)) as app:
        yield app
        assert [str(one) for one in app.verify()] == []


def customer(app: App, *orders: dict[str, Any]) -> UUID:
    with app.transaction() as tx:
        made = tx.add(Customer()).id
        for facts in orders:
            tx.add(Order(customer_id=made, **facts))
    return made


def orders(app: App, id: UUID) -> list[Order]:
    return app.query(select(Order).where(Order.customer_id == id).order_by(Order.id))  # type: ignore[arg-type]  # a column


EUR, USD = Currency.EUR, Currency.USD


def test_each_key_has_its_value(app: App) -> None:
    id = customer(
        app,
        {"total": 4, "weight": 3, "price": Decimal("0.10"), "paid": True},
        {"total": 5, "price": Decimal("0.20"), "placed_on": date(2026, 3, 2)},
        {"currency": USD, "total": 9},
    )
    found = app.get(Customer, id)
    assert (found.count, found.totals) == ({EUR: 2, USD: 1}, {EUR: 9, USD: 9})
    assert (found.weighed, found.mean) == ({EUR: 17, USD: 9}, {EUR: 4.5, USD: 9.0})
    assert found.prices == {EUR: Decimal("0.30"), USD: Decimal("0.00")}
    assert found.all_paid == {date(2026, 3, 1): False, date(2026, 3, 2): False}
    assert found.some_paid == {True: True, False: False}
    assert found.keys == 2
    assert app.get(Totals).by_customer == {id: 18}
    assert all(type(key) is Currency for key in found.count)


def test_nobody_has_no_keys(app: App) -> None:
    assert app.get(Customer, customer(app)).totals == {}
    assert app.get(Totals).by_size == {}


def test_a_key_goes_with_its_last_record_and_comes_with_its_first(app: App) -> None:
    id = customer(app, {"total": 0}, {"currency": USD, "total": 2})
    with app.transaction() as tx:
        tx.update(orders(app, id)[0], currency=USD)
    assert app.get(Customer, id).totals == {USD: 2}
    with app.transaction() as tx:
        for order in orders(app, id):
            tx.delete(order)
        tx.add(Order(customer_id=id, total=0))
    assert app.get(Customer, id).totals == {EUR: 0}
    assert app.get(Customer, id).keys == 1


def test_a_record_without_a_key_counts_for_none(app: App) -> None:
    id = customer(app, {"currency": None, "total": 5})
    assert (app.get(Customer, id).count, app.get(Totals).by_customer) == ({}, {id: 5})


def test_a_missing_value_is_skipped_as_if_the_record_were_not_there(app: App) -> None:
    id = customer(app, {"total": None})
    found = app.get(Customer, id)
    assert (found.count, found.totals, found.filled, found.mean) == ({EUR: 1}, {}, {EUR: 7}, {})


def test_an_order_that_moves_takes_its_value_along(app: App) -> None:
    one, other = customer(app, {"total": 3}, {"total": 4}), customer(app)
    with app.transaction() as tx:
        tx.update(orders(app, one)[0], customer_id=other, currency=USD)
    assert (app.get(Customer, one).totals, app.get(Customer, other).totals) == ({EUR: 4}, {USD: 3})
    assert app.get(Totals).by_customer == {one: 4, other: 3}


def test_a_key_may_follow_a_parameter(app: App) -> None:
    customer(app, {"total": 3}, {"total": 12})
    assert app.get(Totals).by_size == {"small": 1, "large": 1}
    with app.transaction() as tx:
        tx.update(Config, small=1)
    assert app.get(Totals).by_size == {"large": 2}


def test_what_is_no_key_is_refused_and_stores_nothing(database_url: str) -> None:
    class Wrong(Global, table=True):
        counts: dict[int, int] = computed(Count(Order, by=lambda order: order.paid))

    with opened(App([[Config, Order, Customer, Totals, Wrong]], database=database_url)) as app:
        with pytest.raises(NotAKey, match=r"Wrong.counts counts by False, which is no int"):
            customer(app, {})
        assert app.query(select(Customer)) == []


def test_threads_that_add_under_one_host_lose_nothing(app: App) -> None:
    id = customer(app)

    def work(n: int) -> None:
        for number in range(5):
            made = Order(customer_id=id, currency=EUR if (n + number) % 2 else USD, total=n)
            app.engine.write(lambda tx, made=made: tx.add(made))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    found = app.get(Customer, id)
    assert sum(found.count.values()) == 40
    assert sum(found.totals.values()) == 5 * sum(range(8)) == app.get(Totals).by_customer[id]


def test_an_explanation_names_what_a_key_counts(app: App) -> None:
    id = customer(app, {"total": 3})
    said = str(app.explain(Customer, "totals", id))
    assert "Sum over 1 records of Order" in said
    assert "currency = <Currency.EUR: 'eur'>" in said
