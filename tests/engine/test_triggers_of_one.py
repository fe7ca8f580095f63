"""Machines that wait for the one record at the end of a to-one relation, or of a view of such relations."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest

from framework import (
    APICall,
    Entity,
    Event,
    Field,
    Formula,
    OnEntry,
    Payload,
    Relationship,
    StateMachine,
    Transition,
    became,
    changed,
    completed,
    computed,
    created,
    deleted,
    derive,
    entered,
    left,
    merged,
    subset,
)
from framework.app import App, opened
from framework.testing import emit


class Lamp(StrEnum):
    OFF = "off"
    ON = "on"


class Way(StrEnum):
    IN = "in"
    WORN = "worn"
    OUT = "out"


def between(one: Any, other: Any) -> StateMachine[Lamp]:
    return StateMachine(
        Lamp.OFF, Transition(Lamp.OFF, Lamp.ON, when=one), Transition(Lamp.ON, Lamp.OFF, when=other)
    )


class Pet(Entity):
    name: str | None = None
    weight: int = 0

    big: bool = computed(Formula(lambda pet: pet.weight > 10))


class Dog(Pet, table=True):
    pass


class Cat(Pet, table=True):
    pass


class Question(Payload):
    what: str


class Ask(APICall, table=True):
    request: Question


class Coat(Entity, table=True):
    """What one pet wears: a big dog, or else a cat."""

    dog_id: UUID | None = Field(default=None, foreign_key="dog.id", ondelete="SET NULL")
    cat_id: UUID | None = Field(default=None, foreign_key="cat.id", ondelete="SET NULL")
    ask_id: UUID | None = Field(default=None, foreign_key="ask.id")
    dog: Dog | None = Relationship()
    cat: Cat | None = Relationship()
    ask: Ask | None = Relationship()
    bold: Dog | None = subset(dog, lambda dog: dog.big)
    wearer: Pet | None = merged(bold, cat)
    named: Pet | None = subset(wearer, lambda pet: pet.name)

    owned: Lamp = computed(between(created(dog), deleted(dog)))
    met: Lamp = computed(between(entered(dog), left(dog)))
    worn: Lamp = computed(between(entered(wearer), left(wearer)))
    called: Lamp = computed(between(entered(named), left(named)))
    renamed: Lamp = computed(between(changed(wearer, "name"), changed(wearer, "weight")))
    grown: Lamp = computed(between(became(dog, "big", True), became(dog, "big", False)))
    answered: Lamp = computed(between(completed(ask), left(ask)))
    guarded: Way = computed(
        StateMachine(
            Way.IN,
            Transition(Way.IN, Way.WORN, when=entered(wearer), guard=lambda coat, pet: pet.name != "Rex"),
            Transition(Way.WORN, Way.OUT, when=left(wearer), guard=lambda coat, pet: pet.weight < 50),
        )
    )
    last_in: str | None = computed(OnEntry(guarded, Way.WORN, lambda coat, pet: pet.name))
    last_out: int | None = computed(OnEntry(guarded, Way.OUT, lambda coat, pet: pet.weight))


class Sold(Event, table=True):
    number: int


@derive
def dog(sold: Sold) -> Dog:
    return Dog(id=sold.id, name="d", weight=20)


@derive
def cat(sold: Sold) -> Cat:
    return Cat(id=sold.id, name="c")


@derive
def ask(sold: Sold) -> Ask:
    return Ask(id=sold.id, request=Question(what="?"))


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Dog, Cat, Ask, Coat, Sold, dog, cat, ask]], database=database_url)) as app:
        yield app


def states(app: App, coat: Coat, *names: str) -> list[Any]:
    assert app.verify() == []
    found = app.get(Coat, coat.id)
    return [getattr(found, name) for name in names]


def coat_of(app: App, **ends: Any) -> Coat:
    with app.transaction() as tx:
        return tx.add(Coat(**ends))


def pets(app: App, *pets: Pet) -> list[UUID]:
    with app.transaction() as tx:
        return [tx.add(one).id for one in pets]


def test_who_is_chosen_enters_and_who_is_no_longer_leaves(app: App) -> None:
    rex, tom = pets(app, Dog(name="Rex", weight=20), Cat(name="Tom"))
    coat = coat_of(app)
    assert states(app, coat, "met", "worn", "called") == [Lamp.OFF] * 3
    with app.transaction() as tx:
        tx.update(coat, dog_id=rex)
    assert states(app, coat, "met", "worn", "called") == [Lamp.ON] * 3
    with app.transaction() as tx:
        tx.update(Dog, rex, name=None)  # no longer a member of the subset, and worn all the same
    assert states(app, coat, "met", "worn", "called") == [Lamp.ON, Lamp.ON, Lamp.OFF]
    with app.transaction() as tx:
        tx.update(Dog, rex, weight=5)  # not bold any more
    assert states(app, coat, "met", "worn", "called") == [Lamp.ON, Lamp.OFF, Lamp.OFF]
    with app.transaction() as tx:
        tx.update(coat, cat_id=tom)
    assert states(app, coat, "met", "worn", "called") == [Lamp.ON, Lamp.ON, Lamp.ON]
    with app.transaction() as tx:
        tx.delete(Dog, rex)
    assert states(app, coat, "met", "worn", "called") == [Lamp.OFF, Lamp.ON, Lamp.ON]


def test_another_in_its_place_is_a_leave_and_an_enter_of_whatever_class(app: App) -> None:
    rex, bob, tom = pets(app, Dog(name="Rex", weight=20), Dog(name="Bob", weight=30), Cat(name="Tom"))
    coat = coat_of(app, dog_id=rex, cat_id=tom)
    before = len(app.explain(Coat, "worn", coat.id).inputs)
    for place in ({"dog_id": bob}, {"dog_id": None}, {"dog_id": rex}):
        with app.transaction() as tx:
            tx.update(coat, **place)
        assert states(app, coat, "worn") == [Lamp.ON]
    moves = [f"{one.what} {one.id}" for one in app.explain(Coat, "worn", coat.id).inputs[before:]]
    gone, come = "Coat.wearer left: on -> off, caused by", "Coat.wearer entered: off -> on, caused by"
    assert moves == [
        f"{gone} {rex}", f"{come} {bob}", f"{gone} {bob}", f"{come} {tom}", f"{gone} {tom}", f"{come} {rex}",
    ]  # fmt: skip


def test_records_of_two_classes_with_one_id_are_two(app: App) -> None:
    coat = coat_of(app)
    sold = app.dispatch(Sold(number=1)).event
    with app.transaction() as tx:
        tx.update(coat, dog_id=sold.id, cat_id=sold.id)
    assert states(app, coat, "worn", "renamed") == [Lamp.ON, Lamp.OFF]
    with app.transaction() as tx:
        tx.update(coat, dog_id=None)  # the cat of the same id, and of another name, comes in its place
    assert states(app, coat, "worn", "renamed") == [Lamp.ON, Lamp.OFF]
    assert [one.what for one in app.explain(Coat, "worn", coat.id).inputs][-2:] == [
        "Coat.wearer left: on -> off, caused by", "Coat.wearer entered: off -> on, caused by",
    ]  # fmt: skip


def test_created_and_deleted_are_not_of_another_in_its_place(app: App) -> None:
    rex, bob = pets(app, Dog(name="Rex"), Dog(name="Bob"))
    coat = coat_of(app, dog_id=rex)
    with app.transaction() as tx:
        tx.update(coat, dog_id=bob)
    assert states(app, coat, "owned") == [Lamp.ON]
    assert app.unmatched(Coat, "owned") == []
    with app.transaction() as tx:
        tx.delete(Dog, bob)
    assert states(app, coat, "owned") == [Lamp.OFF]


def test_a_field_of_whoever_is_chosen_changes_and_becomes(app: App) -> None:
    rex, tom = pets(app, Dog(name="Rex", weight=5), Cat(name="Tom"))
    coat = coat_of(app, dog_id=rex, cat_id=tom)
    with app.transaction() as tx:
        tx.update(Dog, rex, name="Max")  # it is not bold, so the cat wears it
    assert states(app, coat, "renamed", "grown") == [Lamp.OFF, Lamp.OFF]
    with app.transaction() as tx:
        tx.update(Cat, tom, name="Tim")
    assert states(app, coat, "renamed", "grown") == [Lamp.ON, Lamp.OFF]
    with app.transaction() as tx:
        tx.update(Dog, rex, weight=20)  # another one is chosen: no value has changed
    assert states(app, coat, "renamed", "grown") == [Lamp.ON, Lamp.ON]
    with app.transaction() as tx:
        tx.update(Dog, rex, weight=21)
    assert states(app, coat, "renamed", "grown") == [Lamp.OFF, Lamp.ON]
    with app.transaction() as tx:
        tx.update(Dog, rex, weight=1)
    assert states(app, coat, "renamed", "grown") == [Lamp.OFF, Lamp.OFF]


def test_who_enters_with_a_value_has_reached_it(app: App) -> None:
    (rex,) = pets(app, Dog(name="Rex", weight=20))
    assert states(app, coat_of(app, dog_id=rex), "grown") == [Lamp.ON]


def test_a_guard_and_an_entry_see_who_came_and_who_left(app: App) -> None:
    rex, bob = pets(app, Dog(name="Rex", weight=20), Dog(name="Bob", weight=60))
    coat = coat_of(app, dog_id=rex)
    assert states(app, coat, "guarded", "last_in") == [Way.IN, None]
    with app.transaction() as tx:
        tx.update(coat, dog_id=bob)
    assert states(app, coat, "guarded", "last_in", "last_out") == [Way.WORN, "Bob", None]
    with app.transaction() as tx:
        tx.update(coat, dog_id=None)
    assert states(app, coat, "guarded") == [Way.WORN]  # sixty is too heavy to be let out
    with app.transaction() as tx:
        tx.update(coat, dog_id=bob)
    with app.transaction() as tx:
        tx.update(Dog, bob, weight=44)
    with app.transaction() as tx:
        tx.delete(Dog, bob)
    assert states(app, coat, "guarded", "last_out") == [Way.OUT, 44]


def test_a_call_that_a_record_refers_to_is_completed(app: App) -> None:
    ask = app.get(Ask, app.dispatch(Sold(number=1)).event.id)
    coat = coat_of(app, ask_id=ask.id)
    emit(app, ask, "initialized", external_id="1")
    assert states(app, coat, "answered") == [Lamp.OFF]
    emit(app, ask, "completed")
    assert states(app, coat, "answered") == [Lamp.ON]


def test_many_that_lead_to_one_hear_of_it_at_once_and_what_was_undone_is_no_cause(app: App) -> None:
    (rex,) = pets(app, Dog(name="Rex", weight=20))
    coats = [coat_of(app, dog_id=rex) for _ in range(5)]
    with app.transaction() as tx:
        tx.update(Dog, rex, weight=1)
        tx.update(Dog, rex, weight=30)
    assert [states(app, one, "worn", "called") for one in coats] == [[Lamp.ON] * 2] * 5
    with app.transaction() as tx:
        tx.update(Dog, rex, weight=1)
    assert [states(app, one, "worn", "called") for one in coats] == [[Lamp.OFF] * 2] * 5


def test_a_dispatch_is_told_beforehand_and_a_machine_is_drawn(app: App) -> None:
    assert "off --> on: Coat.dog entered" in app.graph(Coat, "met")
    coat_of(app)
    told = str(app.explain_dispatch(Sold(number=1)))
    assert "Coat.met" not in told, "nobody is led to the new dog"
