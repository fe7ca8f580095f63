"""What broke in the ancestor holds here, on each database: what docs/compared.md finds in no other file."""

from collections.abc import Iterator
from enum import StrEnum
from itertools import count
from typing import Any, Optional
from uuid import UUID

import pytest
from sqlalchemy.orm import joinedload
from sqlmodel import col, select

from framework import (
    APICall,
    CallStatus,
    Count,
    Entity,
    Event,
    Field,
    Formula,
    Global,
    Lookup,
    Payload,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    became,
    computed,
    derive,
    on,
)
from framework.app import App, opened
from framework.integration import Completed, ExternalId, Integration
from framework.integration.ingest import Source, ingest
from framework.model.apicall import Standing
from framework.model.columns import NotFinite
from framework.testing import emit


class Line(Entity, table=True):
    cart_id: UUID | None = Field(default=None, foreign_key="cart.id", ondelete="CASCADE")
    price: int = 0
    quantity: int = 1

    subtotal: int = computed(Formula(lambda line: line.price * line.quantity))


def ratio_of(factor: float | None) -> float | None:
    """No number for a factor of ten, in one of two ways."""
    if factor is None:
        return None
    return factor * 1e308 if factor > 0 else factor * 1e308 - factor * 1e308


class Cart(Entity, table=True):
    note: str | None = "empty"
    factor: float | None = 1.0
    lines: list[Line] = Relationship()

    dear: int = computed(Count(lines, where=lambda line: line.price > 5 and line.quantity < 3))
    total: int = computed(Sum(lines, lambda line: line.subtotal))
    ratio: float | None = computed(Formula(lambda cart: ratio_of(cart.factor)))


class Label(Entity, table=True):
    text: str


@derive(reads=[Cart.dear, Cart.total])
def label(cart: Cart) -> Label:
    return Label(text=f"{cart.note}: {cart.dear} of {cart.total}")


class Employee(Entity, table=True):
    boss_id: UUID | None = Field(default=None, foreign_key="employee.id")
    salary: int = 0
    reports: list["Employee"] = Relationship(back_populates="boss")
    boss: Optional["Employee"] = Relationship(
        back_populates="reports", sa_relationship_kwargs={"remote_side": "Employee.id"}
    )

    team: int = computed(Count(reports))
    team_salary: int = computed(Sum(reports, lambda report: report.salary))
    boss_salary: int | None = computed(Lookup(boss, lambda boss: boss.salary))


class Light(StrEnum):
    OFF = "off"
    ON = "on"


class Pressed(Event, table=True):
    lamp_id: UUID = Field(foreign_key="lamp.id")


class Lamp(Entity, table=True):
    owner: str | None = "ada"

    light: Light = computed(
        StateMachine(
            Light.OFF,
            Transition(Light.OFF, Light.ON, when=on(Pressed)),
            Transition(Light.ON, Light.OFF, when=on(Pressed)),
        )
    )
    orphaned: Light = computed(
        StateMachine(Light.OFF, Transition(Light.OFF, Light.ON, when=became("owner", None)))
    )


class Wire(Payload):
    number: int


class Money(APICall, table=True):
    trip_id: UUID | None = Field(default=None, foreign_key="trip.id", ondelete="CASCADE")
    request: Wire
    result: Wire | None = None


class Letter(APICall, table=True):
    """A call that outlives what it is about."""

    trip_id: UUID | None = Field(default=None, foreign_key="trip.id", ondelete="SET NULL")
    request: Wire
    result: Wire | None = None


class Trip(Entity, table=True):
    fares: int = 0
    payments: list[Money] = Relationship()

    paid: int = computed(Count(payments, where=lambda payment: payment.status == "completed"))


@derive
def payments(trip: Trip) -> list[Money]:
    return [Money(trip_id=trip.id, request=Wire(number=number)) for number in range(trip.fares)]


@derive
def letter(trip: Trip) -> Letter | None:
    return Letter(trip_id=trip.id, request=Wire(number=0)) if trip.fares else None


_STAMPS = count(1)


class Founded(Global, table=True):
    stamp: int = Field(default_factory=lambda: next(_STAMPS))
    carts: int = computed(Count(Cart))


