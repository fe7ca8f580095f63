"""An order asks to be paid once, and its status follows the charge."""

from enum import StrEnum
from uuid import UUID

from framework import (
    APICall,
    Count,
    Entity,
    Event,
    Field,
    Global,
    Latest,
    Payload,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    completed,
    computed,
    derive,
    failed,
)


class OrderStatus(StrEnum):
    """Where an order stands; one that costs nothing stays placed."""

    PLACED = "placed"
    PAID = "paid"
    UNPAID = "unpaid"


class OrderPlaced(Event, table=True):
    """Somebody ordered, and named the card to charge."""

    email: str
    total_cents: int = Field(ge=0)
    payment_method: str = "pm_card_visa"


class ChargeRequest(Payload):
    """What a card is to be charged."""

    amount_cents: int
    currency: str
    receipt_email: str
    payment_method: str


class Receipt(Payload):
    """The proof of a payment."""

    url: str | None


class Charge(APICall, table=True):
    """The intent to charge an order's card."""

    order_id: UUID = Field(foreign_key="order.id", index=True)
    request: ChargeRequest
    result: Receipt | None = None


class Order(Entity, table=True):
    """What was ordered, and whether it is paid."""

    email: str
    total_cents: int
    payment_method: str
    charges: list[Charge] = Relationship()

    attempts: int = computed(Count(charges))
    receipt_url: str | None = computed(Latest(charges, lambda c: c.result.url if c.result else None))
    status: OrderStatus = computed(
        StateMachine(
            OrderStatus.PLACED,
            Transition(OrderStatus.PLACED, OrderStatus.PAID, when=completed(charges)),
            Transition(OrderStatus.PLACED, OrderStatus.UNPAID, when=failed(charges)),
        )
    )


class Sales(Global, table=True):
    """All orders together."""

    orders: int = computed(Count(Order))
    paid: int = computed(Count(Order, lambda o: o.status is OrderStatus.PAID))
    revenue_cents: int = computed(
        Sum(Order, lambda o: o.total_cents, where=lambda o: o.status is OrderStatus.PAID)
    )


@derive
def order(placed: OrderPlaced) -> Order:
    """Every placed order is an order, under the same id."""
    return Order(
        id=placed.id,
        email=placed.email,
        total_cents=placed.total_cents,
        payment_method=placed.payment_method,
    )


@derive
def charge(order: Order) -> Charge | None:
    """An order with something to pay is charged once."""
    if order.total_cents == 0:
        return None
    request = ChargeRequest(
        amount_cents=order.total_cents,
        currency="eur",
        receipt_email=order.email,
        payment_method=order.payment_method,
    )
    return Charge(order_id=order.id, request=request)
