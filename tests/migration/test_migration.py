"""What a migration says before it does anything, what it refuses, and what it keeps."""

from enum import StrEnum
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
    Global,
    Payload,
    Relationship,
    Renamed,
    Sequence,
    StateMachine,
    Sum,
    Transition,
    computed,
    derive,
    on,
)
from framework.app import App
from framework.integration import Completed, Integration
from framework.migration.errors import FactsWouldBeLost, MigrationOutdated, MigrationRefused
from framework.storage.errors import SchemaDiffers


def user(**fields: Any) -> list[Any]:
    """A class of users with these fields, each a type, or a type and its `Field`."""
    annotations = {name: one[0] if isinstance(one, tuple) else one for name, one in fields.items()}
    values = {name: one[1] for name, one in fields.items() if isinstance(one, tuple)}
    namespace = {"__annotations__": annotations, "__module__": __name__, "__qualname__": "User", **values}
    return [type(Entity)("User", (Entity,), namespace, table=True)]


def made(url: str, module: list[Any], *records: dict[str, Any]) -> None:
    app = App([module], database=url)
    app.create()
    with app.transaction() as tx:
        for one in records:
            tx.add(module[0](**one))
    app.close()


def said(url: str, module: list[Any], **options: Any) -> list[str]:
    return str(App([module], database=url).migration(**options)).splitlines()


def rows(url: str, module: list[Any]) -> list[Any]:
    app = App([module], database=url)
    found = app.query(select(module[0]).order_by(module[0].id))
    app.close()
    return found


ADA, BOB = {"email": "ada@example.org"}, {"email": "bob@example.org"}


def test_nothing_to_do_is_said_and_done(database_url: str) -> None:
    made(database_url, user(email=str), ADA)
    assert said(database_url, user(email=str)) == ["There is nothing to migrate."]
    app = App([user(email=str)], database=database_url)
    assert app.migration().is_empty
    assert app.migrate() == []


def test_a_database_without_tables_is_given_them(database_url: str) -> None:
    app = App([[Lamp, Pressed, Lamps]], database=database_url)
    plan = app.migration()
    assert str(plan) == "all: there are no tables yet: they are made"
    assert app.migrate(plan) == []
    assert app.migration().is_empty
    with app.transaction() as tx:
        tx.add(Lamp(name="red"))
    assert (app.get(Lamps).count, app.verify()) == (1, [])
    app.close()


def test_a_fact_without_a_value_is_refused_until_it_has_one(database_url: str) -> None:
    made(database_url, user(email=str), ADA, BOB)
    new = user(email=str, age=int)
    with pytest.raises(SchemaDiffers, match="millrace migrate"):
        App([new], database=database_url).create()
    remedy = "There is no value in 2 rows: give it a default, or fill it: User.age=..."
    assert said(database_url, new) == [f"User.age: a new fact. {remedy}"]
    with pytest.raises(MigrationRefused, match="There is no value in 2 rows"):
        App([new], database=database_url).migrate()
    assert said(database_url, new, fill={"User.age": "many"})[0].endswith("fill it with another")
    app = App([new], database=database_url)
    plan = app.migration(fill={"User.age": "40"})
    assert str(plan) == "User.age: a new fact, 2 rows get 40"
    assert app.migrate(plan) == []
    assert [one.age for one in rows(database_url, new)] == [40, 40]


def test_a_default_that_is_made_is_made_for_each(database_url: str) -> None:
    made(database_url, user(email=str), ADA, BOB)
    numbers = iter(range(7, 100))
    new = user(email=str, age=(int, Field(default_factory=lambda: next(numbers))))
    assert App([new], database=database_url).migrate() == []
    assert {one.age for one in rows(database_url, new)} == {7, 8}


def test_facts_are_lost_only_if_that_is_meant(database_url: str) -> None:
    made(database_url, user(email=str, age=int | None), ADA | {"age": 3}, BOB | {"age": None})
    new = user(email=str)
    app = App([new], database=database_url)
    with pytest.raises(FactsWouldBeLost) as caught:
        app.migrate(app.migration())
    assert str(caught.value) == (
        "This would lose facts: User.age: is gone, with 1 value. If that is meant, allow it: "
        "`--allow-loss`, or `app.migrate(plan, allow_loss=True)`."
    )
    assert [one.age for one in rows(database_url, user(email=str, age=int | None))] == [3, None]
    assert app.migrate(allow_loss=True) == []
    assert len(rows(database_url, new)) == 2


