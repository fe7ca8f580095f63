"""A small shop of tenants in two versions: as it was, and as it is after whatever can be declared anew."""

from typing import Any
from uuid import UUID

from framework import (
    APICall,
    Count,
    Entity,
    Field,
    Global,
    Payload,
    Relationship,
    Renamed,
    Sequence,
    Sum,
    computed,
    derive,
    tenant,
)
from framework.app import App
from framework.integration import Completed, Integration
from tests.tenancy.conftest import REQUIRED, TENANTS

SALES = {"acme": [[5, 20, 100], [7]], "bolt": [[50]], "cork": []}
"""What each tenant has sold: the items of each order. Their ids are the same in all of them."""


class Bill(Payload):
    cents: int


def before() -> list[Any]:
    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")
        cents: int

    class Order(Entity, table=True):
        mail: str = Field(unique=True)
        items: list[Item] = Relationship()
        total: int = computed(Sum(items, lambda item: item.cents))

    class Books(Global, table=True):
        motto: str = "more"
        revenue: int = computed(Sum(Order, lambda order: order.total))

    return [Item, Order, Books]


def after() -> list[Any]:
    class Charge(APICall, table=True):
        order_id: UUID = Field(foreign_key="order.id")
        request: Bill

    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")
        cents: int
        kind: str = Field(default="thing", index=True)

    class Label(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")
        text: str

    class Order(Entity, table=True):
        __renamed__ = Renamed(email="mail")
        email: str = Field(unique=True)
        items: list[Item] = Relationship()
        total: int = computed(Sum(items, lambda item: item.cents, where=lambda item: item.cents > 5))
        count: int = computed(Count(items, where=lambda item: item.kind == "thing"))
        number: int = computed(Sequence())

    class Books(Global, table=True):
        motto: str = "more"
        revenue: int = computed(Sum(Order, lambda order: order.total))
        labels: int = computed(Count(Label))

    class Shelf(Global, table=True):
        items: int = computed(Count(Item))

    @derive
    def label(order: Order) -> Label:
        return Label(order_id=order.id, text=order.email.upper())

    @derive
    def charge(order: Order) -> Charge:
        return Charge(order_id=order.id, request=Bill(cents=1))

    return [Charge, Item, Label, Order, Books, Shelf, label, charge]


def cashier(charge: Any) -> Integration[Any]:
    integration: Integration[Any] = Integration("cashier")

    @integration.call(charge)
    async def carry_out(call: Any, http: Any) -> Completed:
        raise AssertionError("no worker runs in this test")

    return integration


def open_before(url: str) -> App:
    return App([before()], [], url, REQUIRED)


def open_after(url: str) -> App:
    module = after()
    return App([module], [cashier(module[0])], url, REQUIRED)


def made(url: str) -> str:
    """A database of three shops as they were."""
    app = open_before(url)
    app.create()
    item, order = (app.plan.named(name).model for name in ("Item", "Order"))
    for name in TENANTS:
        app.create_tenant(name)
        with tenant(name), app.transaction() as tx:
            tx.update(app.plan.named("Books").model, motto=f"more of {name}")
            for n, items in enumerate(SALES[name]):
                tx.add(order(id=UUID(int=n + 1), mail=f"{n}@{name}"))
                for i, cents in enumerate(items):
                    tx.add(item(id=UUID(int=100 * n + i + 1), order_id=UUID(int=n + 1), cents=cents))
    app.close()
    return url
