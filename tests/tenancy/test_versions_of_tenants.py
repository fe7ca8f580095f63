"""Whatever is declared anew: each tenant's migrated data is what it would be in a shop of its own."""

import pytest
from hypothesis import given

from framework import tenant
from framework.app import App
from tests.migration.test_versions import versions
from tests.migration.versions import Version, content, module, populate
from tests.schemas import schema
from tests.soak import examples
from tests.tenancy.conftest import REQUIRED, as_plain

DAYS = {"acme": range(4), "bolt": range(2, 5), "cork": range(0)}
"""What has happened to whom; what happens on one day has the same ids everywhere."""

NEXT_DAY = range(5, 6)


def walk(before: Version, after: Version, url: str) -> None:
    """Migrate, and hold each tenant's all against a shop that was always so: at once, and a day later."""
    app = App([module(before)], database=url, settings=REQUIRED)
    app.create()
    for name, days in DAYS.items():
        app.create_tenant(name)
        with tenant(name):
            populate(app, days)
    app.close()
    app = App([module(after)], database=url, settings=REQUIRED)
    assert app.migrate(app.migration(), allow_loss=True) == []
    app.create()
    assert app.migration().is_empty
    for name, days in DAYS.items():
        alone = App([module(after)])
        alone.create()
        populate(alone, days)
        with tenant(name):
            assert content(app) == content(alone)
            for one in (app, alone):
                populate(one, NEXT_DAY)
            assert content(app) == content(alone)
            assert app.verify() == []
        alone.close()
    app.close()


@examples(3, soak=100)
@given(before=versions, after=versions)
def test_a_step_between_any_two_versions_on_sqlite(
    before: Version, after: Version, tmp_path_factory: pytest.TempPathFactory
) -> None:
    walk(before, after, f"sqlite:///{tmp_path_factory.mktemp('walk')}/shop.db")


@examples(1, soak=40)
@given(before=versions, after=versions)
def test_a_step_between_any_two_versions_on_postgresql(
    before: Version, after: Version, postgres: str
) -> None:
    with schema(postgres) as url:
        walk(before, after, as_plain(url))
