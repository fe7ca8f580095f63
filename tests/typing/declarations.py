"""Declarations that mypy --strict accepts, with the types that it sees. Checked, never run."""

from datetime import datetime
from enum import StrEnum
from typing import assert_type
from uuid import UUID

from sqlmodel import select

from framework import (
    APICall,
    Average,
    CallStatus,
    Collect,
    Count,
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
    OnEntry,
    Payload,
    Relationship,
    Some,
    StateMachine,
    Sum,
    Transition,
    Unique,
    became,
    changed,
    completed,
    computed,
    created,
    derive,
    entered,
    failed,
    left,
    merged,
    on,
    subset,
    takeover,
)
from framework.app import App
from framework.runtime.receipt import Receipt


class OrderStatus(StrEnum):
    PLACED = "placed"
    PAID = "paid"
    UNPAID = "unpaid"


class OrderPlaced(Event, table=True):
    email: str
    total_cents: int = Field(ge=0)


class OrderCancelled(Event, table=True):
    order_id: UUID = Field(foreign_key="order.id")


class ChargeRequest(Payload):
    amount_cents: int


class Proof(Payload):
    url: str | None


class Charge(APICall, table=True):
    order_id: UUID = Field(foreign_key="order.id", index=True)
    request: ChargeRequest
    result: Proof | None = None


def paid_when(order: object, charge: Charge) -> datetime:
    return charge.created_at


def is_enough(order: "Order", paid: OrderPlaced) -> bool:
    return paid.total_cents >= order.total_cents


def payments_of(order: "Order", cause: object) -> int:
    return order.payments + 1


class Order(Entity, table=True):
    customer_id: UUID | None = Field(default=None, foreign_key="customer.id")
    email: str
    total_cents: int
    charges: list[Charge] = Relationship()
    customer: "Customer" = Relationship()

    attempts: int = computed(Count(charges))
    paid: int = computed(Count(charges, where=lambda charge: charge.result is not None))
    spent: int = computed(Sum(charges, lambda charge: charge.request.amount_cents))
    mean: float | None = computed(Average(charges, lambda charge: charge.request.amount_cents))
    least: int | None = computed(Min(charges, lambda charge: charge.request.amount_cents))
    last_at: datetime | None = computed(Max(charges, lambda charge: charge.created_at))
    receipt_url: str | None = computed(
        Latest(charges, lambda charge: charge.result.url if charge.result else None)
    )
    first_status: CallStatus | None = computed(First(charges, lambda charge: charge.status))
    urls: list[str] = computed(Collect(charges, lambda charge: charge.external_id, limit=3))
    done: bool = computed(Every(charges, lambda charge: charge.status is CallStatus.COMPLETED))
    stuck: bool = computed(Some(charges, lambda charge: charge.error is not None))
    customer_name: str | None = computed(Lookup(customer, lambda customer: customer.name))
    shout: str = computed(Formula(lambda order: str(order.email).upper()))
    status: OrderStatus = computed(
        StateMachine(
            OrderStatus.PLACED,
            Transition(OrderStatus.PLACED, OrderStatus.PAID, when=completed(charges)),
            Transition(OrderStatus.PLACED, OrderStatus.UNPAID, when=failed(charges)),
            Transition(OrderStatus.PAID, OrderStatus.UNPAID, when=on(OrderCancelled, to="order_id")),
            Transition(OrderStatus.UNPAID, OrderStatus.PLACED, when=changed("total_cents"), guard=is_enough),
            Transition(OrderStatus.UNPAID, OrderStatus.PLACED, when=became(stuck, True)),
        )
    )
    paid_at: datetime | None = computed(OnEntry(status, OrderStatus.PAID, paid_when))
    payments: int = computed(OnEntry(status, OrderStatus.PAID, payments_of, initial=0))


class Customer(Entity, table=True):
    name: str


class Wish(Entity, table=True):
    __table_args__ = (Unique("customer_id", "gift_id"),)

    customer_id: UUID = Field(foreign_key="customer.id")
    gift_id: UUID = Field(foreign_key="gift.id")


class Friendship(Entity, table=True):
    one_id: UUID = Field(foreign_key="gift.id")
    other_id: UUID = Field(foreign_key="gift.id")


