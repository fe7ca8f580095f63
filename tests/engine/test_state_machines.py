"""A state moves once for each cause, in the order of causes, and what moved nothing is kept."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from framework import (
    Count,
    Entity,
    Event,
    Field,
    Relationship,
    StateMachine,
    Transition,
    became,
    changed,
    computed,
    on,
)
from framework.app import App, opened
from framework.runtime.errors import AmbiguousMove
from framework.testing import emit
from tests.engine.shop import (
    Charge,
    Customer,
    Item,
    Order,
    OrderReopened,
    OrderShut,
    Paper,
    Payment,
    Progress,
    Wear,
)


def moves(app: App) -> list[tuple[str, str, str, str | None]]:
    with app.engine.database.reading() as connection:
        sql = "SELECT machine, trigger, source, target FROM millrace_move ORDER BY position"
        return connection.rows(sql)


@pytest.fixture
def order(app: App) -> Order:
    with app.transaction() as tx:
        return tx.add(Order())


def test_a_state_starts_where_it_is_told_and_moves_by_its_transitions(app: App, order: Order) -> None:
    assert app.get(Order, order.id).progress is Progress.EMPTY
    with app.transaction() as tx:
        tx.add(Item(order_id=order.id))
    assert app.get(Order, order.id).progress is Progress.OPEN
    app.dispatch(OrderShut(order_id=order.id))
    assert app.get(Order, order.id).progress is Progress.SHUT
    app.dispatch(OrderReopened(order_id=order.id))
    assert app.get(Order, order.id).progress is Progress.OPEN
    assert moves(app) == [
        ("Order.progress", "Item created", "empty", "open"),
        ("Order.progress", "OrderShut created", "open", "shut"),
        ("Order.progress", "OrderReopened created", "shut", "open"),
    ]


def test_what_no_transition_takes_is_kept(app: App, order: Order) -> None:
    app.dispatch(OrderShut(order_id=order.id))
    assert app.get(Order, order.id).progress is Progress.EMPTY
    assert moves(app) == [("Order.progress", "OrderShut created", "empty", None)]
    assert app.verify() == []


def test_a_guard_decides(app: App) -> None:
    with app.transaction() as tx:
        order = tx.add(Order(cents=3))
        tx.add(Item(order_id=order.id))
    app.dispatch(OrderShut(order_id=order.id))
    app.dispatch(OrderReopened(order_id=order.id))
    assert app.get(Order, order.id).progress is Progress.SHUT
    with app.transaction() as tx:
        tx.update(order, cents=4)
    app.dispatch(OrderReopened(order_id=order.id))
    assert app.get(Order, order.id).progress is Progress.OPEN


@pytest.mark.parametrize(("shut_first", "state"), [(True, Progress.OPEN), (False, Progress.SHUT)])
def test_causes_of_one_transaction_move_in_their_order(
    app: App, order: Order, shut_first: bool, state: Progress
) -> None:
    with app.transaction() as tx:
        if shut_first:
            tx.dispatch(OrderShut(order_id=order.id))
        tx.add(Item(order_id=order.id))
        if not shut_first:
            tx.dispatch(OrderShut(order_id=order.id))
    assert app.get(Order, order.id).progress is state
    assert len(moves(app)) == 2
    assert app.verify() == []


def test_a_change_of_a_field_and_a_deletion_are_causes(app: App, order: Order) -> None:
    with app.transaction() as tx:
        item = tx.add(Item(order_id=order.id, price=1))
    with app.transaction() as tx:
        tx.update(item, name="no matter")
    assert app.get(Order, order.id).wear is Wear.NEW
    with app.transaction() as tx:
        tx.update(item, price=2)
    assert app.get(Order, order.id).wear is Wear.TOUCHED
    with app.transaction() as tx:
        tx.delete(item)
    assert app.get(Order, order.id).wear is Wear.TORN


def test_what_came_to_nothing_within_a_transaction_is_no_cause(app: App, order: Order) -> None:
    with app.transaction() as tx:
        item = tx.add(Item(order_id=order.id, price=1))
        tx.delete(Item, item.id)
    with app.transaction() as tx:
        kept = tx.add(Item(order_id=order.id, price=1))
    with app.transaction() as tx:
        tx.update(kept, price=5)
        tx.update(kept, price=1)
    assert app.get(Order, order.id).wear is Wear.NEW
    assert [one[1] for one in moves(app)] == ["Item created"]


def test_a_record_that_comes_back_starts_anew(app: App, order: Order) -> None:
    with app.transaction() as tx:
        tx.add(Item(order_id=order.id))
    with app.transaction() as tx:
        tx.delete(order)
    with app.transaction() as tx:
        tx.add(Order(id=order.id))
    assert app.get(Order, order.id).progress is Progress.EMPTY
    assert app.verify() == []


def test_a_machine_feeds_what_reads_it(app: App) -> None:
    with app.transaction() as tx:
        customer = tx.add(Customer(name="ada"))
        order = tx.add(Order(customer_id=customer.id, cents=5))
    (call,) = app.query(select(Charge))
    emit(app, call, "completed", result=Paper(url="here"))
    assert (app.get(Order, order.id).payment, app.get(Order, order.id).receipt) == (Payment.PAID, "here")
    assert app.get(Customer, customer.id).paid == 1
    assert app.verify() == []


class Light(StrEnum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


class Part(Entity, table=True):
    lamp_id: UUID = Field(foreign_key="lamp.id")
    size: int = 0
    weight: int = 0


class Pressed(Event, table=True):
    lamp_id: UUID = Field(foreign_key="lamp.id")


class Lamp(Entity, table=True):
    warm: bool = False
    bright: bool = False
    parts: list[Part] = Relationship()
    count: int = computed(Count(parts))
    light: Light = computed(
        StateMachine(
            Light.RED,
            Transition(Light.RED, Light.GREEN, when=on(Pressed), guard=lambda lamp: lamp.warm),
            Transition(Light.RED, Light.BLUE, when=on(Pressed), guard=lambda lamp: lamp.bright),
        )
    )
    worn: Light = computed(
        StateMachine(
            Light.RED,
            Transition(Light.RED, Light.GREEN, when=changed(parts, "size")),
            Transition(Light.RED, Light.BLUE, when=changed(parts, "weight")),
        )
    )


@pytest.fixture
def lamps(database_url: str) -> Any:
    app = App([[Part, Pressed, Lamp]], database=database_url)
    app.create()
    yield app
    app.close()


def test_a_transition_leads_there_from_each_of_several_states(database_url: str) -> None:
    class Stage(StrEnum):
        DRAFT = "draft"
        SENT = "sent"
        DROPPED = "dropped"

    class Letter(Entity, table=True):
        stamp: bool = False
        torn: bool = False
        stage: Stage = computed(
            StateMachine(
                Stage.DRAFT,
                Transition(Stage.DRAFT, Stage.SENT, when=became("stamp", True)),
                Transition(
                    (Stage.DRAFT, Stage.SENT),
                    Stage.DROPPED,
                    when=became("torn", True),
                    guard=lambda letter: not letter.stamp or letter.stage == Stage.SENT,
                ),
            )
        )

    with opened(App([[Letter]], database=database_url)) as app:
        with app.transaction() as tx:
            draft, sent = tx.add(Letter()), tx.add(Letter())
        with app.transaction() as tx:
            tx.update(sent, stamp=True)
        with app.transaction() as tx:
            tx.update_where(Letter, Letter.torn.is_(False), torn=True)  # type: ignore[attr-defined]  # a column
        assert [app.get(Letter, one.id).stage for one in (draft, sent)] == [Stage.DROPPED] * 2
        assert app.verify() == []
        drawn = str(app.graph(Letter, "stage"))
        assert "draft --> dropped" in drawn
        assert "sent --> dropped" in drawn


def test_two_transitions_that_data_allows_are_an_error_and_nothing_is_stored(lamps: App) -> None:
    with lamps.transaction() as tx:
        lamp = tx.add(Lamp(warm=True))
        both = tx.add(Lamp(warm=True, bright=True))
    lamps.dispatch(Pressed(lamp_id=lamp.id))
    assert lamps.get(Lamp, lamp.id).light is Light.GREEN
    with pytest.raises(AmbiguousMove) as caught:
        lamps.dispatch(Pressed(lamp_id=both.id))
    assert str(caught.value) == (
        "Lamp.light in the state 'red': 'Pressed created' lets more than one transition fire (green, blue). "
        "Make their guards exclude each other."
    )
    assert len(lamps.query(select(Pressed))) == 1
    assert len(moves(lamps)) == 1


def test_one_change_that_two_triggers_wait_for_is_ambiguous_too(lamps: App) -> None:
    with lamps.transaction() as tx:
        lamp = tx.add(Lamp())
        part = tx.add(Part(lamp_id=lamp.id))
    with pytest.raises(AmbiguousMove), lamps.transaction() as tx:
        tx.update(part, size=1, weight=1)
    with lamps.transaction() as tx:
        tx.update(part, weight=1)
    assert lamps.get(Lamp, lamp.id).worn is Light.BLUE
    with lamps.transaction() as tx:
        tx.update(part, size=3, weight=3)
    assert [one[1:] for one in moves(lamps)] == [
        ("Part.weight changed", "red", "blue"),
        ("Part.size changed and Part.weight changed", "blue", None),
    ]
    assert lamps.verify() == []
