"""The shop as it is now: a fact is called otherwise, one is new, and so is what follows from it."""

from uuid import UUID

from framework import Average, Entity, Field, Formula, Relationship, Renamed, Sum, computed
from framework.app import App


class Item(Entity, table=True):
    order_id: UUID = Field(foreign_key="order.id")
    cents: int
    gift: bool = False


class Order(Entity, table=True):
    __renamed__ = Renamed(email="mail")

    email: str
    country: str
    items: list[Item] = Relationship()

    total: int = computed(Sum(items, lambda item: item.cents, where=lambda item: not item.gift))
    mean: float | None = computed(Average(items, lambda item: item.cents))
    label: str = computed(Formula(lambda order: f"{order.country}: {order.total}"))


app = App([[Item, Order]], database="sqlite:///shop.db")
