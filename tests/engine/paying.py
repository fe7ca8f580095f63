"""Orders that are paid, seen through views of every kind: of classes, of relations, of one record."""

from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from framework import (
    Collect,
    Count,
    Entity,
    Event,
    Field,
    Global,
    Latest,
    Lookup,
    Max,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    computed,
    derive,
    entered,
    left,
    merged,
    on,
    subset,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Status(StrEnum):
    PLACED = "placed"
    PAID = "paid"


class Mood(StrEnum):
    CALM = "calm"
    GLAD = "glad"
    SAD = "sad"


class OrderPaid(Event, table=True):
    order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")


class Sale(Entity):
    """What somebody owes something for."""

    customer_id: UUID = Field(foreign_key="customer.id")
    cents: int = 0
    at: datetime = NOON


class Order(Sale, table=True):
    status: Status = computed(
        StateMachine(Status.PLACED, Transition(Status.PLACED, Status.PAID, when=on(OrderPaid)))
    )


class Gift(Sale, table=True):
    pass


class PaidOrder(Order, where=lambda order: order.status is Status.PAID):
    @property
    def euros(self) -> float:
        return self.cents / 100


class BigPaid(PaidOrder, where=lambda order: order.cents > 100):
    pass


class Dear(Sale, where=lambda sale: sale.cents > 100):
    pass


class Customer(Entity, table=True):
    orders: list[Order] = Relationship()
    gifts: list[Gift] = Relationship()
    paid: list[PaidOrder] = subset(orders, PaidOrder)
    sales: list[Sale] = merged(paid, gifts)
    dear: list[Dear] = subset(sales, Dear)

    count: int = computed(Count(paid))
    cents: int = computed(Sum(paid, lambda order: order.cents))
    latest: int | None = computed(Latest(paid, lambda order: order.cents))
    newest: list[int] = computed(Collect(sales, lambda sale: sale.cents, limit=2))
    by_cents: dict[int, int] = computed(Count(dear, by=lambda sale: sale.cents))
    mood: Mood = computed(
        StateMachine(
            Mood.CALM,
            Transition(Mood.CALM, Mood.GLAD, when=entered(paid)),
            Transition(Mood.SAD, Mood.GLAD, when=entered(paid)),
            Transition(Mood.GLAD, Mood.SAD, when=left(paid)),
        )
    )


class Parcel(Entity, table=True):
    order_id: UUID | None = Field(default=None, foreign_key="order.id", ondelete="SET NULL")
    order: Order = Relationship()
    paid: PaidOrder | None = subset(order, PaidOrder)

    euros: float | None = computed(Lookup(paid, lambda order: order.euros))


class Receipt(Entity, table=True):
    order_id: UUID


class Cheered(Event, table=True):
    order_id: UUID


class Totals(Global, table=True):
    paid: int = computed(Count(PaidOrder))
    biggest: int | None = computed(Max(BigPaid, lambda order: order.cents))
    dear: int = computed(Sum(Dear, lambda sale: sale.cents))
    latest: int | None = computed(Latest(Sale, lambda sale: sale.cents))


@derive
def receipt(order: PaidOrder) -> Receipt:
    return Receipt(order_id=order.id)


@derive
def cheer(order: BigPaid) -> Cheered:
    return Cheered(order_id=order.id)


MODULE = [
    *(OrderPaid, Order, Gift, PaidOrder, BigPaid, Dear, Customer, Parcel, Receipt, Cheered, Totals),
    *(receipt, cheer),
]
