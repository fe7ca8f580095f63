"""Whatever is declared, and whatever happens to it: every property says what the facts say."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from tempfile import TemporaryDirectory
from types import ModuleType

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from framework.app import App, Settings
from framework.clock import ManualClock
from framework.errors import DeclarationError
from framework.model.entity import GLOBAL_ID
from tests.engine.declared_at_random.days import Days, check, days, live
from tests.engine.declared_at_random.drawing import schemas
from tests.engine.declared_at_random.keeping import START
from tests.engine.declared_at_random.schema import HEADER, Schema
from tests.engine.declared_at_random.world import World
from tests.schemas import schema as empty_schema
from tests.soak import examples

_numbers = count()


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
