"""What a rule makes of a state that it moves on is made anew by a migration, with what follows from it."""

from contextlib import closing
from enum import StrEnum
from typing import Any
from uuid import UUID

from framework import (
    Count,
    Entity,
    Field,
    Formula,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    became,
    computed,
    derive,
)
from framework.app import App


class Stage(StrEnum):
    OPEN = "open"
    PACKED = "packed"
    FULL = "full"


def declared(pieces: int) -> list[Any]:
    class Parcel(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")
        number: int

        cents: int = computed(Formula(lambda parcel: 100 * parcel.number))

    class Order(Entity, table=True):
        paid: bool = False
        parcels: list[Parcel] = Relationship()

        count: int = computed(Count(parcels))
        cents: int = computed(Sum(parcels, lambda parcel: parcel.cents))
        full: bool = computed(Formula(lambda order: order.count > 1))
        stage: Stage = computed(
            StateMachine(
                Stage.OPEN,
                Transition(Stage.OPEN, Stage.PACKED, when=became("paid", True)),
                Transition(Stage.PACKED, Stage.FULL, when=became(full, True)),
            )
        )

    @derive(reads=[Order.stage])
    def parcels(order: Order) -> list[Parcel]:
        if order.stage is Stage.OPEN:
            return []
        return [Parcel(order_id=order.id, number=number) for number in range(1, pieces + 1)]

    return [Parcel, Order, parcels]


def test_a_rule_that_makes_more_is_followed_by_what_counts_it(database_url: str) -> None:
    classes = declared(1)
    with closing(App([classes], database=database_url)) as app:
        app.create()
        with app.transaction() as tx:
            id = tx.add(classes[1](paid=True)).id
        assert (app.get(classes[1], id).stage, app.get(classes[1], id).cents) == (Stage.PACKED, 100)
    classes = declared(3)
    with closing(App([classes], database=database_url)) as app:
        assert app.migrate() == []
        found = app.get(classes[1], id)
        assert (found.count, found.cents, found.full, found.stage) == (3, 600, True, Stage.PACKED)
        assert app.verify() == []
