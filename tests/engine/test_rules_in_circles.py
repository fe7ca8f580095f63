"""What a rule makes of a state moves the machine on: in the same transaction, in a wave of its own."""

from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from sqlmodel import select

from framework import (
    Count,
    Entity,
    Event,
    Field,
    Formula,
    OnEntry,
    Relationship,
    StateMachine,
    Transition,
    became,
    computed,
    created,
    deleted,
    derive,
    on,
)
from framework.app import App, Settings, opened
from framework.runtime.errors import EndlessCircle, NoSuchRecord
from framework.runtime.receipt import ChangeKind
from framework.runtime.transaction import Transaction
from tests.machines import MachineOnDatabase, on_postgresql, on_sqlite
from tests.soak import examples


class Undone(Exception):
    pass


class Way(StrEnum):
    PACKED = "packed"
    SENT = "sent"
    THERE = "there"


class Stage(StrEnum):
    ASKED = "asked"
    PAID = "paid"
    PACKING = "packing"
    DONE = "done"
    GONE = "gone"


class Spin(StrEnum):
    UP = "up"
    DOWN = "down"


class Paid(Event, table=True):
    order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")


class Forgotten(Event, table=True):
    order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")


class Arrived(Event, table=True):
    parcel_id: UUID = Field(foreign_key="parcel.id", ondelete="CASCADE")


class Parcel(Entity, table=True):
    order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")
    number: int

    way: Way = computed(
        StateMachine(
            Way.PACKED,
            Transition(Way.PACKED, Way.SENT, when=became("number", 1)),
            Transition(Way.PACKED, Way.THERE, when=on(Arrived)),
            Transition(Way.SENT, Way.THERE, when=on(Arrived)),
        )
    )


class Thanked(Event, table=True):
    order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")


class Order(Entity, table=True):
    pieces: int = 1
    parcels: list[Parcel] = Relationship()

    count: int = computed(Count(parcels))
    there: int = computed(Count(parcels, lambda parcel: parcel.way is Way.THERE))
    complete: bool = computed(Formula(lambda order: order.count > 0 and order.there == order.count))
    stage: Stage = computed(
        StateMachine(
            Stage.ASKED,
            Transition(Stage.ASKED, Stage.PAID, when=on(Paid)),
            Transition(Stage.PAID, Stage.PACKING, when=created(parcels)),
            Transition(Stage.PACKING, Stage.DONE, when=became(complete, True)),
            Transition(Stage.DONE, Stage.GONE, when=on(Forgotten)),
            erases=Stage.GONE,
        )
    )
    packed: int | None = computed(OnEntry(stage, Stage.PACKING, lambda order, parcel: parcel.number))
    thanks: int = computed(OnEntry(stage, Stage.DONE, lambda order, _: order.thanks + 1, initial=0))


@derive(reads=[Order.stage])
def parcels(order: Order) -> list[Parcel]:
    """From the payment on, an order has a parcel for each piece."""
    if order.stage is Stage.ASKED:
        return []
    return [Parcel(order_id=order.id, number=number) for number in range(order.pieces)]


@derive(reads=[Order.stage])
def thanked(order: Order) -> Thanked | None:
    return Thanked(order_id=order.id) if order.stage is Stage.DONE else None


DECLARED = [Paid, Forgotten, Arrived, Parcel, Thanked, Order, parcels, thanked]


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([DECLARED], database=database_url)) as app:
        yield app
        assert app.verify() == []


def order(app: App, pieces: int = 1) -> UUID:
    with app.transaction() as tx:
        return tx.add(Order(pieces=pieces)).id


def parcels_of(app: App, id: UUID) -> list[Parcel]:
    return app.query(select(Parcel).where(Parcel.order_id == id).order_by(Parcel.number))  # type: ignore[arg-type]


def test_what_a_state_makes_moves_the_machine_on(app: App) -> None:
    id = order(app, 2)
    assert (app.get(Order, id).stage, parcels_of(app, id)) == (Stage.ASKED, [])
    receipt = app.dispatch(Paid(order_id=id))
    found = app.get(Order, id)
    assert (found.stage, found.count, found.packed) == (Stage.PACKING, 2, 0)
    assert [one.way for one in parcels_of(app, id)] == [Way.PACKED, Way.SENT]
    (changed,) = [one for one in receipt.changes if one.model is Order]
    assert (changed.kind, changed.before.stage, changed.after.stage) == (
        ChangeKind.UPDATED, Stage.ASKED, Stage.PACKING,
    )  # fmt: skip
    moves = [one.what.partition(",")[0] for one in app.explain(Order, "stage", id).inputs]
    assert moves == [
        "Paid created: asked -> paid",
        "Parcel created: paid -> packing",
        "Parcel created: stays packing",
    ]


