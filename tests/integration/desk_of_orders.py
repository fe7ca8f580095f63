"""A shop whose orders are charged, and a vendor that does as it is told: the ground of these tests."""

import json
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from framework import (
    APICall,
    Count,
    Entity,
    Event,
    Field,
    IntegrationEvent,
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
from framework.app import App, Settings
from framework.clock import ManualClock
from framework.integration import (
    CallView,
    Completed,
    Delivery,
    ExternalId,
    Failed,
    HTTPClient,
    Integration,
    InvalidSignature,
    Outcome,
    Policy,
    Processing,
    Retry,
)
from framework.testing import deliver

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class OrderStatus(StrEnum):
    PLACED = "placed"
    PAID = "paid"
    UNPAID = "unpaid"


class OrderPlaced(Event, table=True):
    customer: str
    total_cents: int = Field(ge=0)


class ChargeRequest(Payload):
    amount_cents: int


class Receipt(Payload):
    url: str | None


class Charge(APICall, table=True):
    order_id: UUID = Field(foreign_key="order.id", index=True)
    customer: str
    request: ChargeRequest
    result: Receipt | None = None


class Order(Entity, table=True):
    customer: str
    total_cents: int
    charges: list[Charge] = Relationship()

    attempts: int = computed(Count(charges))
    receipt_url: str | None = computed(Latest(charges, lambda c: c.result.url if c.result else None))
    status: OrderStatus = computed(
        StateMachine(
            OrderStatus.PLACED,
            Transition(OrderStatus.PLACED, OrderStatus.PAID, when=completed(charges)),
            Transition(OrderStatus.PLACED, OrderStatus.UNPAID, when=failed(charges)),
            Transition(OrderStatus.UNPAID, OrderStatus.PAID, when=completed(charges)),
        )
    )


@derive
def order(placed: OrderPlaced) -> Order:
    """Every placed order is an order."""
    return Order(id=placed.id, customer=placed.customer, total_cents=placed.total_cents)


@derive
def charge(order: Order) -> Charge | None:
    """An order with something to pay is charged once."""
    if order.total_cents == 0:
        return None
    request = ChargeRequest(amount_cents=order.total_cents)
    return Charge(order_id=order.id, customer=order.customer, request=request)


class Mail(APICall, table=True):
    order_id: UUID = Field(foreign_key="order.id", index=True)
    request: ChargeRequest


@derive
def mail(order: Order) -> Mail:
    return Mail(order_id=order.id, request=ChargeRequest(amount_cents=1))


MODULE = [OrderPlaced, Charge, Order, order, charge]
WITH_MAIL = [*MODULE, Mail, mail]
"""Each order has a call of a second class besides."""

PAID = Completed(Receipt(url="https://vendor.example/receipt"))


class Vendor:
    """Answers each try with the next of its script, and with a receipt when that is over."""

    def __init__(self, *script: Any) -> None:
        self.script = deque(script)
        self.tries: list[CallView[ChargeRequest]] = []

    async def __call__(self, call: CallView[ChargeRequest], http: HTTPClient) -> Any:
        self.tries.append(call)
        answer = self.script.popleft() if self.script else PAID
        if isinstance(answer, Exception):
            raise answer
        return await answer(call) if callable(answer) else answer

    @property
    def keys(self) -> list[str]:
        return [call.idempotency_key for call in self.tries]

    @property
    def customers(self) -> list[str]:
        return [call.customer for call in self.tries]


def policy(**changes: Any) -> Policy:
    """No jitter to speak of: the first wait is a second at most, and then doubles."""
    defaults: dict[str, Any] = {"retry": Retry(max_attempts=3, base=1.0, factor=2.0, cap=60.0)}
    return Policy(**{**defaults, **changes})


def at_once(vendor: Callable[..., Any], name: str = "acme", **changes: Any) -> Integration[Any]:
    """An integration whose vendor answers with the result."""
    integration = Integration(name, policy=policy(**changes))

    @integration.call(Charge)
    async def charge_now(call: CallView[ChargeRequest], http: HTTPClient) -> Any:
        return await vendor(call, http)

    return integration


def in_memory() -> str:
    """The URL of an empty database; tests that are held on each kind put another one in its place."""
    return "sqlite:///:memory:"


def open_shop(
    *integrations: Integration[Any], clock: ManualClock | None = None, database: str | None = None
) -> App:
    """The App with its schema made, on a clock that stands still."""
    app = App(
        [MODULE],
        integrations,
        database=database or in_memory(),
        clock=clock or ManualClock(NOON),
        settings=Settings(synchronous="OFF"),
    )
    app.create()
    return app


def place(app: App, customer: str = "ada", cents: int = 1250) -> UUID:
    """Place an order, and say its id, which is the order's."""
    return app.dispatch(OrderPlaced(customer=customer, total_cents=cents)).id


def status(app: App, order_id: UUID) -> OrderStatus:
    return app.get(Order, order_id).status


def charges(app: App) -> list[Charge]:
    return app.query(select(Charge).order_by(col(Charge.id)))


def the_charge(app: App) -> Charge:
    (one,) = charges(app)
    return one


def history(app: App, call: Charge | None = None) -> list[str]:
    """What was said about a call, in order; with its standing where that is not the usual one."""
    about = call or the_charge(app)
    events = app.query(select(IntegrationEvent).where(IntegrationEvent.call_id == about.id))
    return [
        event.kind.value
        if event.standing.value == "applied"
        else f"{event.kind.value} ({event.standing.value})"
        for event in events
    ]


def submitted(
    vendor: Callable[..., Any], name: str = "acme", *, looks: list[Any] | None = None, **changes: Any
) -> Integration[Any]:
    """An integration whose vendor tells the outcome later; `looks` are the answers to polls."""
    integration = Integration(name, policy=policy(**changes))

    @integration.submit(Charge)
    async def send(call: CallView[ChargeRequest], http: HTTPClient) -> Any:
        return await vendor(call, http)

    @integration.webhook(Charge, path="events", verify=_signed)
    def on_event(delivery: Delivery) -> Outcome | None:
        said = delivery.json()
        names = {"external_id": said.get("charge"), "event_id": said.get("event")}
        names["reference"] = UUID(said["reference"]) if "reference" in said else None
        match said["kind"]:
            case "succeeded":
                return Completed(Receipt(url="https://vendor.example/receipt"), **names)
            case "failed":
                return Failed("refused", code="card_declined", **names)
            case "pending":
                return Processing(**names)
            case _:
                return None

    if looks is not None:

        @integration.poll(Charge)
        async def look(call: CallView[ChargeRequest], http: HTTPClient) -> Any:
            answer = looks.pop(0) if looks else None
            if isinstance(answer, Exception):
                raise answer
            return answer

    return integration


def _signed(delivery: Delivery) -> None:
    if delivery.headers.get("signature") != "valid":
        raise InvalidSignature("no signature matches")


def tell(app: App, kind: str, charge: str | None = None, **said: Any) -> None:
    """The vendor delivers an event about a charge."""
    body = json.dumps({"kind": kind, "charge": charge, **said}).encode()
    deliver(app, "acme", "events", body, {"signature": "valid"})


async def accepted(call: CallView[ChargeRequest]) -> ExternalId:
    """The vendor takes the charge, under an id of its own."""
    return ExternalId(f"ch_{call.request.amount_cents}")
