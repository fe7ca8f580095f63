"""Whatever is declared, and whatever happens to it: every property says what the facts say."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, Literal, get_args

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from sqlmodel import select

from framework.app import App, Settings
from framework.clock import ManualClock
from framework.errors import DeclarationError
from framework.model.entity import GLOBAL_ID
from framework.runtime.errors import StillReferenced, TransactionFailed
from framework.runtime.transaction import Transaction
from tests.engine.declared_at_random.drawing import schemas
from tests.engine.declared_at_random.schema import HEADER, Schema
from tests.engine.declared_at_random.values import Row
from tests.engine.declared_at_random.world import World
from tests.schemas import schema as empty_schema
from tests.soak import examples

_numbers = count()
START = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def module_of(source: str, name: str = "") -> Iterator[ModuleType]:
    """The module that the source makes."""
    module = ModuleType(name or f"declared_{next(_numbers)}")
    sys.modules[module.__name__] = module  # where types are looked up by their names
    try:
        exec(compile(source, module.__name__, "exec"), module.__dict__)
        yield module
    finally:
        del sys.modules[module.__name__]


@contextmanager
def app_of(
    schema: Schema, database: str, name: str = "", clock: ManualClock | None = None
) -> Iterator[tuple[App, ModuleType]]:
    note(schema.source)
    with module_of(schema.source, name) as module:
        clock = clock or ManualClock(START)
        app = App([module], database=database, settings=Settings(synchronous="OFF"), clock=clock)
        try:
            yield app, module
        finally:
            app.close()


What = Literal["add", "add_all", "change", "change_where", "move", "delete", "delete_where", "dial"]
WHAT: tuple[What, ...] = get_args(What)


@dataclass(frozen=True)
class Step:
    """One thing that happens; `picks` choose among what is there."""

    what: What
    model: int
    picks: tuple[int, int]
    numbers: tuple[int | None, ...]


numbers = st.none() | st.integers(-3, 6)
steps = st.builds(
    Step,
    st.sampled_from(("add", "add", "add", "move", *WHAT)),
    st.integers(0, 3),
    st.tuples(st.integers(0, 7), st.integers(0, 7)),
    st.tuples(numbers, numbers),
)
days = st.lists(st.tuples(st.integers(0, 3), st.lists(steps, min_size=1, max_size=6)), min_size=1, max_size=7)
Days = list[tuple[int, list[Step]]]


class Undone(Exception):
    """The user thinks better of it."""


def carry_out(step: Step, world: World, classes: list[Any], dials: Any, tx: Transaction) -> bool:
    """Do one thing in both worlds; whether it can be done."""
    number = step.model % len(classes)
    model, rows = world.schema.models[number], world.rows[number]
    facts: Row = dict(zip(model.facts, step.numbers, strict=False))
    chosen = list(rows)[step.picks[0] % len(rows)] if rows else None
    level = step.picks[0] % 4
    above = [id for id, row in rows.items() if (row["f0"] or 0) > level]
    match step.what:
        case "add" | "add_all":
            for one in model.references:
                hosts = list(world.rows[one.target])
                if not hosts and not one.nullable:
                    return True
                pick = step.picks[1] % (len(hosts) + one.nullable)
                facts[one.key] = hosts[pick] if pick < len(hosts) else None
            if world.is_linked(number, facts):
                return True
            record = classes[number](**facts)
            if step.what == "add":
                tx.add(record)
            else:
                tx.add_all([record])
            rows[record.id] = facts
        case "change" if chosen is not None:
            tx.update(classes[number], chosen, **facts)
            rows[chosen] |= facts
        case "change_where":
            assert tx.update_where(classes[number], classes[number].f0 > level, **facts) == len(above)
            for id in above:
                rows[id] |= facts
        case "move" if chosen is not None and model.references:
            one = model.references[step.picks[1] % len(model.references)]
            hosts = list(world.rows[one.target])
            pick = step.picks[1] % (len(hosts) + one.nullable)
            there = {one.key: hosts[pick] if pick < len(hosts) else None}
            if not world.is_linked(number, rows[chosen] | there, but=chosen):
                tx.update(classes[number], chosen, **there)
                rows[chosen] |= there
        case "dial":
            world.level = step.picks[0] % 4 - 1
            tx.update(dials, level=world.level)
        case "delete" if chosen is not None:
            if not world.delete(number, chosen):
                with pytest.raises(StillReferenced):
                    tx.delete(classes[number], chosen)
                return False
            tx.delete(classes[number], chosen)
        case "delete_where":
            if not world.delete(number, *above):
                with pytest.raises(StillReferenced):
                    tx.delete_where(classes[number], classes[number].f0 > level)
                return False
            assert tx.delete_where(classes[number], classes[number].f0 > level) == len(above)
    return True


def check(app: App, world: World, module: ModuleType) -> None:
    rows, total = world.everything()
    for number, expected in enumerate(rows):
        kind = getattr(module, f"E{number}")
        stored = {one.id: one.model_dump() for one in app.query(select(kind))}
        assert stored == {id: stored[id] | row for id, row in expected.items() if id in stored}
        assert stored.keys() == expected.keys()
    assert {name: getattr(app.get(module.Totals), name) for name in total} == total
    if world.schema.twins is not None:
        made = [one.number for one in app.query(select(module.Twin))]
        assert sorted(made, key=repr) == sorted(world.twins, key=repr)
    if world.schema.told is not None:
        assert sorted(one.source_id for one in app.query(select(module.Told))) == sorted(world.told)
    assert [str(one) for one in app.verify()] == []


def wait(app: App, world: World, hours: int) -> None:
    """Let time go by, from one moment to the next at which a deadline can turn."""
    clock: Any = app.clock
    minutes = {
        one.minute for model in world.schema.models for one in model.properties if one.kind == "Deadline"
    }
    until = world.now // 60 * 60 + 60 * hours
    for moment in range(world.now + 1, until + 1):
        if moment % 60 in minutes or moment == until:
            clock.advance(timedelta(minutes=moment - world.now))
            world.now = moment
            app.tick()
            world.everything()


def live(app: App, module: ModuleType, world: World, days: Days) -> World:
    """Let the days happen in both worlds, and hold them against each other after each; how it ends."""
    classes = [getattr(module, model.name) for model in world.schema.models]
    for number, (hours, day) in enumerate(days):
        if hours:
            wait(app, world, hours)
            check(app, world, module)
        before = world.copy()
        try:
            with app.transaction() as tx:
                for step in day:
                    if not carry_out(step, world, classes, module.Dials, tx):
                        raise Undone
                if number % 5 == 4:
                    raise Undone
        except (Undone, TransactionFailed):
            world = before
        check(app, world, module)
    return world


def check_reasons(app: App, world: World, module: ModuleType) -> None:
    for number, id, one, others in world.reasons():
        found = app.explain(getattr(module, f"E{number}"), one.name, id)
        own = [id] if one.kind == "Custom" else []
        dials = [GLOBAL_ID] if one.needs_dial else []
        assert sorted(one.id for one in found.inputs) == sorted([*own, *others, *dials])


def live_and_explain(schema: Schema, days: Days, database: str) -> None:
    with app_of(schema, database) as (app, module):
        app.create()
        world = live(app, module, World(schema), days)
        assert app.rebuild() == []
        check_reasons(app, world, module)


@examples(60, soak=3000)
@given(schemas(), days)
def test_whatever_is_declared_stays_true(schema: Schema, days: Days) -> None:
    live_and_explain(schema, days, "sqlite:///:memory:")


@examples(6, soak=500)
@given(schema=schemas(), days=days)
def test_whatever_is_declared_stays_true_on_a_server(postgres: str, schema: Schema, days: Days) -> None:
    with empty_schema(postgres) as url:
        live_and_explain(schema, days, url)


def migrate_forth_and_back(schema: Schema, number: int, early: Days, late: Days, database: str) -> None:
    """Let days happen under what is declared first, and later ones under all of it; and then that is gone."""
    first, then = schema.until(number), replace(schema, told=None)  # an event is not made of what was there
    clock = ManualClock(START)
    with app_of(first, database, "declared", clock) as (app, module):
        app.create()
        world = live(app, module, World(first, links=tuple(schema.links)), early)
    with app_of(then, database, "declared", clock) as (app, module):
        assert app.migrate() == []
        world = live(app, module, world.under(then), late)
    with app_of(first, database, "declared", clock) as (app, module):
        assert app.migrate(allow_loss=True) == []
        check(app, world.under(first), module)


@examples(6, soak=500)
@given(schema=schemas(), number=st.integers(0, 11), early=days, late=days)
def test_what_is_declared_later_is_true_of_what_was_there(
    schema: Schema, number: int, early: Days, late: Days
) -> None:
    with TemporaryDirectory() as folder:
        migrate_forth_and_back(schema, number, early, late, f"sqlite:///{folder}/declared.db")


@examples(2, soak=500)
@given(schema=schemas(), number=st.integers(0, 11), early=days, late=days)
def test_what_is_declared_later_is_true_of_what_was_there_on_a_server(
    postgres: str, schema: Schema, number: int, early: Days, late: Days
) -> None:
    with empty_schema(postgres) as url:
        migrate_forth_and_back(schema, number, early, late, url)


OTHER = """
class Other(Entity, table=True):
    f0: int | None = None
