"""A state gives rise to a call, and its outcome moves the state on, which gives rise to the next: a saga."""

from collections.abc import Iterator
from enum import StrEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from framework import (
    APICall,
    Count,
    Entity,
    Event,
    Field,
    Payload,
    Relationship,
    StateMachine,
    Transition,
    completed,
    computed,
    derive,
    failed,
)
from framework.app import App, opened
from framework.testing import emit
from tests.schemas import schema
from tests.soak import examples


class Stage(StrEnum):
    PLACED = "placed"
    CAPTURED = "captured"
    RESERVED = "reserved"
    SHIPPED = "shipped"
    REFUNDING = "refunding"
    CANCELLED = "cancelled"


class Bought(Event, table=True):
    cents: int


class Nothing(Payload):
    """There is nothing more to say."""


class Payment(APICall, table=True):
    sale_id: UUID = Field(foreign_key="sale.id")
    request: Nothing = Nothing()


class Reservation(APICall, table=True):
    sale_id: UUID = Field(foreign_key="sale.id")
    request: Nothing = Nothing()


class Shipment(APICall, table=True):
    sale_id: UUID = Field(foreign_key="sale.id")
    request: Nothing = Nothing()


class Refund(APICall, table=True):
    sale_id: UUID = Field(foreign_key="sale.id")
    request: Nothing = Nothing()


class Sale(Entity, table=True):
    cents: int
    payments: list[Payment] = Relationship()
    reservations: list[Reservation] = Relationship()
    shipments: list[Shipment] = Relationship()
    refunds: list[Refund] = Relationship()

    stage: Stage = computed(
        StateMachine(
            Stage.PLACED,
            Transition(Stage.PLACED, Stage.CAPTURED, when=completed(payments)),
            Transition(Stage.PLACED, Stage.CANCELLED, when=failed(payments)),
            Transition(Stage.CAPTURED, Stage.RESERVED, when=completed(reservations)),
            Transition(Stage.CAPTURED, Stage.REFUNDING, when=failed(reservations)),
            Transition(Stage.RESERVED, Stage.SHIPPED, when=completed(shipments)),
            Transition(Stage.RESERVED, Stage.REFUNDING, when=failed(shipments)),
            Transition(Stage.REFUNDING, Stage.CANCELLED, when=completed(refunds)),
        )
    )
    payment_count: int = computed(Count(payments))
    paid_count: int = computed(Count(payments, where=lambda payment: payment.status == "completed"))


@derive
def sale(bought: Bought) -> Sale:
    return Sale(id=bought.id, cents=bought.cents)


@derive(reads=[Sale.stage])
def payment(sale: Sale) -> Payment | None:
    return Payment(sale_id=sale.id) if sale.stage is Stage.PLACED else None


@derive(reads=[Sale.stage])
def reservation(sale: Sale) -> Reservation | None:
    return Reservation(sale_id=sale.id) if sale.stage is Stage.CAPTURED else None


@derive(reads=[Sale.stage])
def shipment(sale: Sale) -> Shipment | None:
    return Shipment(sale_id=sale.id) if sale.stage is Stage.RESERVED else None


@derive(reads=[Sale.stage])
def refund(sale: Sale) -> Refund | None:
    """What was taken is given back."""
    return Refund(sale_id=sale.id) if sale.stage is Stage.REFUNDING else None


MODULE = [Bought, Payment, Reservation, Shipment, Refund, Sale, sale, payment, reservation, shipment, refund]


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([MODULE], database=database_url)) as app:
        yield app


def stage(app: App) -> Stage:
    (one,) = app.query(select(Sale))
    return one.stage


def calls(app: App) -> list[str]:
    kinds: tuple[type[APICall], ...] = (Payment, Reservation, Shipment, Refund)
    return [f"{kind.__name__} {one.status}" for kind in kinds for one in app.query(select(kind))]


def say(app: App, kind: type[APICall], outcome: str) -> None:
    (call,) = app.query(select(kind))
    emit(app, call, outcome)  # type: ignore[arg-type]  # completed or failed


def test_each_step_of_a_saga_follows_from_the_outcome_of_the_one_before(app: App) -> None:
    app.dispatch(Bought(cents=5))
    assert (stage(app), calls(app)) == (Stage.PLACED, ["Payment pending"])
    say(app, Payment, "completed")
    assert (stage(app), calls(app)) == (Stage.CAPTURED, ["Payment completed", "Reservation pending"])
    say(app, Reservation, "completed")
    say(app, Shipment, "completed")
    assert stage(app) is Stage.SHIPPED
    assert calls(app) == ["Payment completed", "Reservation completed", "Shipment completed"]
    (sold,) = app.query(select(Sale))
    assert (sold.payment_count, sold.paid_count) == (1, 1)
    assert app.verify() == []