class Gift(Entity, table=True):
    owner_id: UUID | None = takeover(Field(default=None, foreign_key="customer.id", unique=True))
    price: int
    wishers: list[Customer] = Relationship(link_model=Wish)
    likes: list["Gift"] = Relationship(link_model=Friendship, symmetric=True)
    better: list["Gift"] = Relationship(link_model=Friendship, by=Friendship.one_id)

    wished: int = computed(Count(wishers, lambda customer: customer.name))
    dearest: int | None = computed(Max(likes, lambda gift: gift.price))


class Totals(Global, table=True):
    mood: OrderStatus = computed(
        StateMachine(
            OrderStatus.PLACED,
            Transition(OrderStatus.PLACED, OrderStatus.PAID, when=completed(Charge)),
            Transition(OrderStatus.PAID, OrderStatus.UNPAID, when=created(Order)),
            erases=OrderStatus.UNPAID,
        )
    )
    orders: int = computed(Count(Order))
    cents: int = computed(Sum(Order, lambda order: order.total_cents))


@derive
def order(placed: OrderPlaced) -> Order:
    return Order(id=placed.id, email=placed.email, total_cents=placed.total_cents)


@derive(reads=[Order.attempts])
def charge(order: Order) -> Charge | None:
    if order.attempts:
        return None
    return Charge(order_id=order.id, request=ChargeRequest(amount_cents=order.total_cents))


def uses(app: App, id: UUID) -> None:
    found = app.get(Order, id)
    assert_type(found, Order)
    assert_type(found.attempts, int)
    assert_type(found.mean, float | None)
    assert_type(found.status, OrderStatus)
    assert_type(found.urls, list[str])
    assert_type(app.get(Charge, id).result, Proof | None)
    assert_type(app.get(Charge, id).status, CallStatus)
    assert_type(app.dispatch(OrderPlaced(email="a", total_cents=1)), Receipt[OrderPlaced])
    assert_type(app.dispatch(OrderPlaced(email="a", total_cents=1)).event.total_cents, int)
    assert_type(order(OrderPlaced(email="a", total_cents=1)), Order)
    with app.transaction() as tx:
        assert_type(tx.add(Customer(name="ada")), Customer)
        assert_type(tx.get(Customer, id), Customer)
        assert_type(tx.add(Gift(price=1)).owner_id, UUID | None)
        assert_type(tx.update_where(Gift, Gift.price == 1, price=2), int)
        assert_type(tx.delete_where(Gift, Gift.price > 1, Gift.owner_id == id), int)


class PaidOrder(Order, where=lambda order: order.status is OrderStatus.PAID):
    @property
    def euros(self) -> float:
        return assert_type(self.total_cents, int) / 100


class Party(Entity):
    name: str
    household_id: UUID | None = Field(default=None, foreign_key="household.id")


class Person(Party, table=True):
    pass


class Company(Party, table=True):
    pass


class Full(StrEnum):
    NO = "no"
    YES = "yes"


class Household(Entity, table=True):
    persons: list[Person] = Relationship()
    companies: list[Company] = Relationship()
    parties: list[Party] = merged(persons, companies)
    named: list[Person] = subset(persons, lambda person: person.name)

    count: int = computed(Count(parties, where=lambda party: party.name))
    full: Full = computed(
        StateMachine(
            Full.NO,
            Transition(Full.NO, Full.YES, when=entered(named)),
            Transition(Full.YES, Full.NO, when=left(Person)),
        )
    )


class Sums(Global, table=True):
    euros: int = computed(Sum(PaidOrder, lambda order: int(order.euros)))
    parties: int = computed(Count(Party))


@derive
def card(party: Party) -> Charge | None:
    return None


class Letter(Entity, table=True):
    order_id: UUID = Field(foreign_key="order.id")
    order: Order = Relationship()
    paid: PaidOrder | None = subset(order, PaidOrder)
    dear: PaidOrder | None = subset(paid, lambda paid: paid.total_cents > 100)
    whole: Order | None = subset(order, lambda order: order.total_cents % 100 == 0)
    about: Order | None = merged(dear, whole)

    euros: float | None = computed(Lookup(paid, lambda paid: paid.euros))
    email: str | None = computed(Lookup(about, lambda order: order.email))


def views(app: App, id: UUID) -> None:
    assert_type(app.get(PaidOrder, id), PaidOrder)
    assert_type(app.members(Party), list[Party])
    assert_type(app.query(select(PaidOrder)), list[PaidOrder])
    assert_type(app.query(select(Order, Order.total_cents)), list[tuple[Order, int]])
    PaidOrder(email="ada@example.org", total_cents=3)
