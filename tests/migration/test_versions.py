"""Whatever is declared anew: migrated data is what it would be, had it been declared so from the start."""

from pathlib import Path

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


def come_change_and_go(url: str, *names: str) -> None:
    begin(alike(names, 0), url)
    for way in (*range(1, max(WAYS[name] for name in names) + 1), 0):
        step(alike(names, way), url)


def alike(names: tuple[str, ...], way: int) -> Version:
    """A version in which these parts are declared in this way, or in their last."""
    version = Version()
    for name in names:
        version = version.with_(name, min(way, WAYS[name]))
    return version


@pytest.mark.parametrize("name", WAYS)
def test_each_part_comes_changes_and_goes_on_sqlite(name: str, tmp_path: Path) -> None:
    come_change_and_go(f"sqlite:///{tmp_path}/shop.db", name)


@pytest.mark.parametrize("names", [tuple(WAYS)[n::6] for n in range(6)], ids="-".join)
def test_three_parts_at_a_time_do_so_on_postgresql(names: tuple[str, ...], postgres_url: str) -> None:
    come_change_and_go(postgres_url, *names)


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