def test_a_class_goes_with_its_rows_only_if_that_is_meant(database_url: str) -> None:
    made(database_url, user(email=str), ADA)
    other = [type(Entity)("Other", (Entity,), {"__module__": __name__, "__qualname__": "Other"}, table=True)]
    assert said(database_url, other) == ["User: the class is gone, with 1 row", "Other: a new class"]
    with pytest.raises(FactsWouldBeLost):
        App([other], database=database_url).migrate()
    assert App([other], database=database_url).migrate(allow_loss=True) == []


def test_what_would_not_be_unique_is_counted(database_url: str) -> None:
    made(database_url, user(email=str), ADA, ADA, BOB)
    new = user(email=(str, Field(unique=True)))
    assert said(database_url, new) == ["User: unique by email. It is not so in 2 rows: change them first"]


def test_what_refers_to_nothing_is_counted(database_url: str) -> None:
    ada, bob = ADA | {"id": UUID(int=1), "boss_id": UUID(int=5)}, BOB | {"boss_id": UUID(int=1)}
    made(database_url, user(email=str, boss_id=UUID | None), ada, bob)
    new = user(email=str, boss_id=(UUID | None, Field(default=None, foreign_key="user.id")))
    assert "User: reference boss_id to user. It refers to nothing in 1 row: change them first" in said(
        database_url, new
    )


def test_texts_become_numbers_if_all_of_them_are(database_url: str) -> None:
    made(database_url, user(email=str, age=str), ADA | {"age": "40"}, BOB | {"age": "old"})
    new = user(email=str, age=int)
    (line,) = said(database_url, new)
    assert line.startswith("User.age: was str, is int. It does not fit in 1 row")
    app = App([user(email=str, age=str)], database=database_url)
    with app.transaction() as tx:
        (bob,) = [one for one in app.query(select(app.plan.named("User").model)) if one.age == "old"]
        tx.update(bob, age="41")
    app.close()
    assert App([new], database=database_url).migrate() == []
    assert [one.age for one in rows(database_url, new)] == [40, 41]


class Mood(StrEnum):
    GLAD = "glad"
    SAD = "sad"


class Joy(StrEnum):
    GLAD = "glad"


def test_values_that_an_enumeration_has_no_more_are_counted(database_url: str) -> None:
    made(database_url, user(mood=Mood), {"mood": "glad"}, {"mood": "sad"}, {"mood": "sad"})
    (line,) = said(database_url, user(mood=Joy))
    assert line.startswith("User.mood: was Mood(glad, sad), is Joy(glad). It does not fit in 2 rows")


def test_a_plan_is_not_applied_to_a_database_that_has_changed(database_url: str) -> None:
    made(database_url, user(email=str), ADA)
    app = App([user(email=str, age=(int, Field(default=1)))], database=database_url)
    plan = app.migration()
    made(database_url, user(email=str), BOB)
    with pytest.raises(MigrationOutdated):
        app.migrate(plan)


class Pressed(Event, table=True):
    lamp_id: UUID = Field(foreign_key="lamp.id")


class Light(StrEnum):
    OFF = "off"
    ON = "on"


class Lamp(Entity, table=True):
    name: str
    light: Light = computed(
        StateMachine(
            Light.OFF,
            Transition(Light.OFF, Light.ON, when=on(Pressed)),
            Transition(Light.ON, Light.OFF, when=on(Pressed)),
        )
    )
    number: int = computed(Sequence())


class Lamps(Global, table=True):
    count: int = computed(Count(Lamp))


def lantern() -> list[Any]:
    class Pressed(Event, table=True):
        lantern_id: UUID = Field(foreign_key="lantern.id")
        __renamed__ = Renamed(lantern_id="lamp_id")

    class Lantern(Entity, table=True):
        __renamed__ = Renamed("Lamp", title="name", glow="light", serial="number")
        title: str
        glow: Light = computed(
            StateMachine(
                Light.OFF,
                Transition(Light.OFF, Light.ON, when=on(Pressed)),
                Transition(Light.ON, Light.OFF, when=on(Pressed)),
            )
        )
        serial: int = computed(Sequence())

    return [Lantern, Pressed]


def test_what_is_renamed_keeps_what_it_holds_and_what_happened_to_it(database_url: str) -> None:
    app = App([[Lamp, Pressed]], database=database_url)
    app.create()
    with app.transaction() as tx:
        lamps = [tx.add(Lamp(name=name)) for name in ("red", "blue")]
    app.dispatch(Pressed(lamp_id=lamps[1].id))
    app.close()
    module = lantern()
    app = App([module], database=database_url)
    plan = app.migration()
    assert plan.losses == []
    assert "Lantern: was Lamp" in str(plan)
    assert "Lantern.title: was Lantern.name" in str(plan)
    assert app.migrate(plan) == []
    app.create()
    found = [(one.title, one.glow, one.serial) for one in app.query(select(module[0]).order_by(module[0].id))]
    assert found == [("red", Light.OFF, 1), ("blue", Light.ON, 2)]
    app.dispatch(module[1](lantern_id=lamps[1].id))
    assert app.get(module[0], lamps[1].id).glow is Light.OFF
    with app.transaction() as tx:
        third = tx.add(module[0](title="third"))
    assert app.get(module[0], third.id).serial == 3
    assert app.verify() == []
    app.close()


