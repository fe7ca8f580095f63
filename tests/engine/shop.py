"""A shop that declares most of what can be declared: the ground on which the engine is tried."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from framework import (
    APICall,
    Average,
    Collect,
    Count,
    Custom,
    Entity,
    Event,
    Every,
    Field,
    First,
    Formula,
    Global,
    Latest,
    Lookup,
    Max,
    Min,
    Payload,
    Relationship,
    Sequence,
    Some,
    StateMachine,
    Sum,
    Transition,
    WeightedSum,
    changed,
    completed,
    computed,
    created,
    deleted,
    derive,
    failed,
    on,
)
from framework.integration import Completed, Integration


class Progress(StrEnum):
    EMPTY = "empty"
    OPEN = "open"
    SHUT = "shut"


class Payment(StrEnum):
    DUE = "due"
    PAID = "paid"
    REFUSED = "refused"


class Wear(StrEnum):
    NEW = "new"
    TOUCHED = "touched"
    TORN = "torn"


class Bill(Payload):
    cents: int


class Paper(Payload):
    url: str


class Item(Entity, table=True):
    order_id: UUID | None = Field(default=None, foreign_key="order.id", ondelete="CASCADE")
    name: str | None = None
    price: int | None = None
    paid: bool = False
    bought_at: datetime | None = None


class OrderShut(Event, table=True):
    order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")


class OrderReopened(Event, table=True):
    order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")
    really: bool = True


class ParcelSent(Event, table=True):
    weight: int = Field(ge=0)


class Parcel(Entity, table=True):
    weight: int
    note: str | None = None


class Line(Entity, table=True):
    """One line of the printed order, kept equal to it."""

    order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")
    position: int
    text: str


class Charge(APICall, table=True):
    order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")
    request: Bill
    result: Paper | None = None


def odd(item: Item | None) -> int:
    return int(item is not None and item.price is not None and item.price % 2 == 1)


def count_odd(order: Any) -> int:
    return sum(odd(item) for item in order.items)


def step_odd(value: int, before: Item | None, after: Item | None) -> int:
    return value - odd(before) + odd(after)


class Order(Entity, table=True):
    customer_id: UUID | None = Field(default=None, foreign_key="customer.id", ondelete="SET NULL")
    note: str | None = None
    cents: int = 0
    customer: "Customer" = Relationship(back_populates="orders")
    items: list[Item] = Relationship()
    lines: list[Line] = Relationship()
    charges: list[Charge] = Relationship()

    count: int = computed(Count(items))
    dear: int = computed(Count(items, where=lambda i: i.price is not None and i.price > 5))
    total: int = computed(Sum(items, lambda i: i.price))
    mean: float | None = computed(Average(items, lambda i: i.price))
    mean_or_0: float | None = computed(Average(items, lambda i: i.price, missing=0))
    all_paid: bool = computed(Every(items, lambda i: i.paid))
    all_paid_and_some: bool = computed(Every(items, lambda i: i.paid, empty=False))
    some_paid: bool = computed(Some(items, lambda i: i.paid))
    cheapest: int | None = computed(Min(items, lambda i: i.price))
    dearest: int | None = computed(Max(items, lambda i: i.price, where=lambda i: i.paid))
    last_bought_at: datetime | None = computed(Max(items, lambda i: i.bought_at))
    first_name: str | None = computed(First(items, lambda i: i.name))
    latest_name: str | None = computed(Latest(items, lambda i: i.name))
    latest_paid: int | None = computed(Latest(items, lambda i: i.price, where=lambda i: i.paid))
    customer_name: str | None = computed(Lookup(customer, lambda c: c.name))
    customer_total: int | None = computed(Lookup(customer, lambda c: c.limit))
    label: str = computed(Formula(lambda o: f"{o.note}:{o.total}:{o.customer_name}"))
    label_length: int = computed(Formula(lambda o: len(o.label) + o.count))
    weighted: int = computed(WeightedSum(items, lambda i: i.price, weight=lambda i: 3 if i.paid else 1))
    newest_names: list[str] = computed(Collect(items, lambda i: i.name, limit=2))
    price_list: list[int] = computed(
        Custom(lambda o: sorted(i.price for i in o.items if i.price is not None), reads=("items.price",))
    )
    odd: int = computed(Custom(count_odd, step=step_odd, reads=("items",)))
    number: int = computed(Sequence(per=("customer_id",)))
    line_count: int = computed(Count(lines))
    attempts: int = computed(Count(charges))
    receipt: str | None = computed(Latest(charges, lambda c: c.result.url if c.result else None))
    progress: Progress = computed(
        StateMachine(
            Progress.EMPTY,
            Transition(Progress.OPEN, Progress.SHUT, when=on(OrderShut)),
            Transition(Progress.SHUT, Progress.OPEN, when=on(OrderReopened), guard=lambda o: o.cents != 3),
            Transition(Progress.EMPTY, Progress.OPEN, when=created(items)),
        )
    )
    payment: Payment = computed(
        StateMachine(
            Payment.DUE,
            Transition(Payment.DUE, Payment.PAID, when=completed(charges)),
            Transition(Payment.DUE, Payment.REFUSED, when=failed(charges)),
        )
    )
    wear: Wear = computed(
        StateMachine(
            Wear.NEW,
            Transition(Wear.NEW, Wear.TOUCHED, when=changed(items, "price")),
            Transition(Wear.NEW, Wear.TORN, when=deleted(items)),
            Transition(Wear.TOUCHED, Wear.TORN, when=deleted(items)),
        )
    )


class Customer(Entity, table=True):
    name: str
    limit: int | None = None
    orders: list[Order] = Relationship(back_populates="customer")

    order_count: int = computed(Count(orders))
    busy_count: int = computed(Count(orders, where=lambda o: o.progress == Progress.OPEN))
    total: int = computed(Sum(orders, lambda o: o.total))
    mean_of_means: float | None = computed(Average(orders, lambda o: o.cheapest))
    best: int | None = computed(Max(orders, lambda o: o.total, where=lambda o: o.count > 0))
    worst: float | None = computed(Min(orders, lambda o: o.mean))
    newest_label: str | None = computed(Latest(orders, lambda o: o.label))
    paid: int = computed(Count(orders, where=lambda o: o.payment == Payment.PAID))


class Totals(Global, table=True):
    motto: str = "more"
    revenue: int = computed(Sum(Item, lambda i: i.price))
    orders: int = computed(Count(Order))
    lines: int = computed(Count(Line))
    dearest: int | None = computed(Max(Item, lambda i: i.price))
    cheapest_total: int | None = computed(Min(Order, lambda o: o.total, where=lambda o: o.count > 0))
    latest_name: str | None = computed(Latest(Item, lambda i: i.name))
    first_name: str | None = computed(First(Item, lambda i: i.name))
    customers_total: int = computed(Sum(Customer, lambda c: c.total))
    all_paid: bool = computed(Every(Item, lambda i: i.paid))
    shout: str = computed(Formula(lambda t: t.motto.upper() + str(t.revenue)))


@derive
def parcel(sent: ParcelSent) -> Parcel | None:
    """What weighs something is a parcel, under the same id."""
    return Parcel(id=sent.id, weight=sent.weight) if sent.weight else None


@derive(reads=[Order.count])
def lines(order: Order) -> list[Line]:
    """One line for each item, and a headline."""
    head = [Line(order_id=order.id, position=0, text=order.note or "")]
    return head + [
        Line(order_id=order.id, position=n + 1, text=f"{n + 1}.") for n in range(min(order.count, 3))
    ]


@derive
def charge(order: Order) -> Charge | None:
    """An order with something to pay is charged once."""
    return Charge(order_id=order.id, request=Bill(cents=order.cents)) if order.cents else None


RECORDS = [Item, OrderShut, OrderReopened, ParcelSent, Parcel, Line, Charge, Order, Customer, Totals]
MODULE = [*RECORDS, parcel, lines, charge]


def cashier() -> Integration[Any]:
    """Somebody who serves charges, and whose handlers are never called here."""
    integration: Integration[Any] = Integration("cashier")

    @integration.call(Charge)
    async def charge(call: Any, http: Any) -> Completed:
        raise AssertionError("no worker runs in this test")

    return integration