def test_what_becomes_of_it_later_moves_the_machine_too(app: App) -> None:
    id = order(app, 2)
    app.dispatch(Paid(order_id=id))
    first, second = parcels_of(app, id)
    app.dispatch(Arrived(parcel_id=first.id))
    assert (app.get(Order, id).stage, app.get(Order, id).there) == (Stage.PACKING, 1)
    app.dispatch(Arrived(parcel_id=second.id))
    assert (app.get(Order, id).stage, app.get(Order, id).thanks) == (Stage.DONE, 1)
    assert [one.order_id for one in app.query(select(Thanked))] == [id]
    assert [one.id for one in parcels_of(app, id)] == [first.id, second.id]


def test_several_at_once_do_not_see_each_other(app: App) -> None:
    ids = [order(app, pieces) for pieces in (1, 0, 3)]
    with app.transaction() as tx:
        for id in ids:
            tx.dispatch(Paid(order_id=id))
    assert [app.get(Order, id).stage for id in ids] == [Stage.PACKING, Stage.PAID, Stage.PACKING]
    with app.transaction() as tx:
        tx.update(Order, ids[1], pieces=1)
    assert app.get(Order, ids[1]).stage is Stage.PACKING


def test_an_error_in_a_later_wave_takes_all_back(app: App) -> None:
    id = order(app)
    with pytest.raises(RuntimeError), app.transaction() as tx:
        tx.dispatch(Paid(order_id=id))
        raise RuntimeError
    assert (app.get(Order, id).stage, parcels_of(app, id)) == (Stage.ASKED, [])


def test_a_state_that_erases_does_so_after_what_it_makes(app: App) -> None:
    id = order(app)
    app.dispatch(Paid(order_id=id))
    (parcel,) = parcels_of(app, id)
    with app.transaction() as tx:
        tx.dispatch(Arrived(parcel_id=parcel.id))
    app.dispatch(Forgotten(order_id=id))
    with pytest.raises(NoSuchRecord):
        app.get(Order, id)
    assert app.query(select(Parcel)) == []


def test_what_would_follow_is_told_wave_by_wave(app: App) -> None:
    id = order(app)
    told = str(app.explain_dispatch(Paid(order_id=id)))
    first, second = told.split("  wave 2")
    assert "+ Parcel" not in first
    assert "+ Parcel" in second
    assert "packing" in second
    assert (app.get(Order, id).stage, parcels_of(app, id)) == (Stage.ASKED, [])


def test_a_record_that_is_there_as_long_as_a_state_lasts_goes_when_it_ends_the_state(
    database_url: str,
) -> None:
    class Top(Entity, table=True):
        blades: list["Blade"] = Relationship()
        spin: Spin = computed(StateMachine(Spin.DOWN, Transition(Spin.DOWN, Spin.UP, when=created(blades))))

    class Blade(Entity, table=True):
        top_id: UUID = Field(foreign_key="top.id")

    @derive(reads=[Top.spin])
    def blade(top: Top) -> Blade | None:
        return Blade(top_id=top.id) if top.spin is Spin.DOWN else None

    with opened(App([[Top, Blade, blade]], database=database_url)) as app:
        with app.transaction() as tx:
            id = tx.add(Top()).id
        assert (app.get(Top, id).spin, app.query(select(Blade)), app.verify()) == (Spin.UP, [], [])


def endless() -> list[Any]:
    class Top(Entity, table=True):
        blades: list["Blade"] = Relationship()
        spin: Spin = computed(
            StateMachine(
                Spin.DOWN,
                Transition(Spin.DOWN, Spin.UP, when=created(blades)),
                Transition(Spin.UP, Spin.DOWN, when=deleted(blades)),
            )
        )

    class Blade(Entity, table=True):
        top_id: UUID = Field(foreign_key="top.id")

    @derive(reads=[Top.spin])
    def blade(top: Top) -> Blade | None:
        return Blade(top_id=top.id) if top.spin is Spin.DOWN else None

    return [Top, Blade, blade]