class Bill(Payload):
    cents: int


class Charge(APICall, table=True):
    order_id: UUID = Field(foreign_key="order.id")
    request: Bill


class Order(Entity, table=True):
    cents: int
    charges: list[Charge] = Relationship()
    charged: int = computed(Count(charges))
    asked: int = computed(Sum(charges, lambda charge: charge.request.cents))


@derive
def charge(order: Order) -> Charge | None:
    return Charge(order_id=order.id, request=Bill(cents=order.cents)) if order.cents else None


def cashier() -> Integration[Any]:
    integration: Integration[Any] = Integration("cashier")

    @integration.call(Charge)
    async def charge(call: Any, http: Any) -> Completed:
        raise AssertionError("no worker runs in this test")

    return integration


@pytest.fixture
def orders(database_url: str) -> list[Any]:
    app = App([[Charge, Order]], [cashier()], database=database_url)
    app.create()
    with app.transaction() as tx:
        found = [tx.add(Order(cents=cents)) for cents in (0, 5)]
    app.close()
    return found


def test_a_new_rule_charges_no_old_order_not_even_when_it_is_edited(
    database_url: str, orders: list[Any]
) -> None:
    app = App([[Charge, Order, charge]], [cashier()], database=database_url)
    plan = app.migration()
    assert "no Charge is made for old records" in str(plan)
    assert app.migrate(plan) == []
    app.create()
    with app.transaction() as tx:
        tx.update(Order, orders[1].id, cents=6)
        new = tx.add(Order(cents=7))
    assert [one.order_id for one in app.query(select(Charge))] == [new.id]
    assert app.verify() == []
    app.close()


def test_a_new_rule_that_is_told_to_acts_for_old_records(database_url: str, orders: list[Any]) -> None:
    app = App([[Charge, Order, charge]], [cashier()], database=database_url)
    assert app.migrate(app.migration(acting=[charge])) == []
    app.create()
    (call,) = app.query(select(Charge))
    assert (call.order_id, call.status, call.request.cents) == (orders[1].id, "pending", 5)
    assert (app.get(Order, orders[1].id).charged, app.get(Order, orders[1].id).asked) == (1, 5)
    assert app.verify() == []
    app.close()


class Phase(StrEnum):
    NEW = "new"
    MIDDLE = "middle"
    OLD = "old"


class Short(StrEnum):
    NEW = "new"
    OLD = "old"


class Aged(Event, table=True):
    thing_id: UUID = Field(foreign_key="thing.id")


def thing(kind: Any, *ways: tuple[Any, Any]) -> list[Any]:
    class Thing(Entity, table=True):
        phase: kind = computed(StateMachine(kind.NEW, *(Transition(a, b, when=on(Aged)) for a, b in ways)))

    return [Thing, Aged]


def test_a_machine_that_has_changed_goes_on_from_where_it_is(database_url: str) -> None:
    module = thing(Phase, (Phase.NEW, Phase.MIDDLE), (Phase.MIDDLE, Phase.OLD))
    app = App([module], database=database_url)
    app.create()
    with app.transaction() as tx:
        things = [tx.add(module[0]()) for _ in range(3)]
    for one in (0, 0, 1):
        app.dispatch(Aged(thing_id=things[one].id))
    app.close()
    gone = "is computed otherwise. It cannot be what it is in 1 row: bring them elsewhere first"
    assert said(database_url, thing(Short, (Short.NEW, Short.OLD))) == [f"Thing.phase: {gone}"]
    other = thing(Phase, (Phase.NEW, Phase.OLD), (Phase.OLD, Phase.MIDDLE), (Phase.MIDDLE, Phase.NEW))
    app = App([other], database=database_url)
    assert app.migrate() == []
    app.create()
    phases = [app.get(other[0], one.id).phase for one in things]
    assert phases == [Phase.OLD, Phase.MIDDLE, Phase.NEW]
    for one in things:
        app.dispatch(Aged(thing_id=one.id))
    assert [app.get(other[0], one.id).phase for one in things] == [Phase.MIDDLE, Phase.NEW, Phase.OLD]
    assert app.verify() == []
    app.close()
