"""A fingerprint changes when what is computed changes, and at no other time."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest

from framework import Count, Entity, Field, Relationship, StateMachine, Sum, Transition, computed, created
from framework.plan.declaration import said_type
from framework.plan.fingerprint import fingerprint

RATE = 3


def rated(cents: int) -> int:
    return cents * RATE


def again(cents: int) -> int:
    """Another text of the same meaning."""
    # a comment
    return cents * RATE


def times(factor: int) -> Callable[[Any], int]:
    return lambda item: item.cents * factor


def ping(n: int) -> int:
    return pong(n - 1) if n else 0


def pong(n: int) -> int:
    return ping(n - 1) if n else 1


def test_comments_formatting_and_docstrings_do_not_count() -> None:
    assert fingerprint(rated) == fingerprint(again)
    assert fingerprint(lambda item: item.cents + 1) == fingerprint(
        lambda item: (
            item.cents + 1  # the one
        )
    )


def test_what_is_said_counts() -> None:
    said = [lambda i: i.cents, lambda i: i.cents + 1, lambda i: i.cents + 2, lambda i: i.price, rated, ping]
    assert len({fingerprint(one) for one in said}) == len(said)
    assert fingerprint(lambda i: i.cents in {"a", "b"}) != fingerprint(lambda i: i.cents in {"a", "c"})


def test_lambdas_on_one_line_are_told_apart() -> None:
    one, other = [(lambda i: i.cents), (lambda i: i.price)]
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(one) == fingerprint(lambda i: i.cents)


def test_what_is_closed_over_and_what_is_named_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fingerprint(times(2)) == fingerprint(times(2)) != fingerprint(times(3))
    before = fingerprint(lambda item: rated(item.cents))
    monkeypatch.setattr(sys.modules[__name__], "RATE", 4)
    assert fingerprint(lambda item: rated(item.cents)) != before


def test_functions_that_call_each_other_come_to_an_end() -> None:
    assert fingerprint(ping) != fingerprint(pong)


def test_without_source_the_bytecode_counts() -> None:
    def made(text: str) -> Any:
        return eval(text)

    assert fingerprint(made("lambda i: i.cents")) == fingerprint(made("lambda i: i.cents"))
    assert fingerprint(made("lambda i: i.cents")) != fingerprint(made("lambda i: i.price"))


class Light(StrEnum):
    OFF = "off"
    ON = "on"


class Bulb(Entity, table=True):
    lamp_id: Any = Field(default=None, foreign_key="lamp.id")
    watts: int = 0


def lamp(*, where: bool = False, target: Light = Light.ON) -> Any:
    class Lamp(Entity, table=True):
        bulbs: list[Bulb] = Relationship()
        watts: int = computed(Sum(bulbs, lambda b: b.watts, where=(lambda b: b.watts > 1) if where else None))
        many: int = computed(Count(bulbs))
        light: Light = computed(
            StateMachine(
                Light.OFF,
                Transition(Light.OFF, Light.ON, when=created(bulbs)),
                Transition(Light.ON, target, when=created(bulbs)),
            )
        )

    return Lamp


def prints(model: Any) -> dict[str, str]:
    return {name: fingerprint(one) for name, one in model.__computed__.items()}


def test_a_computation_counts_with_its_parameters() -> None:
    plain, filtered = prints(lamp()), prints(lamp(where=True))
    assert plain == prints(lamp())
    assert {name for name in plain if plain[name] != filtered[name]} == {"watts"}
    assert prints(lamp(target=Light.OFF))["light"] != plain["light"]


def test_a_type_is_said_by_its_values() -> None:
    assert said_type(int | None) == "int | None"
    assert said_type(Light) == "Light(off, on)"
    assert said_type(list[int]) != said_type(list[str])


def test_a_fingerprint_outlives_the_process() -> None:
    script = """
        from framework.plan.declaration import declaration_of
        from framework.plan.plan import compile_plan
        from tests.engine.shop import MODULE
        print(sorted(declaration_of(compile_plan([MODULE])).rows.items()))
    """

    def run(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", textwrap.dedent(script)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    first = run("1")
    assert "class Order" in first
    assert run("2") == first
