"""What W2 and W3 declare: an order asks to be paid once, and its status follows the charge."""

from enum import StrEnum
from uuid import UUID

from framework import (
    APICall,
    Count,
    Entity,
    Event,
    Field,
    Latest,
    Payload,
    Relationship,
    StateMachine,
    Transition,
    completed,
    computed,
    derive,
    failed,
)


class OrderStatus(StrEnum):
    PLACED = "placed"
    PAID = "paid"
    UNPAID = "unpaid"


class OrderPlaced(Event, table=True):
    email: str
    total_cents: int = Field(ge=0)


class ChargeRequest(Payload):
    amount_cents: int
    currency: str
    receipt_email: str


class Receipt(Payload):
    url: str | None


class Charge(APICall, table=True):
    order_id: UUID = Field(foreign_key="order.id", index=True)
    request: ChargeRequest
    result: Receipt | None = None


class Order(Entity, table=True):
    email: str
    total_cents: int
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


@derive
def order(placed: OrderPlaced) -> Order:
    """Every placed order is an order, under the same id."""
    return Order(id=placed.id, email=placed.email, total_cents=placed.total_cents)


@derive
def charge(order: Order) -> Charge | None:
    """An order with something to pay is charged once."""
    if order.total_cents == 0:
        return None
    request = ChargeRequest(amount_cents=order.total_cents, currency="eur", receipt_email=order.email)
    return Charge(order_id=order.id, request=request)


MODULES = [OrderPlaced, Charge, Order, order, charge]
