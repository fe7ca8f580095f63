"""Whatever is declared, and whatever happens to it: every property says what the facts say."""

from types import ModuleType

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from framework.app import App
from framework.errors import DeclarationError
from framework.model.entity import GLOBAL_ID
from tests.engine.declared_at_random.apps import app_of, module_of
from tests.engine.declared_at_random.days import Days, days, live
from tests.engine.declared_at_random.drawing import schemas
from tests.engine.declared_at_random.schema import HEADER, Schema
from tests.engine.declared_at_random.world import World
from tests.schemas import schema as empty_schema
from tests.soak import examples


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


@examples(45, soak=3000)
@given(schemas(), days)
def test_whatever_is_declared_stays_true(schema: Schema, days: Days) -> None:
    live_and_explain(schema, days, "sqlite:///:memory:")


@examples(5, soak=500)
@given(schema=schemas(), days=days)
def test_whatever_is_declared_stays_true_on_a_server(postgres: str, schema: Schema, days: Days) -> None:
    with empty_schema(postgres) as url:
        live_and_explain(schema, days, url)


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