MODULE = [Line, Cart, Label, label, Employee, Pressed, Lamp, Money, Letter, Trip, payments, letter, Founded]


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([MODULE], database=database_url)) as app:
        yield app
        assert app.verify() == []


@pytest.mark.parametrize(("factor", "ratio"), [(10.0, "inf"), (-10.0, "nan")])
def test_a_formula_that_gives_no_number_is_refused_and_takes_all_back(
    app: App, factor: float, ratio: str
) -> None:
    """Class 2: one value that is no number spoils no other."""
    with app.transaction() as tx:
        cart = tx.add(Cart())
    with pytest.raises(NotFinite, match=f"cart.ratio would be {ratio}"), app.transaction() as tx:
        tx.update(cart, factor=factor, note="endless")
    found = app.get(Cart, cart.id)
    assert (found.note, found.ratio, found.factor) == ("empty", 1e308, 1.0)


def test_a_condition_sees_the_fields_that_a_write_leaves_alone(app: App) -> None:
    """Class 3."""
    with app.transaction() as tx:
        cart = tx.add(Cart())
        line = tx.add(Line(cart_id=cart.id, price=9, quantity=3))
    assert app.get(Cart, cart.id).dear == 0
    with app.transaction() as tx:
        tx.update(line, quantity=1)
    assert app.get(Cart, cart.id).dear == 1
    with app.transaction() as tx:
        tx.update(line, price=5)
    assert app.get(Cart, cart.id).dear == 0


def test_a_formula_sees_the_fields_that_a_write_leaves_alone(app: App) -> None:
    """Class 4."""
    with app.transaction() as tx:
        cart = tx.add(Cart())
        line = tx.add(Line(cart_id=cart.id, price=30, quantity=3))
    with app.transaction() as tx:
        tx.update(line, quantity=1)
    assert (app.get(Line, line.id).subtotal, app.get(Cart, cart.id).total) == (30, 30)


def test_an_employee_counts_those_below_and_not_the_one_above(app: App) -> None:
    """Class 12."""
    with app.transaction() as tx:
        boss = tx.add(Employee(salary=9)).id
        ann, bob = (tx.add(Employee(boss_id=boss, salary=pay)).id for pay in (3, 4))
    assert [app.get(Employee, id).team for id in (boss, ann, bob)] == [2, 0, 0]
    assert app.get(Employee, boss).team_salary == 7
    with app.transaction() as tx:
        tx.update(Employee, ann, boss_id=bob)
        tx.update(Employee, boss, salary=10)
    assert [app.get(Employee, id).team for id in (boss, ann, bob)] == [1, 0, 1]
    assert [app.get(Employee, id).boss_salary for id in (boss, ann, bob)] == [None, 4, 10]


@pytest.mark.parametrize("owner", ["", "bob", None])
def test_a_field_becomes_none_and_nothing_else_is_none(app: App, owner: str | None) -> None:
    """Class 17."""
    with app.transaction() as tx:
        lamp = tx.add(Lamp())
    with app.transaction() as tx:
        tx.update(lamp, owner=owner)
    assert app.get(Lamp, lamp.id).orphaned is (Light.ON if owner is None else Light.OFF)


def test_one_press_moves_a_lamp_by_one_step(app: App) -> None:
    """Class 20."""
    with app.transaction() as tx:
        lamp = tx.add(Lamp()).id
    assert app.get(Lamp, lamp).light is Light.OFF
    for light in (Light.ON, Light.OFF, Light.ON):
        app.dispatch(Pressed(lamp_id=lamp))
        assert app.get(Lamp, lamp).light is light


def test_a_rule_makes_one_record_however_many_ways_lead_to_it(app: App) -> None:
    """Class 24: three things that the rule reads change at once, by two causes."""
    with app.transaction() as tx:
        cart = tx.add(Cart())
        tx.add(Line(cart_id=cart.id, price=7))
    (made,) = app.query(select(Label))
    with app.transaction() as tx:
        tx.update(cart, note="full")
        tx.add(Line(cart_id=cart.id, price=8))
    (kept,) = app.query(select(Label))
    assert (kept.id, kept.text) == (made.id, "full: 2 of 15")


