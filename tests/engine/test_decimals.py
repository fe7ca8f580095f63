"""Decimals of a fixed scale: exact in the column, in sums and in means, and refused where they do not fit."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest
from sqlalchemy import func
from sqlmodel import select

from framework import (
    Average,
    Entity,
    Event,
    Field,
    Formula,
    Global,
    Lookup,
    Max,
    Min,
    Relationship,
    Sum,
    WeightedSum,
    computed,
)
from framework.app import App, opened
from framework.computations.aggregate import InexactContribution
from framework.model.decimals import DoesNotFit
from framework.runtime.errors import ConflictingKey, InvalidRecord

Money = Annotated[Decimal, Field(decimal_places=2)]


class Item(Entity, table=True):
    order_id: UUID = Field(foreign_key="order.id")
    price: Money
    rate: Decimal | None = Field(default=None, decimal_places=4)
    quantity: int = 1
    order: "Order" = Relationship(back_populates="items")

    twice: Money = computed(Formula(lambda item: item.price * 2))
    limit: Money | None = computed(Lookup(order, lambda order: order.limit))


class Order(Entity, table=True):
    limit: Money | None = None
    took: timedelta = timedelta(0)
    items: list[Item] = Relationship(back_populates="order")

    total: Money = computed(Sum(items, lambda item: item.price))
    weighed: Money = computed(WeightedSum(items, lambda item: item.price, lambda item: item.quantity))
    rated: Annotated[Decimal, Field(decimal_places=6)] = computed(
        WeightedSum(items, lambda item: item.price, lambda item: item.rate)
    )
    mean: Money | None = computed(Average(items, lambda item: item.price))
    least: Money | None = computed(Min(items, lambda item: item.price))
    most: Money | None = computed(Max(items, lambda item: item.price))
    over: bool = computed(Formula(lambda order: order.total > (order.limit or Decimal("0.30"))))


class Totals(Global, table=True):
    total: Money = computed(Sum(Item, lambda item: item.price))
    longest: timedelta | None = computed(Max(Order, lambda order: order.took))


class Paid(Event, table=True):
    amount: Money


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Item, Order, Totals, Paid]], database=database_url)) as app:
        yield app
        assert [str(one) for one in app.verify()] == []


def order(app: App, *prices: str, **facts: Any) -> UUID:
    with app.transaction() as tx:
        made = tx.add(Order(**facts)).id
        for price in prices:
            tx.add(Item(order_id=made, price=Decimal(price)))
    return made


def test_ten_tenths_are_one(app: App) -> None:
    id = order(app, *["0.1"] * 10)
    found = app.get(Order, id)
    assert (found.total, found.mean, found.over) == (Decimal("1.00"), Decimal("0.10"), True)
    assert str(found.total) == "1.00"
    assert app.get(Totals).total == 1


def test_what_comes_and_goes_leaves_nothing(app: App) -> None:
    id = order(app)
    for price in ("0.1", "0.2", "0.7"):
        with app.transaction() as tx:
            item = tx.add(Item(order_id=id, price=Decimal(price)))
        with app.transaction() as tx:
            tx.delete(item)
    assert (app.get(Order, id).total, app.get(Order, id).mean) == (0, None)


@pytest.mark.parametrize(
    ("prices", "mean"),
    [
        (("0.01", "0.02"), "0.02"),
        (("0.01", "0", "0"), "0.00"),
        (("-0.01", "-0.02"), "-0.02"),
        (("0.02", "0", "0"), "0.01"),
        (("-0.02", "0", "0"), "-0.01"),
        (("4999999999999999.99",), "4999999999999999.99"),
    ],
)
def test_a_mean_is_rounded_once_half_away_from_zero(app: App, prices: tuple[str, ...], mean: str) -> None:
    id = order(app, *prices)
    assert app.get(Order, id).mean == Decimal(mean)
    assert app.query(select(Order.mean)) == [Decimal(mean)]


def test_weights_may_be_whole_or_decimal(app: App) -> None:
    id = order(app)
    with app.transaction() as tx:
        tx.add(Item(order_id=id, price=Decimal("1.25"), quantity=3, rate=Decimal("0.1234")))
        tx.add(Item(order_id=id, price=Decimal("0.50"), quantity=2))
    found = app.get(Order, id)
    assert (found.weighed, found.rated) == (Decimal("4.75"), Decimal("0.154250"))
    assert (found.least, found.most) == (Decimal("0.50"), Decimal("1.25"))


def test_values_are_ordered_as_numbers(app: App) -> None:
    id = order(app, "9.99", "10", "-3.5")
    assert (app.get(Order, id).least, app.get(Order, id).most) == (Decimal("-3.50"), 10)
    found = app.query(select(Item.price).where(Item.price > Decimal("9.98")).order_by(Item.price))  # type: ignore[arg-type]  # a column
    assert found == [Decimal("9.99"), Decimal("10.00")]
    assert app.query(select(func.sum(Item.price))) == [Decimal("16.49")]
    assert app.query(select(Item.price * 2).where(Item.price == 10)) == [Decimal("20.00")]


@pytest.mark.parametrize("price", ["1.234", "NaN", "Infinity", "10000000000000000", "x", None])
def test_what_does_not_fit_is_refused_at_the_door(app: App, price: Any) -> None:
    id = order(app)
    with pytest.raises(InvalidRecord, match="price"), app.transaction() as tx:
        tx.add(Item(order_id=id, price=price))


def test_one_amount_is_one_amount_however_it_is_written(app: App) -> None:
    first = app.dispatch(Paid(amount=Decimal("5")), key="k")
    assert app.dispatch(Paid(amount=Decimal("5.00")), key="k").id == first.id
    with pytest.raises(ConflictingKey):
        app.dispatch(Paid(amount=Decimal("5.01")), key="k")


def test_a_formula_that_gives_too_many_places_says_where(database_url: str) -> None:
    class Bill(Entity, table=True):
        net: Money
        gross: Money = computed(Formula(lambda bill: bill.net * Decimal("1.19")))

    with opened(App([[Bill]], database=database_url)) as app:
        with pytest.raises(DoesNotFit, match=r"1\.2019 does not fit into bill\.gross.*round\(value, 2\)"):
            with app.transaction() as tx:
                tx.add(Bill(net=Decimal("1.01")))
        assert app.query(select(Bill)) == []


def test_a_sum_takes_no_finer_values_than_it_keeps(database_url: str) -> None:
    class Part(Entity, table=True):
        share: Decimal = Field(decimal_places=4)

    class Whole(Global, table=True):
        shares: Money = computed(Sum(Part, lambda part: part.share))

    with opened(App([[Part, Whole]], database=database_url)) as app:
        with app.transaction() as tx:
            tx.add(Part(share=Decimal("0.25")))
        with pytest.raises(InexactContribution, match=r"Sum was given Decimal\('0\.1234'\)"):
            with app.transaction() as tx:
                tx.add(Part(share=Decimal("0.1234")))
        assert app.get(Whole).shares == Decimal("0.25")


def test_a_span_of_time_is_exact_and_ordered(app: App) -> None:
    order(app, took=timedelta(days=2, microseconds=1))
    order(app, took=-timedelta(days=3))
    assert app.get(Totals).longest == timedelta(days=2, microseconds=1)
    assert len(app.query(select(Order).where(Order.took < timedelta(0)))) == 1
