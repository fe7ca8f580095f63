"""Shops share an App, and none of them knows of another."""

from uuid import UUID

from framework import Count, Entity, Event, Field, Global, Relationship, Sequence, Sum, computed, derive
from framework.app import App, Settings


class OrderPlaced(Event, table=True):
    email: str = Field(unique=True)
    total_cents: int


class Item(Entity, table=True):
    order_id: UUID = Field(foreign_key="order.id")
    cents: int


class Order(Entity, table=True):
    email: str
    total_cents: int
    items: list[Item] = Relationship()
    number: int = computed(Sequence())
    count: int = computed(Count(items))


class Books(Global, table=True):
    revenue_cents: int = computed(Sum(Order, lambda order: order.total_cents))


@derive
def order(placed: OrderPlaced) -> Order:
    """Every placed order is an order, under the same id."""
    return Order(id=placed.id, email=placed.email, total_cents=placed.total_cents)


def open_shops(database: str = "sqlite:///:memory:") -> App:
    """The App, with its schema made."""
    app = App([[OrderPlaced, Item, Order, Books, order]], [], database, Settings(tenancy="required"))
    app.create()
    return app
