"""A till for tenants whose worlds look alike: the same ids, and the same names at the vendor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from framework import (
    APICall,
    Count,
    Deadline,
    Entity,
    Event,
    Field,
    Payload,
    Relationship,
    StateMachine,
    Transition,
    completed,
    computed,
    current_tenant,
    derive,
    failed,
)
from framework.app import App, Settings
from framework.clock import ManualClock
from framework.integration import Completed, Delivery, ExternalId, Integration, Outcome, Policy
from framework.integration.handlers import DeliveryTenant
from framework.integration.signature import InvalidSignature

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class State(StrEnum):
    DUE = "due"
    PAID = "paid"
    REFUSED = "refused"


class Bill(Payload):
    cents: int


class Paper(Payload):
    url: str


class Placed(Event, table=True):
    cents: int


class Heard(Event, table=True):
    what: str


class Charge(APICall, table=True):
    order_id: UUID = Field(foreign_key="order.id", index=True)
    request: Bill
    result: Paper | None = None


class Order(Entity, table=True):
    cents: int
    pay_by: datetime | None = None
    charges: list[Charge] = Relationship()
    attempts: int = computed(Count(charges))
    late: bool = computed(Deadline(lambda o: o.pay_by, before=False, after=True))
    state: State = computed(
        StateMachine(
            State.DUE,
            Transition(State.DUE, State.PAID, when=completed(charges)),
            Transition(State.DUE, State.REFUSED, when=failed(charges)),
        )
    )


@derive
def order(placed: Placed) -> Order:
    """Under the same id."""
    return Order(id=placed.id, cents=placed.cents, pay_by=placed.at + timedelta(hours=1))


@derive
def charge(order: Order) -> Charge:
    """Under an id that follows from the order's, so that two tenants may have calls of one id."""
    return Charge(id=order.id, order_id=order.id, request=Bill(cents=order.cents))


MODULE = [Placed, Heard, Charge, Order, order, charge]


@dataclass
class Till:
    """An integration that notes for whom it does what; the vendor names charges by their amounts."""

    tenant: DeliveryTenant | None = None
    policy: Policy = field(default_factory=Policy)
    sent: list[tuple[str, int]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    polled: list[str] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    listed: Sequence[Outcome] = ()
    at_once: bool = False
    polls: bool = False
    secret: Callable[[], str] = field(default=lambda: "s")

    def integration(self) -> Integration[Any]:
        till: Integration[Any] = Integration("till", policy=self.policy)

        @till.submit(Charge)
        async def submit(call: Any, http: Any) -> ExternalId | Completed:
            self.sent.append((current_tenant(), call.request.cents))
            self.keys.append(call.idempotency_key)
            name = ExternalId(f"pi_{call.request.cents}")
            return Completed(Paper(url="here"), external_id=name) if self.at_once else name

        if self.polls:

            @till.poll(Charge)
            async def look_up(call: Any, http: Any) -> Outcome | None:
                self.polled.append(current_tenant())
                return Completed(Paper(url="polled"))

        @till.reconcile(Charge)
        async def happened(since: datetime, http: Any) -> Sequence[Outcome]:
            return self.listed

        def verify(delivery: Delivery) -> None:
            if delivery.headers.get("signature") != self.secret():
                raise InvalidSignature("it is not the vendor's")

        @till.webhook(Charge, path="events", verify=verify, tenant=self.tenant)
        def on_event(delivery: Delivery) -> Outcome | None:
            said = delivery.json()
            if "heard" in said:
                return None
            return Completed(
                Paper(url="there"),
                external_id=said.get("id"),
                reference=UUID(said["reference"]) if "reference" in said else None,
            )

        @till.inbound(path="events", verify=verify, key=lambda d: str(d.json()["heard"]), tenant=self.tenant)
        def heard(delivery: Delivery) -> Heard | None:
            said = delivery.json()
            return Heard(what=said["heard"]) if "heard" in said else None

        @till.side_effect(Placed)
        async def tell(placed: Any, http: Any) -> None:
            self.told.append((current_tenant(), str(placed.cents)))

        return till


def open_till(url: str, till: Till, clock: ManualClock | None = None, **settings: Any) -> App:
    """The App of the till, with two tenants."""
    app = App(
        [MODULE],
        [till.integration()],
        url,
        settings=Settings(tenancy="required", synchronous="OFF", **settings),
        clock=clock or ManualClock(NOON),
    )
    app.create()
    for name in ("acme", "bolt"):
        app.create_tenant(name)
    return app
