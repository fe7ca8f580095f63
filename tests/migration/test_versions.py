"""Whatever is declared anew: migrated data is what it would be, had it been declared so from the start."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.app import App
from tests.migration.versions import WAYS, Version, content, module, populate
from tests.schemas import schema
from tests.soak import examples

BEFORE, AFTER = range(4), range(4, 6)


def shop(version: Version, url: str = "sqlite:///:memory:") -> App:
    return App([module(version)], database=url)


def begin(version: Version, url: str) -> None:
    app = shop(version, url)
    app.create()
    populate(app, BEFORE)
    app.close()


def step(version: Version, url: str) -> None:
    """Migrate, and hold all against a shop that was always so: at once, and after more has happened."""
    app, anew = shop(version, url), shop(version)
    anew.create()
    populate(anew, BEFORE)
    assert app.migrate(app.migration(), allow_loss=True) == []
    app.create()
    assert content(app) == content(anew)
    assert app.migration().is_empty
    app.close()
    anew.close()


@pytest.mark.parametrize("name", WAYS)
def test_each_part_comes_changes_and_goes(name: str, database_url: str) -> None:
    begin(Version().with_(name, 0), database_url)
    for value in (*range(1, WAYS[name] + 1), 0):
        step(Version().with_(name, value), database_url)


versions = st.builds(Version, **{name: st.integers(0, ways) for name, ways in WAYS.items()})


def walk(before: Version, after: Version, url: str) -> None:
    begin(before, url)
    step(after, url)
    app, anew = shop(after, url), shop(after)
    app.create()
    anew.create()
    populate(anew, BEFORE)
    for one in (app, anew):
        populate(one, AFTER)
    assert content(app) == content(anew)
    assert app.verify() == []
    app.close()
    anew.close()


@examples(6, soak=200)
@given(before=versions, after=versions)
def test_a_step_between_any_two_versions_on_sqlite(
    before: Version, after: Version, tmp_path_factory: pytest.TempPathFactory
) -> None:
    walk(before, after, f"sqlite:///{tmp_path_factory.mktemp('walk')}/shop.db")


@examples(2, soak=60)
@given(before=versions, after=versions)
def test_a_step_between_any_two_versions_on_postgresql(
    before: Version, after: Version, postgres: str
) -> None:
    with schema(postgres) as url:
        walk(before, after, url)