@pytest.mark.parametrize("failing", [Reservation, Shipment])
def test_a_step_that_fails_is_compensated(app: App, failing: type[APICall]) -> None:
    app.dispatch(Bought(cents=5))
    say(app, Payment, "completed")
    if failing is Shipment:
        say(app, Reservation, "completed")
    say(app, failing, "failed")
    assert (stage(app), calls(app)[-1]) == (Stage.REFUNDING, "Refund pending")
    say(app, Refund, "completed")
    assert stage(app) is Stage.CANCELLED
    assert app.verify() == []


def test_a_payment_that_fails_ends_the_saga_without_a_refund(app: App) -> None:
    app.dispatch(Bought(cents=5))
    say(app, Payment, "failed")
    assert (stage(app), calls(app)) == (Stage.CANCELLED, ["Payment failed"])
    say(app, Payment, "completed")
    assert stage(app) is Stage.CANCELLED, "it came too late"
    assert app.verify() == []


KINDS: tuple[type[APICall], ...] = (Payment, Reservation, Shipment, Refund)
CALL_OF: dict[Stage, type[APICall]] = {
    Stage.PLACED: Payment,
    Stage.CAPTURED: Reservation,
    Stage.RESERVED: Shipment,
    Stage.REFUNDING: Refund,
}
NEXT = {
    (Stage.PLACED, "completed"): Stage.CAPTURED,
    (Stage.PLACED, "failed"): Stage.CANCELLED,
    (Stage.CAPTURED, "completed"): Stage.RESERVED,
    (Stage.CAPTURED, "failed"): Stage.REFUNDING,
    (Stage.RESERVED, "completed"): Stage.SHIPPED,
    (Stage.RESERVED, "failed"): Stage.REFUNDING,
    (Stage.REFUNDING, "completed"): Stage.CANCELLED,
}
Said = list[tuple[int, type[APICall] | None, str]]
outcomes = st.sampled_from(["processing", "completed", "failed"])
said = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([None, None, None, *KINDS]), outcomes), max_size=20
)
"""Of which sale, of which call (None: the one that is due), and what."""


def tell(url: str, many: Said) -> None:
    """Of three sales, whatever is said of whichever of their calls, again and too late."""
    with opened(App([MODULE], database=url)) as app:
        sales = [app.dispatch(Bought(cents=cents)).id for cents in range(3)]
        stages = dict.fromkeys(sales, Stage.PLACED)
        known: dict[UUID, dict[type[APICall], str]] = {id: {Payment: "pending"} for id in sales}
        for number, which, outcome in many:
            id = sales[number]
            kind = which or CALL_OF.get(stages[id], Payment)
            for call in app.query(select(kind)):
                if call.sale_id == id:  # type: ignore[attr-defined]  # all four have it
                    emit(app, call, outcome)  # type: ignore[arg-type]  # one of the three
            if known[id].get(kind) in ("pending", "processing"):
                known[id][kind] = outcome
                stages[id] = NEXT.get((stages[id], outcome), stages[id])
                if stages[id] in CALL_OF:
                    known[id].setdefault(CALL_OF[stages[id]], "pending")
            assert {sale.id: sale.stage for sale in app.query(select(Sale))} == stages
            assert {
                (call.sale_id, kind): call.status for kind in KINDS for call in app.query(select(kind))
            } == {  # type: ignore[attr-defined]
                (id, kind): status for id, calls in known.items() for kind, status in calls.items()
            }
        paid = {sale.id: (sale.payment_count, sale.paid_count) for sale in app.query(select(Sale))}
        assert paid == {id: (1, calls[Payment] == "completed") for id, calls in known.items()}
        assert app.unmatched() == []
        assert app.verify() == []


@examples(15, soak=800)
@given(many=said)
def test_whatever_is_said_of_calls_a_saga_takes_its_steps_in_order(many: Said) -> None:
    tell("sqlite:///:memory:", many)


@examples(5, soak=250)
@given(many=said)
def test_a_saga_takes_its_steps_in_order_on_postgresql_too(postgres: str, many: Said) -> None:
    with schema(postgres) as url:
        tell(url, many)
