"""A shop whose values need more than a number and a sum."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from framework import (
    Average,
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
)

Money = Annotated[Decimal, Field(decimal_places=2)]


class Currency(StrEnum):
    EUR = "eur"
    USD = "usd"


class Shop(Global, table=True):
    vat_percent: int = 19
    large_from: Money = Decimal("100.00")


class Order(Entity, table=True):
    customer_id: UUID = Field(foreign_key="customer.id")
    currency: Currency = Currency.EUR
    net: Money
    rating: int | None = None
    customer: "Customer" = Relationship(back_populates="orders")

    number: int = computed(Sequence(per=("currency",)))
    gross: Money = computed(
        Formula(lambda order, shop: round(order.net * (100 + shop.vat_percent) / 100, 2), given=Shop)
    )
    city: str = computed(Lookup(customer, lambda customer: customer.city, missing="unknown"))


class Customer(Entity, table=True):
    city: str | None = None
    orders: list[Order] = Relationship(back_populates="customer")

    spent: Money = computed(Sum(orders, lambda order: order.net))
    large: int = computed(Count(orders, lambda order, shop: order.net >= shop.large_from, given=Shop))
    rating: float | None = computed(Average(orders, lambda order: order.rating))
    rating_or_0: float | None = computed(Average(orders, lambda order: order.rating, missing=0))


class Gift(Entity, table=True):
    customer_id: UUID


@derive(reads=[Customer.spent])
def gift(customer: Customer, shop: Shop) -> Gift | None:
    """Who has spent enough gets a gift."""
    return Gift(customer_id=customer.id) if customer.spent >= shop.large_from else None


class Totals(Global, table=True):
    net: dict[Currency, Money] = computed(
        Sum(Order, lambda order: order.net, by=lambda order: order.currency)
    )
    cities: int = computed(
        Custom(lambda totals, customers: len({one.city for one in customers}), over=Customer)
    )


MODELS = [Shop, Order, Customer, Gift, gift, Totals]
