"""What a record carries of the one that it leads to is right after a migration, which moves no machine."""

from contextlib import closing
from enum import StrEnum
from typing import Any
from uuid import UUID

from framework import (
    Entity,
    Field,
    Relationship,
    StateMachine,
    Transition,
    changed,
    computed,
    entered,
    left,
    merged,
)
from framework.app import App


class Lamp(StrEnum):
    OFF = "off"
    ON = "on"


def cage(order: str) -> list[Any]:
    class Pet(Entity):
        name: str

    class Dog(Pet, table=True):
        pass

    class Cat(Pet, table=True):
        pass

    class Cage(Entity, table=True):
        dog_id: UUID | None = Field(default=None, foreign_key="dog.id")
        cat_id: UUID | None = Field(default=None, foreign_key="cat.id")
        dog: Dog | None = Relationship()
        cat: Cat | None = Relationship()
        if order:
            inmate: Any = merged(dog, cat) if order == "dog, cat" else merged(cat, dog)
            lamp: Lamp = computed(
                StateMachine(
                    Lamp.OFF,
                    Transition(Lamp.OFF, Lamp.ON, when=entered(inmate)),
                    Transition(Lamp.ON, Lamp.OFF, when=left(inmate)),
                )
            )
            named: Lamp = computed(
                StateMachine(Lamp.OFF, Transition(Lamp.OFF, Lamp.ON, when=changed(inmate, "name")))
            )

    return [Dog, Cat, Cage]


def test_who_is_first_changes_and_nobody_has_entered(database_url: str) -> None:
    dog_class, cat_class, cage_class = cage("")
    with closing(App([[dog_class, cat_class, cage_class]], database=database_url)) as app:
        app.create()
        with app.transaction() as tx:
            dog, cat = tx.add(dog_class(name="Rex")), tx.add(cat_class(name="Tom"))
            id = tx.add(cage_class(dog_id=dog.id, cat_id=cat.id)).id
    for order, other in (("dog, cat", "Cat"), ("cat, dog", "Dog")):
        classes = cage(order)
        with closing(App([classes], database=database_url)) as app:
            assert app.migrate() == []
            assert (app.verify(), app.get(classes[2], id).lamp) == ([], Lamp.OFF)
            second = next(one for one in classes if one.__name__ == other)
            with app.transaction() as tx:
                tx.update(second, dog.id if other == "Dog" else cat.id, name=f"another {order}")
            assert (app.verify(), app.get(classes[2], id).named) == ([], Lamp.OFF)
    with closing(App([classes], database=database_url)) as app:
        with app.transaction() as tx:
            tx.update(classes[1], cat.id, name="Tim")
            tx.update(classes[2], id, dog_id=None)
        found = app.get(classes[2], id)
        assert (app.verify(), found.lamp, found.named) == ([], Lamp.OFF, Lamp.ON)