"""
SPOILS = {
    "a field that is not there": "computed(Formula(lambda r: r.nowhere))",
    "its own value": "computed(Formula(lambda r: (r.spoilt or 0) + 1))",
    "all records on an entity": "computed(Count(Other))",
    "a relation that is none": "computed(Sum([], lambda r: r.f0))",
    "a look at what is no relation": "computed(Lookup(None, lambda r: r.f0))",
    "a record as a whole": "computed(Formula(lambda r: hash(r)))",
    "a function that cannot be followed": "computed(Formula(hash))",
    "a key to nowhere": 'Field(foreign_key="nowhere.id")',
}


@examples(30, soak=500)
@given(schema=schemas(), spoil=st.sampled_from(sorted(SPOILS)), place=st.integers(0, 3))
def test_a_spoilt_declaration_is_refused_with_class_and_property(
    schema: Schema, spoil: str, place: int
) -> None:
    model = schema.models[place % len(schema.models)]
    spoilt = f"{model.heading}    spoilt: int = {SPOILS[spoil]}\n"
    source = schema.source.replace(model.heading, spoilt).replace(HEADER, HEADER + OTHER)
    note(source)
    with pytest.raises(DeclarationError) as refusal, module_of(source) as module:
        App([module])
    assert f"{model.name}.spoilt" in str(refusal.value)
