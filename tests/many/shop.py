"""A shop that charges orders, tells of parcels, and ends its offers: the App of each process."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

import anyio
from pydantic_settings import BaseSettings

from framework import APICall, Deadline, Entity, Event, Payload, computed, derive
from framework.app import App, Settings
from framework.integration import CallView, Completed, HTTPClient, Integration, Policy


class OrderPlaced(Event, table=True):
    customer: str
    cents: int


class ChargeRequest(Payload):
    cents: int


class Charge(APICall, table=True):
    customer: str
    order_id: UUID
    request: ChargeRequest


class Parcel(Entity, table=True):
    address: str


class Offer(Entity, table=True):
    until: datetime

    is_open: bool = computed(Deadline(lambda offer: offer.until, before=True, after=False))


@derive
def charge(placed: OrderPlaced) -> Charge:
    """Every order is charged."""
    return Charge(order_id=placed.id, customer=placed.customer, request=ChargeRequest(cents=placed.cents))


MODULE = [OrderPlaced, Charge, Parcel, Offer, charge]


class Address(BaseSettings):
    base_url: str


def build(url: str, port: int) -> App:
    """The App of each process. The vendor does what it is sent twice once, by its key."""
    address = Address(base_url=f"http://127.0.0.1:{port}")
    acme = Integration(
        "acme",
        settings=address,
        policy=Policy(concurrency=8, on_doubt="retry", ordering_key=lambda call: call.customer),
    )

    @acme.call(Charge)
    async def send(call: CallView[ChargeRequest], http: HTTPClient) -> Completed:
        headers = {"idempotency-key": call.idempotency_key}
        body = {"of": call.customer, "what": call.request.cents, "by": os.getpid()}
        await http.post("/charges", json=body, headers=headers)
        return Completed()

    @acme.side_effect(Parcel)
    async def tell(parcel: Parcel, http: HTTPClient) -> None:
        body = {"of": parcel.address, "what": parcel.address, "by": os.getpid()}
        await http.post("/parcels", json=body, headers={"idempotency-key": os.urandom(8).hex()})

    return App([MODULE], [acme], url, settings=Settings(synchronous="FULL"))


Build: TypeAlias = Callable[[str, int], App]
"""Makes the App of a process, of the database and of the vendor's port."""


def work(build: Build, url: str, port: int, at_work: Any) -> None:
    """Carry out calls until killed."""

    async def working() -> None:
        async with build(url, port).working():
            at_work.set()
            await anyio.sleep_forever()

    anyio.run(working)


def now() -> datetime:
    return datetime.now(UTC)
