"""Refunds: who may ask for one, in which order it goes, who sees it, and how long it is remembered."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import col

from framework import (
    Activity,
    Admission,
    Entity,
    Event,
    Field,
    Reader,
    Retention,
    Unique,
    all_of,
    any_of,
    condition,
    guard,
    policy,
)


class Purchase(Entity, table=True):
    __table_args__ = (Unique("voucher", code="voucher_used", where=lambda purchase: ~purchase.cancelled),)

    customer: str
    voucher: str | None = None
    cancelled: bool = False
    margin_cents: int = 0


class RefundAsked(Event, table=True):
    purchase_id: UUID = Field(foreign_key="purchase.id")


class RefundApproved(Event, table=True):
    refund_id: UUID = Field(foreign_key="refund_asked.id", ondelete="CASCADE")


class RefundRefused(Event, table=True):
    refund_id: UUID = Field(foreign_key="refund_asked.id", ondelete="CASCADE")


class MoneySent(Event, table=True):
    refund_id: UUID = Field(foreign_key="refund_asked.id", ondelete="CASCADE")


class CustomerTold(Event, table=True):
    refund_id: UUID = Field(foreign_key="refund_asked.id", ondelete="CASCADE")


@condition
def own(event: RefundAsked, admission: Admission) -> bool:
    """The customer asks about a purchase of their own."""
    return admission.get(Purchase, event.purchase_id).customer == admission.actor


@condition
def at_the_desk(event: RefundAsked, admission: Admission) -> bool:
    """Somebody asks for the customer, and the request came from the desk."""
    return admission.context.get("desk") is True


@condition
def asked_before(event: RefundAsked, admission: Admission) -> bool:
    return bool(admission.find(RefundAsked, purchase_id=event.purchase_id))


may_ask = guard(RefundAsked, code="not_yours")(own | at_the_desk)
asks_once = guard(RefundAsked, code="asked_before")(~asked_before)

refund = Activity(
    RefundAsked, any_of(RefundRefused, (RefundApproved, all_of(MoneySent, CustomerTold))), name="refund"
)


@policy(Purchase, hides=("margin_cents",))
def own_purchases(reader: Reader) -> ColumnElement[bool] | bool:
    return reader.context.get("desk") is True or col(Purchase.customer) == reader.actor


forgotten = Retention(RefundAsked, ttl=timedelta(days=365))
