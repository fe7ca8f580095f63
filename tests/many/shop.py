"""A shop that charges and ships orders, tells of parcels, and ends its offers."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from pydantic_settings import BaseSettings

from framework import (
    APICall,
    Count,
    Deadline,
    Entity,
    Event,
    Field,
    Global,
    Payload,
    Relationship,
    computed,
    derive,
)
from framework.errors import NeedsAttention, Transient
from framework.integration import (
    Breaker,
    CallView,
    Completed,
    Delivery,
    ExternalId,
    Failed,
    HTTPClient,
    Integration,
    NotSubmitted,
    Policy,
    PollSchedule,
    Retry,
    Timeout,
)
from framework.integration.signature import require_match, required_header
from framework.model.apicall import CallStatus
from tests.many.vendor import SECRET, Mood, News


class OrderPlaced(Event, table=True):
    customer: str
    cents: int
    mood: Mood = Mood.PLAIN
    news: News | None = None
    """How the carrier tells of the shipment; None for what is not shipped."""


class ChargeRequest(Payload):
    cents: int
    mood: Mood


class ShipmentRequest(Payload):
    mood: Mood
    news: News


class Charge(APICall, table=True):
    customer: str
    order_id: UUID = Field(foreign_key="order.id", index=True)
    request: ChargeRequest


class Shipment(APICall, table=True):
    order_id: UUID = Field(foreign_key="order.id", index=True)
    request: ShipmentRequest


class Order(Entity, table=True):
    charges: list[Charge] = Relationship()
    shipments: list[Shipment] = Relationship()

    paid: int = computed(Count(charges, where=lambda charge: charge.status == CallStatus.COMPLETED))
    shipped: int = computed(Count(shipments, where=lambda one: one.status == CallStatus.COMPLETED))


class Till(Global, table=True):
    paid: int = computed(Count(Order, where=lambda order: order.paid == 1))


class Parcel(Entity, table=True):
    address: str


class Offer(Entity, table=True):
    until: datetime

    is_open: bool = computed(Deadline(lambda offer: offer.until, before=True, after=False))


@derive
def order(placed: OrderPlaced) -> Order:
    return Order(id=placed.id)


@derive
def charge(placed: OrderPlaced) -> Charge:
    """Every order is charged."""
    request = ChargeRequest(cents=placed.cents, mood=placed.mood)
    return Charge(order_id=placed.id, customer=placed.customer, request=request)


@derive
def shipment(placed: OrderPlaced) -> Shipment | None:
    """An order is shipped if the carrier is to tell of it, or to be asked about it."""
    if placed.news is None:
        return None
    return Shipment(order_id=placed.id, request=ShipmentRequest(mood=placed.mood, news=placed.news))


MODULE = [OrderPlaced, Charge, Shipment, Order, Till, Parcel, Offer, order, charge, shipment]


class Address(BaseSettings):
    base_url: str


def address_of(port: int) -> Address:
    return Address(base_url=f"http://127.0.0.1:{port}")


PATIENT = Retry(max_attempts=40, base=0.05, cap=0.2)


def policy(retry: Retry = PATIENT, **more: Any) -> Policy:
    """How vendors are treated, who are quick to do what they do at all."""
    return Policy(
        timeout=Timeout(read=0.5),
        retry=retry,
        breaker=Breaker(threshold=3, reset=0.1),
        lease=timedelta(seconds=20),
        **more,
    )


def create_acme(address: Address) -> Integration[Any]:
    """It charges, with the result in the answer, and does once what it is sent twice, by its key."""
    acme = Integration(
        "acme",
        settings=address,
        policy=policy(concurrency=8, on_doubt="retry", ordering_key=lambda call: call.customer),
    )

    @acme.call(Charge)
    async def send(call: CallView[ChargeRequest], http: HTTPClient) -> Completed | Failed:
        about = call.customer, call.request.cents
        answer = await ask(http, "/charges", call.idempotency_key, *about, mood=call.request.mood)
        return verdict(answer) or Completed()

    @acme.side_effect(Parcel)
    async def tell(parcel: Parcel, http: HTTPClient) -> None:
        await ask(http, "/parcels", os.urandom(8).hex(), parcel.address, parcel.address)

    return acme


def create_carrier(address: Address) -> Integration[Any]:
    """It takes a shipment, and tells or is asked later what came of it."""
    carrier = Integration(
        "carrier",
        settings=address,
        policy=policy(on_doubt="recover", poll=PollSchedule(first=0.3, cap=1.0)),
    )

    @carrier.submit(Shipment)
    async def send(call: CallView[ShipmentRequest], http: HTTPClient) -> ExternalId | Failed:
        how = call.request.model_dump(mode="json")
        answer = await ask(http, "/shipments", call.idempotency_key, "", str(call.id), **how)
        return verdict(answer) or ExternalId(answer.json()["id"])

    @carrier.recover(Shipment)
    async def find(call: CallView[ShipmentRequest], http: HTTPClient) -> ExternalId | NotSubmitted:
        answer = await http.get(f"/shipments/{call.idempotency_key}")
        return ExternalId(answer.json()["id"]) if answer.status_code == 200 else NotSubmitted()

    @carrier.webhook(Shipment, verify=signed)
    def hear(delivery: Delivery) -> Completed:
        return Completed(external_id=ExternalId(delivery.json()["id"]), event_id=delivery.json()["event"])

    @carrier.poll(Shipment)
    async def look(call: CallView[ShipmentRequest], http: HTTPClient) -> Completed:
        answer = await http.get(f"/shipments/{call.external_id}")
        assert answer.status_code == 200, "what has an id is at the carrier's"
        return Completed()

    @carrier.reconcile(Shipment)
    async def all_of_them(since: datetime, http: HTTPClient) -> list[Completed]:
        ids = (await http.get("/shipments")).json()["ids"]
        return [Completed(external_id=ExternalId(id)) for id in ids]

    return carrier


async def ask(http: HTTPClient, path: str, key: str, of: str, what: object, **more: object) -> httpx.Response:
    """What the vendor answers, in whose books there is who asked, too."""
    body = {"of": of, "what": what, "by": os.getpid(), **more}
    return await http.post(path, json=body, headers={"idempotency-key": key})


def verdict(answer: httpx.Response) -> Failed | None:
    """What an answer says about a call, unless it is done; raises Transient for another time."""
    match answer.status_code:
        case 401:
            raise NeedsAttention("the key is revoked")
        case 402:
            return Failed("refused", code="refused")
        case 503:
            raise Transient("busy")
    return None


def signed(delivery: Delivery) -> None:
    require_match([SECRET], [required_header(delivery, "x-secret")])


def now() -> datetime:
    return datetime.now(UTC)
