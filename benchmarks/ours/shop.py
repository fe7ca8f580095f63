"""What W1 declares: items of an order of a customer, eight aggregates above them."""

from uuid import UUID

from framework import Average, Count, Entity, Every, Field, Global, Relationship, Some, Sum, computed


class Item(Entity, table=True):
    order_id: UUID = Field(foreign_key="order.id")
    price_cents: int
    done: bool = False


class Order(Entity, table=True):
    customer_id: UUID = Field(foreign_key="customer.id")
    items: list[Item] = Relationship()

    item_count: int = computed(Count(items))
    item_total: int = computed(Sum(items, lambda item: item.price_cents))
    item_average: float | None = computed(Average(items, lambda item: item.price_cents))
    all_done: bool = computed(Every(items, lambda item: item.done))
    any_done: bool = computed(Some(items, lambda item: item.done))


class Customer(Entity, table=True):
    name: str
    orders: list[Order] = Relationship()

    order_count: int = computed(Count(orders))
    orders_total: int = computed(Sum(orders, lambda order: order.item_total))


class Totals(Global, table=True):
    revenue: int = computed(Sum(Item, lambda item: item.price_cents))


MODULES = [Item, Order, Customer, Totals]
