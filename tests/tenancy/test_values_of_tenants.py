"""Parameters, totals by key, values over all records and reserved numbers are the tenant's own."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from framework import (
    Collect,
    Count,
    Custom,
    Entity,
    Field,
    Formula,
    Global,
    Lookup,
    Relationship,
    Sequence,
    Sum,
    computed,
    derive,
    tenant,
)
from framework.app import App, Settings


class Shop(Global, table=True):
    vat: int = 10


class Item(Entity, table=True):
    order_id: UUID = Field(foreign_key="order.id")
    price: int
    order: "Order" = Relationship(back_populates="items")

    taxed: int = computed(Formula(lambda item, shop: item.price * shop.vat, given=Shop))
    sign: str = computed(Lookup(order, lambda order, shop: f"{order.name}{shop.vat}", missing="", given=Shop))


class Order(Entity, table=True):
    name: str
    items: list[Item] = Relationship(back_populates="order")

    number: int = computed(Sequence())
    total: int = computed(Sum(items, lambda item, shop: item.price * shop.vat, given=Shop))
    last: list[int] = computed(Collect(items, lambda item, shop: item.price * shop.vat, 2, given=Shop))
    spread: int = computed(
        Custom(
            lambda order, shop: sum(item.price % shop.vat for item in order.items),
            reads=("items.price",),
            given=Shop,
        )
    )


class Label(Entity, table=True):
    text: str


@derive
def label(order: Order, shop: Shop) -> Label:
    return Label(text=f"{order.name}{shop.vat}")


class Totals(Global, table=True):
    by_name: dict[str, int] = computed(Count(Order, by=lambda order: order.name))
    names: str = computed(
        Custom(
            lambda totals, orders: "".join(sorted(order.name for order in orders)),
            reads=("Order.name",),
            over=Order,
        )
    )


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    models: list[object] = [Shop, Item, Order, Label, label, Totals]
    app = App(models, database=database_url, settings=Settings(tenancy="required"))
    app.create()
    for name in ("acme", "bolt"):
        app.create_tenant(name)
    yield app
    app.close()


def test_a_change_of_a_parameter_reaches_the_records_of_its_tenant_alone(app: App) -> None:
    made = {}
    for name in ("acme", "bolt"):
        with tenant(name), app.transaction() as tx:
            made[name] = tx.add(Order(name=name[0])).id
            for price in (3, 12):
                tx.add(Item(order_id=made[name], price=price))
            assert list(tx.reserve(Order, "number", 2)) == [1, 2]
    with tenant("acme"), app.transaction() as tx:
        tx.update(Shop, vat=2)
    for name, expected in (("acme", (30, [24, 6], 1, 3)), ("bolt", (150, [120, 30], 5, 3))):
        with tenant(name):
            order = app.get(Order, made[name])
            assert (order.total, order.last, order.spread, order.number) == expected
            assert (app.get(Totals).by_name, app.get(Totals).names) == ({name[0]: 1}, name[0])
            assert app.verify() == []