def test_outcomes_of_several_calls_of_one_cause_stand_apart(app: App) -> None:
    """Class 27."""
    with app.transaction() as tx:
        trip = tx.add(Trip(fares=3))
    calls = app.query(select(Money).order_by(col(Money.id)))
    assert emit(app, calls[0], "completed", result=Wire(number=10)) is Standing.APPLIED
    assert emit(app, calls[1], "failed", reason="no money") is Standing.APPLIED
    assert emit(app, calls[2], "completed", result=Wire(number=12)) is Standing.APPLIED
    found = [app.get(Money, call.id) for call in calls]
    assert [call.result for call in found] == [Wire(number=10), None, Wire(number=12)]
    assert [call.error for call in found] == [None, "no money", None]
    assert app.get(Trip, trip.id).paid == 2


def test_an_outcome_for_what_is_gone_brings_nothing_back(database_url: str) -> None:
    """Class 31: the call that went with its trip, and the one that stayed without it."""
    vendor: Integration[Any] = Integration("vendor")

    @vendor.call(Money)
    @vendor.call(Letter)
    async def carry_out(call: Any, http: Any) -> Completed:
        raise AssertionError("no worker runs in this test")

    with opened(App([MODULE], [vendor], database_url)) as app:
        with app.transaction() as tx:
            trip = tx.add(Trip(fares=1))
        (money,), (letter,) = app.query(select(Money)), app.query(select(Letter))
        for call in (money, letter):
            say(app, call, Source.SUBMIT, ExternalId(str(call.id)), call_id=call.id)
        with app.transaction() as tx:
            tx.delete(trip)
        standings = [
            say(app, call, Source.WEBHOOK, Completed(Wire(number=1), external_id=ExternalId(str(call.id))))
            for call in (money, letter)
        ]
        assert standings == [Standing.ORPHAN, Standing.APPLIED]
        assert (app.query(select(Trip)), app.query(select(Money))) == ([], [])
        assert app.get(Letter, letter.id).status is CallStatus.COMPLETED
        assert app.verify() == []


def say(app: App, call: APICall, source: Source, said: Any, **about: UUID) -> Standing | None:
    desk = app.desks[app.plan.shape(type(call))]
    return app.engine.write(lambda tx: ingest(tx, desk, source, said, **about))


def test_what_no_related_record_meets_is_said_of_each_record_once(app: App) -> None:
    """Class 36: of a cart without a cheap line, and of one without any."""
    with app.transaction() as tx:
        dear, mixed, empty = (tx.add(Cart(note=note)).id for note in ("dear", "mixed", "empty"))
        tx.add_all([Line(cart_id=dear, price=9), Line(cart_id=mixed, price=9), Line(cart_id=mixed, price=1)])
    cheap = select(Line).where(Line.cart_id == Cart.id, Line.price < 5).exists()
    dear_only = app.query(select(Cart).where(~cheap).order_by(col(Cart.id)))
    assert [cart.id for cart in dear_only] == [dear, empty]
    assert [cart.id for cart in app.query(select(Cart).where(cheap))] == [mixed]


def test_a_limit_counts_records_however_many_rows_are_joined_to_them(app: App) -> None:
    """Class 37."""
    with app.transaction() as tx:
        carts = [tx.add(Cart(note=str(n))).id for n in range(3)]
        for cart in carts:
            tx.add_all([Line(cart_id=cart, price=n) for n in range(4)])
    asked = select(Cart).options(joinedload(Cart.lines)).order_by(col(Cart.id)).limit(2)  # type: ignore[arg-type]
    for offset, expected in ((0, carts[:2]), (2, carts[2:])):
        page = app.query(asked.offset(offset))
        assert [cart.id for cart in page] == expected
        assert [len(cart.lines) for cart in page] == [4] * len(expected)


def test_a_schema_that_is_made_twice_counts_once(app: App) -> None:
    """Class 39."""
    app.create()
    with app.transaction() as tx:
        cart = tx.add(Cart())
        tx.add(Line(cart_id=cart.id, price=2))
    assert (app.get(Cart, cart.id).total, app.get(Founded).carts) == (2, 1)


def test_a_default_of_a_global_is_evaluated_once(app: App) -> None:
    """Class 45: when the schema is made, and not when it is made again or read."""
    stamp = app.get(Founded).stamp
    app.create()
    with app.transaction() as tx:
        tx.add(Cart())
    assert app.get(Founded).stamp == stamp
