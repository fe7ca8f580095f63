"""Whatever is declared instead of what was: all is as the facts say, and as in a database that is new."""

from dataclasses import replace
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.app import App
from framework.clock import ManualClock
from framework.migration.errors import MigrationRefused
from tests.engine.declared_at_random.apps import app_of
from tests.engine.declared_at_random.days import Days, check, few_days, live
from tests.engine.declared_at_random.drawing import schemas, variants
from tests.engine.declared_at_random.keeping import START
from tests.engine.declared_at_random.schema import Schema
from tests.engine.declared_at_random.world import World
from tests.migration.structure import structure
from tests.schemas import schema as empty_schema
from tests.soak import examples


def migrate_forth_and_back(
    first: Schema, then: Schema, early: Days, late: Days, database: str, fresh: str
) -> None:
    """Let days happen under what is declared first, and later ones under other declarations; and go back."""
    clock = ManualClock(START)
    with app_of(first, database, "declared", clock) as (app, module):
        app.create()
        world = live(app, module, World(first, links=(*first.links, *then.links)), early)
    made_for_first, made_for_then = structure(database), _structure_of(then, fresh)
    with app_of(then, database, "declared", clock) as (app, module):
        if not _migrated(app, world := world.under(then)):
            assert structure(database) == made_for_first
            return
        world = live(app, module, world, late)
    assert structure(database) == made_for_then
    with app_of(first, database, "declared", clock) as (app, module):
        if not _migrated(app, world := world.under(first)):
            assert structure(database) == made_for_then
            return
        check(app, world, module)
    assert structure(database) == made_for_first


def _migrated(app: App, world: World) -> bool:
    """Whether all that is there fits; then it is as it should be, and else what does not is named."""
    in_the_way = world.in_the_way
    assert {one.subject.partition(".")[0] for one in app.migration().refusals} == in_the_way
    if in_the_way:
        with pytest.raises(MigrationRefused):
            app.migrate(allow_loss=True)
        return False
    assert app.migrate(allow_loss=True) == []
    assert app.migration().is_empty
    app.create()
    return True


def _structure_of(schema: Schema, database: str) -> set[str]:
    """What a database has that is made for a schema."""
    with app_of(schema, database) as (app, _):
        app.create()
    return structure(database)


@st.composite
def declared_in_parts(draw: st.DrawFn) -> tuple[Schema, Schema]:
    """What there is of a schema first, and then: no events, which are not made of what was there."""
    schema = draw(schemas())
    return schema.until(draw(st.integers(0, 11))), replace(schema, told=None)


pairs = declared_in_parts() | variants()


@examples(6, soak=500)
@given(pair=pairs, early=few_days, late=few_days)
def test_what_is_declared_later_is_true_of_what_was_there(
    pair: tuple[Schema, Schema], early: Days, late: Days
) -> None:
    with TemporaryDirectory() as folder:
        urls = (f"sqlite:///{folder}/{name}.db" for name in ("declared", "fresh"))
        migrate_forth_and_back(*pair, early, late, *urls)


@examples(2, soak=500)
@given(pair=pairs, early=few_days, late=few_days)
def test_what_is_declared_later_is_true_of_what_was_there_on_a_server(
    postgres: str, pair: tuple[Schema, Schema], early: Days, late: Days
) -> None:
    with empty_schema(postgres) as database, empty_schema(postgres) as fresh:
        migrate_forth_and_back(*pair, early, late, database, fresh)