def test_a_machine_that_goes_round_is_stopped_and_nothing_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framework.runtime.put_off.LONGEST", 20)
    declared = endless()
    with opened(App([declared])) as app:
        with pytest.raises(EndlessCircle) as stopped, app.transaction() as tx:
            tx.add(declared[0]())
        assert str(stopped.value) == (
            "rule blade: this moves a machine, the machine gives reason for this again, and so on, 20 times "
            "in one transaction. Let the machine come to a state that gives no reason."
        )
        assert (app.query(select(declared[0])), app.verify()) == ([], [])


@dataclass
class Expected:
    """An order, in plain Python."""

    pieces: int
    stage: Stage = Stage.ASKED
    ways: list[Way] = field(default_factory=list)
    thanks: int = 0

    def pay(self) -> None:
        if self.stage is Stage.ASKED:
            self.stage = Stage.PAID
            self.cut(self.pieces)

    def cut(self, pieces: int) -> None:
        was_complete, self.pieces = self.is_complete, pieces
        if self.stage is Stage.ASKED:
            return
        new = [Way.SENT if number == 1 else Way.PACKED for number in range(len(self.ways), pieces)]
        self.ways = [*self.ways[:pieces], *new]
        if self.stage is Stage.PAID and new:
            self.stage = Stage.PACKING
        self.look(was_complete)

    def arrive(self, number: int) -> None:
        was_complete = self.is_complete
        self.ways[number] = Way.THERE
        self.look(was_complete)

    @property
    def is_complete(self) -> bool:
        return self.ways != [] and set(self.ways) == {Way.THERE}

    def look(self, was_complete: bool) -> None:
        if self.stage is Stage.PACKING and self.is_complete and not was_complete:
            self.stage, self.thanks = Stage.DONE, 1


class Days(MachineOnDatabase):
    """Orders of which each takes one step in a transaction, many at once; some transactions are undone."""

    def __init__(self) -> None:
        super().__init__()
        self.app = App([DECLARED], database=self.url, settings=Settings(synchronous="OFF"))
        self.app.create()
        self.orders: dict[UUID, Expected] = {}

    @rule(pieces=st.integers(0, 3), paid=st.booleans())
    def ask(self, pieces: int, paid: bool) -> None:
        with self.app.transaction() as tx:
            id = tx.add(Order(pieces=pieces)).id
            self.orders[id] = Expected(pieces)
            if paid:
                tx.dispatch(Paid(order_id=id))
                self.orders[id].pay()

    @rule(
        steps=st.lists(
            st.tuples(st.integers(0, 9), st.sampled_from("paccafd"), st.integers(0, 3)),
            min_size=1,
            max_size=4,
        ),
        undone=st.integers(0, 4).map(lambda n: n == 0),
    )
    def go_on(self, steps: list[tuple[int, str, int]], undone: bool) -> None:
        then = deepcopy(self.orders)
        with suppress(Undone), self.app.transaction() as tx:
            for id, (_, what, number) in {
                list(then)[place % len(then)]: one for one in steps if then for place in one[:1]
            }.items():
                self.take(tx, id, what, number)
            if undone:
                raise Undone
        if undone:
            self.orders = then

    def take(self, tx: Transaction, id: UUID, what: str, number: int) -> None:
        one = self.orders[id]
        match what:
            case "p":
                tx.dispatch(Paid(order_id=id))
                one.pay()
            case "a" if number < len(one.ways):
                tx.dispatch(Arrived(parcel_id=parcels_of(self.app, id)[number].id))
                one.arrive(number)
            case "c":
                tx.update(Order, id, pieces=number)
                one.cut(number)
            case "f":
                tx.dispatch(Forgotten(order_id=id))
                if one.stage is Stage.DONE:
                    del self.orders[id]
            case "d":
                tx.delete(Order, id)
                del self.orders[id]

    @invariant()
    def it_is_as_in_plain_python(self) -> None:
        found = {one.id: one for one in self.app.query(select(Order))}
        parcels = self.app.query(select(Parcel).order_by(Parcel.number))  # type: ignore[arg-type]
        assert {
            id: Expected(
                one.pieces, one.stage, [one.way for one in parcels if one.order_id == id], one.thanks
            )
            for id, one in found.items()
        } == self.orders
        assert {id for id, one in self.orders.items() if one.thanks} == {
            one.order_id for one in self.app.query(select(Thanked))
        }
        assert self.app.verify() == []


TestDays = on_sqlite(Days, examples(15, soak=500, steps=12))
TestDaysOnPostgres = on_postgresql(Days, examples(5, soak=100, steps=12))
