"""What a dispatch would do: each step that it wakes, what the step writes or why not, and no trace."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from framework import (
    APICall,
    Count,
    Entity,
    Event,
    Field,
    Latest,
    Min,
    Payload,
    Relationship,
    computed,
    derive,
    guard,
)
from framework.app import App, Settings, opened
from framework.clock import ManualClock
from framework.errors import DispatchError
from framework.integration import Completed, Integration
from framework.runtime.trace import TracedStep
from tests.engine import board
from tests.engine.board import Comment, Desk, Ticket, TicketClosed, TicketPurged
from tests.engine.shop import (
    MODULE,
    Item,
    Order,
    OrderReopened,
    OrderShut,
    Parcel,
    ParcelSent,
    Progress,
    cashier,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@guard(OrderReopened)
def really(event: OrderReopened, admission: object) -> bool:
    return event.really


@pytest.fixture
def shop(database_url: str) -> Iterator[App]:
    with opened(App([[*MODULE, really]], [cashier()], database_url)) as app:
        yield app


@pytest.fixture
def order(shop: App) -> UUID:
    with shop.transaction() as tx:
        id = tx.add(Order(cents=3)).id
        tx.add(Item(order_id=id))
    return id


def step(app: App, event: Event, name: str) -> TracedStep:
    found = app.explain_dispatch(event).step(name)
    assert found is not None
    return found


def test_it_says_what_woke_a_step_and_what_the_step_wrote(shop: App, order: UUID) -> None:
    event = OrderShut(order_id=order)

    moved = step(shop, event, "Order.progress")

    assert moved.woken_by == (f"OrderShut {event.id} created",)
    assert [str(one) for one in moved.wrote] == [f"Order {order}: progress 'open' -> 'shut'"]
    assert moved.wrote[0].after is Progress.SHUT
    assert moved.skipped == ()


def test_nothing_of_it_stays(shop: App, order: UUID) -> None:
    shop.explain_dispatch(OrderShut(order_id=order))
    assert shop.get(Order, order).progress is Progress.OPEN
    assert shop.query(select(OrderShut)) == []
    assert shop.verify() == []
    assert shop.dispatch(OrderShut(order_id=order)).changes[0].after.order_id == order


def test_steps_come_by_height_and_say_when_nothing_concerns_them(desk: tuple[App, UUID, UUID]) -> None:
    app, _, ticket = desk
    app.dispatch(TicketClosed(ticket_id=ticket, by="ada"))
    closed = app.explain_dispatch(TicketClosed(ticket_id=ticket, by="bob"))
    assert [(one.height, one.name) for one in closed.steps] == [(2, "Ticket.status")]
    opened = app.explain_dispatch(TicketPurged(ticket_id=ticket))
    heights = [one.height for one in opened.steps if one.wave == 2 and not one.name.startswith("Hall")]
    assert heights == sorted(heights)
    status = next(one for one in opened.steps if one.wave == 2 and one.name == "Ticket.status")
    assert (status.wrote, status.skipped[0]) == (
        (),
        f"Ticket {ticket}: it is nothing that a trigger waits for",
    )


def test_a_rule_that_returns_nothing_says_so(shop: App) -> None:
    event = ParcelSent(weight=0)
    assert step(shop, event, "rule parcel").skipped == (f"ParcelSent {event.id}: the rule returned nothing",)
    (made,) = step(shop, ParcelSent(weight=3), "rule parcel").wrote
    assert (made.model, made.field, str(made)) == (Parcel, None, f"Parcel {made.id} created")


def test_a_machine_says_why_it_stays(shop: App, order: UUID) -> None:
    assert step(shop, OrderReopened(order_id=order), "Order.progress").skipped == (
        f"Order {order}: progress stays 'open', for no transition leaves it by 'OrderReopened created'",
    )
    shop.dispatch(OrderShut(order_id=order))
    assert step(shop, OrderReopened(order_id=order), "Order.progress").skipped == (
        f"Order {order}: progress stays 'shut', for the guard of 'OrderReopened created' to open said no",
    )


class Ask(Payload):
    text: str


class Asked(Event, table=True):
    text: str


class Answer(APICall, table=True):
    request: Ask


@derive
def answer(asked: Asked) -> Answer:
    return Answer(request=Ask(text=asked.text))


def test_calls_say_who_would_serve_them(database_url: str) -> None:
    oracle: Integration[Any] = Integration("oracle")

    @oracle.call(Answer)
    async def tell(call: Any, http: object) -> Completed:
        raise AssertionError("nothing leaves")

    with opened(App([[Asked, Answer, answer]], [oracle], database_url)) as app:
        (call,) = app.explain_dispatch(Asked(text="when?")).calls
        assert (call.model, call.request, call.integration) == (Answer, Ask(text="when?"), "oracle")
        assert str(call) == f"Answer {call.id} by oracle: Ask(text='when?')"
        assert app.query(select(Answer)) == []


def test_what_a_guard_refuses_is_refused_here_too(shop: App, order: UUID) -> None:
    refused = shop.explain_dispatch(OrderReopened(order_id=order, really=False))
    assert isinstance(refused.refused, DispatchError)
    assert refused.steps == ()
    assert str(refused).splitlines()[-1] == (
        "  refused, nothing is stored: OrderReopened is not admitted: really says no (code 'really')."
    )


@pytest.fixture
def desk(database_url: str) -> Iterator[tuple[App, UUID, UUID]]:
    app = App(
        [board.RECORDS],
        database=database_url,
        settings=Settings(measure=True),
        clock=ManualClock(NOON),
    )
    with opened(app):
        with app.transaction() as tx:
            desk = tx.add(Desk()).id
            ticket = tx.add(Ticket(desk_id=desk, points=3)).id
            tx.add(Comment(ticket_id=ticket))
        yield app, desk, ticket
        assert app.verify() == []


def test_sums_say_what_they_add_and_what_does_not_count(desk: tuple[App, UUID, UUID]) -> None:
    app, place, ticket = desk
    counted = step(app, TicketClosed(ticket_id=ticket, by="ada"), "Desk.done")
    assert [str(one) for one in counted.wrote] == [f"Desk {place}: done +1"]
    unheard = app.explain_dispatch(TicketPurged(ticket_id=ticket))
    assert unheard.step("Desk.done") is None
    assert unheard.step("Ticket.status") is not None


def test_waves_of_deletions_are_told_apart(desk: tuple[App, UUID, UUID]) -> None:
    app, place, ticket = desk
    app.dispatch(TicketClosed(ticket_id=ticket, by="ada"))
    comment = app.query(select(Comment))[0].id

    purged = app.explain_dispatch(TicketPurged(ticket_id=ticket))

    assert {one.wave for one in purged.steps} == {1, 2}
    count = purged.step("Desk.count")
    assert count is not None
    assert (count.wave, str(count.wrote[0])) == (2, f"Desk {place}: count -1")
    assert f"Ticket {ticket} deleted" in count.woken_by
    assert {one.model for one in purged.deleted[0]} == {Ticket, Comment, TicketClosed, TicketPurged}
    lines = str(purged).splitlines()
    assert f"  + Comment {comment} deleted" in lines[lines.index("  wave 2") :]
    assert app.get(Ticket, ticket).closed_by == "ada"


def test_the_plan_is_drawn_with_counts_and_costs(desk: tuple[App, UUID, UUID]) -> None:
    app, _, ticket = desk
    app.dispatch(TicketClosed(ticket_id=ticket, by="ada"))
    app.dispatch(TicketPurged(ticket_id=ticket))

    drawn = app.graph(counts=True)

    assert 'subgraph Comment["Comment: 0"]' in drawn
    assert 'subgraph TicketPurged["TicketPurged (event): 1"]' in drawn
    assert 'Ticket.closed_by["closed_by<br/>4 x ' in drawn
    assert 'Desk.mood["mood<br/>2 x ' in drawn


def test_without_measuring_only_records_are_counted(shop: App, order: UUID) -> None:
    drawn = shop.graph(counts=True)
    assert 'subgraph Order["Order: 1"]' in drawn
    assert " x " not in drawn
    assert 'subgraph Order["Order"]' in shop.graph()


class Gave(Event, table=True):
    box_id: UUID | None = Field(default=None, foreign_key="box.id")
    weight: int


class Gift(Entity, table=True):
    box_id: UUID | None = Field(default=None, foreign_key="box.id")
    weight: int
    kind: str = "toy"


class Box(Entity, table=True):
    gifts: list[Gift] = Relationship()

    heavy: dict[str, int] = computed(Count(gifts, lambda gift: gift.weight > 5, by=lambda gift: gift.kind))
    last: str | None = computed(Latest(gifts, lambda gift: gift.kind, where=lambda gift: gift.weight > 5))
    least: int | None = computed(Min(gifts, lambda gift: gift.weight, where=lambda gift: gift.weight > 5))


@derive
def gift(gave: Gave) -> Gift:
    return Gift(box_id=gave.box_id, weight=gave.weight)


def test_selections_and_totals_by_key_say_why_a_record_takes_no_part(database_url: str) -> None:
    with opened(App([[Gave, Gift, Box, gift]], database=database_url)) as app:
        with app.transaction() as tx:
            box = tx.add(Box())
            other = tx.add(Gift(box_id=box.id, weight=9))
        light = app.explain_dispatch(Gave(box_id=box.id, weight=1))
        lost = app.explain_dispatch(Gave(weight=9))

        (written,) = light.steps[0].wrote
        reasons = {name: light.step(name) for name in ("Box.heavy", "Box.last", "Box.least")}
        assert {name: step and step.skipped for name, step in reasons.items()} == {
            "Box.heavy": (f"Gift {written.id}: `where` does not hold, or it has no key",),
            "Box.last": (f"Gift {written.id}: `where` does not hold, or there is nothing to take",),
            "Box.least": (f"Gift {written.id}: `where` does not hold, or there is nothing to take",),
        }
        assert all(str(other.id) not in why for step in light.steps for why in step.skipped)
        (written,) = lost.steps[0].wrote
        assert {step.skipped for step in lost.steps[1:]} == {(f"Gift {written.id}: its box_id names no Box",)}
