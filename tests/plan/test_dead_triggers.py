"""A trigger that can never fire is a mistake, whatever it waits for, and the message names the way out."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest

from framework import (
    APICall,
    Count,
    Deadline,
    Entity,
    Event,
    Field,
    Formula,
    Global,
    Payload,
    Relationship,
    Sequence,
    StateMachine,
    Transition,
    became,
    changed,
    completed,
    computed,
    created,
    on,
)
from framework.app import App
from framework.computations.triggers import Trigger
from framework.errors import DeclarationError
from framework.plan.mistakes import CyclicComputation, DeadTrigger


class Light(StrEnum):
    RED = "red"
    GREEN = "green"


class Nothing(Payload):
    pass


class Swapped(Event, table=True):
    one_id: UUID = Field(foreign_key="lamp.id")
    other_id: UUID = Field(foreign_key="lamp.id")
    at_lamp: UUID | None = None


def moved(when: Trigger) -> Any:
    return computed(StateMachine(Light.RED, Transition(Light.RED, Light.GREEN, when=when)))


def lamp(when: Trigger) -> list[Any]:
    """A lamp with fields of all kinds that the trigger moves."""

    class Lamp(Entity, table=True):
        watt: int = Field(default=5, ge=0)
        until: datetime | None = None
        number: int = computed(Sequence())
        double: int = computed(Formula(lambda lamp: lamp.watt * 2))
        late: bool = computed(Deadline(lambda lamp: lamp.until, before=False, after=True))
        worn: Light = moved(became("watt", 0))
        light: Light = moved(when)

    return [Lamp, Swapped]


def refusal(*declared: Any) -> str:
    with pytest.raises(DeclarationError) as caught:
        App([list(declared)])
    assert isinstance(caught.value, DeadTrigger)
    return str(caught.value).removeprefix("Lamp.light: the trigger ")


def test_a_route_is_a_foreign_key_to_the_record() -> None:
    assert refusal(*lamp(on(Swapped, to="at_lamp"))) == (
        "'Swapped created' can never fire: Swapped.at_lamp is no foreign key to Lamp. Those are: one_id, "
        "other_id."
    )
    App([lamp(on(Swapped, to="other_id"))])


def test_a_relation_is_the_route_already() -> None:
    class Bulb(Entity, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        bulbs: list[Bulb] = Relationship()
        light: Light = moved(created(bulbs, to="id"))

    assert refusal(Bulb, Lamp) == (
        "'Bulb created' can never fire: the relation bulbs is the route, by Bulb.lamp_id. Leave out `to`."
    )


def test_a_class_of_another_app_says_nothing() -> None:
    class Elsewhere(Entity, table=True):
        pass

    assert refusal(*lamp(created(Elsewhere))) == (
        "'Elsewhere created' can never fire: Elsewhere is not a record class of this App. Add it to the "
        "App's modules."
    )


def test_calls_of_a_class_need_a_route_to_an_entity_and_none_to_a_global() -> None:
    class Ping(APICall, table=True):
        request: Nothing

    class Site(Global, table=True):
        light: Light = moved(completed(Ping))

    App([[Ping, Site]])
    assert refusal(Ping, *lamp(completed(Ping))) == (
        "'Ping completed' can never fire: Ping has no foreign key to Lamp. Add one, such as `lamp_id`."
    )


def test_a_number_that_is_given_once_never_changes() -> None:
    assert refusal(*lamp(changed("number"))) == (
        "'Lamp.number changed' can never fire: Lamp.number never changes. Name a field that does."
    )
    assert refusal(*lamp(changed("id"))).startswith("'Lamp.id changed' can never fire")


def test_a_value_of_another_type_is_never_reached() -> None:
    assert refusal(*lamp(became("watt", "five"))) == (
        "'Lamp.watt became five' can never fire: Lamp.watt is never 'five': Input should be a valid integer, "
        "unable to parse string as an integer. Name a value that it can have."
    )
    assert refusal(*lamp(became("watt", "5"))) == (
        "'Lamp.watt became 5' can never fire: Lamp.watt is never '5', but it may be 5. Name a value that it "
        "can have."
    )


def test_a_value_that_the_door_refuses_is_never_reached() -> None:
    assert refusal(*lamp(became("watt", -1))) == (
        "'Lamp.watt became -1' can never fire: Lamp.watt is never -1: Input should be greater than or equal "
        "to 0. Name a value that it can have."
    )


def test_a_deadline_has_two_values() -> None:
    class Phase(StrEnum):
        EARLY, LATE, OVER = "early", "late", "over"

    class Lamp(Entity, table=True):
        until: datetime | None = None
        phase: Phase = computed(Deadline(lambda lamp: lamp.until, before=Phase.EARLY, after=Phase.LATE))
        light: Light = moved(became(phase, Phase.OVER))

    assert refusal(Lamp) == (
        "'Lamp.phase became over' can never fire: Lamp.phase is early and then late. Name one of them."
    )


def test_a_state_that_no_transition_enters_is_never_reached() -> None:
    assert refusal(*lamp(became("worn", Light.RED))) == (
        "'Lamp.worn became red' can never fire: Lamp.worn starts as 'red', and no transition leads back to "
        "it. Name another state."
    )
    App([lamp(became("worn", Light.GREEN))])


def test_a_relation_is_no_field() -> None:
    class Bulb(Entity, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        bulbs: list[Bulb] = Relationship()
        light: Light = moved(changed(bulbs))

    assert refusal(Bulb, Lamp) == (
        "'Lamp.bulbs changed' can never fire: Lamp.bulbs is a relation. Name the field of its records too."
    )


def test_a_plain_value_is_no_name() -> None:
    class Lamp(Entity, table=True):
        watt: int = 5
        light: Light = moved(became(watt, 0))

    assert refusal(Lamp) == (
        "'Lamp.5 became 0' can never fire: it names no field of Lamp. Name one in quotes, or what stands "
        "above in the class body."
    )


def test_a_machine_that_moves_by_what_it_moves_is_a_circle() -> None:
    class Bulb(Entity, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        bulbs: list[Bulb] = Relationship()
        count: int = computed(Count(bulbs))
        bright: bool = computed(Formula(lambda lamp: lamp.light == "green" or lamp.count > 1))
        light: Light = moved(became(bright, True))

    with pytest.raises(CyclicComputation) as caught:
        App([[Bulb, Lamp]])
    assert str(caught.value) == (
        "These define each other: Lamp.bright <- Lamp.light <- Lamp.bright. A machine cannot wait, in one "
        "transaction, for what follows from its own move. Let it wait for what moves it, or let a rule make "
        "an event that it waits for."
    )
