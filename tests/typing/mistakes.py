"""What mypy --strict refuses. A line with a mistake ends with the code of its error. Checked, never run."""

from enum import StrEnum
from uuid import UUID

from framework import (
    Average,
    Count,
    Entity,
    Event,
    Field,
    Latest,
    Lookup,
    Max,
    OnEntry,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    completed,
    computed,
    derive,
    on,
)
from framework.app import App


class Light(StrEnum):
    RED = "red"
    GREEN = "green"


class Other(StrEnum):
    BLUE = "blue"


class Pressed(Event, table=True):
    lamp_id: UUID


class Bulb(Entity, table=True):
    lamp_id: UUID = Field(foreign_key="lamp.id")
    watt: int = 5
    name: str = ""


class House(Entity, table=True):
    name: str


def named(lamp: object, cause: Pressed) -> str:
    return str(cause.lamp_id)


class Lamp(Entity, table=True):
    house_id: UUID
    bulbs: list[Bulb] = Relationship()
    house: House = Relationship()

    count: str = computed(Count(bulbs))  # E: assignment
    mean: float = computed(Average(bulbs, lambda bulb: bulb.watt))  # E: assignment
    most: int = computed(Max(bulbs, lambda bulb: bulb.watt))  # E: assignment
    total: int = computed(Sum(bulbs, lambda bulb: bulb.wat))  # E: attr-defined
    names: int = computed(Sum(bulbs, lambda bulb: bulb.name))  # E: assignment
    last: int | None = computed(Latest(bulbs, lambda bulb: bulb.name))  # E: assignment
    where: str = computed(Lookup(house, lambda house: house.name))  # E: assignment
    light: Other = computed(  # E: assignment
        StateMachine(Light.RED, Transition(Light.RED, Light.GREEN, when=on(Pressed)))
    )
    since: int | None = computed(OnEntry(light, Other.BLUE, named))  # E: assignment
    first: str = computed(OnEntry(light, Other.BLUE, named))  # E: assignment
    lit: int = computed(Count(bulbs), init=True)  # E: arg-type
    burnt: Light = computed(
        StateMachine(Light.RED, Transition(Light.RED, Light.GREEN, when=completed(bulbs)))  # E: arg-type
    )
    pressed: Light = computed(
        StateMachine(Light.RED, Transition(Light.RED, Light.GREEN, when=on(Bulb)))  # E: arg-type
    )


Lamp(house_id=UUID(int=1), count="3")  # E: call-arg
Lamp()  # E: call-arg
Bulb(lamp_id=UUID(int=1), watt="5")  # E: arg-type


@derive
def bulb(lamp: Lamp) -> Bulb:
    return House(name="wrong")  # E: return-value


def uses(app: App, id: UUID) -> None:
    app.dispatch(House(name="x"))  # E: type-var
    print(app.get(Lamp, id).colour)  # noqa: T201  # E: attr-defined
    app.get(int, id)  # E: type-var
