"""A shop as it was."""

from uuid import UUID

from framework import Entity, Field, Relationship, Sum, computed
from framework.app import App


class Item(Entity, table=True):
    order_id: UUID = Field(foreign_key="order.id")
    cents: int


class Order(Entity, table=True):
    mail: str
    items: list[Item] = Relationship()

    total: int = computed(Sum(items, lambda item: item.cents))


app = App([[Item, Order]], database="sqlite:///shop.db")
