"""The whole life of an entry is the same on every database."""

from datetime import timedelta

import pytest

from framework.app import App, opened
from framework.catalog import Catalog, EntryConfig, Finding, Health, HealthPoller, Plugins, records
from framework.catalog.plugins.in_memory import InMemory
from framework.clock import ManualClock
from framework.runtime.errors import AlreadyExists
from tests.catalog.conftest import NOW

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_an_entry_lives_on(database: str, request: pytest.FixtureRequest) -> None:
    url = "sqlite:///:memory:" if database == "sqlite" else request.getfixturevalue("postgres_url")
    clock, plugin = ManualClock(NOW), InMemory()
    with opened(App([records], database=url, clock=clock)) as app:
        catalog = Catalog(app, Plugins([plugin]))
        poller = HealthPoller(catalog)
        entry = catalog.create("host", "in_memory", EntryConfig(options={"health": "degraded"}))
        await poller.poll()
        clock.advance(timedelta(minutes=1))
        plugin.answer(Finding(Health.UNREACHABLE, "No route."))
        await poller.poll()
        await catalog.test_connection(entry.id)
        catalog.update(entry.id, name="another name")
        with pytest.raises(AlreadyExists):
            catalog.create("another name", "in_memory", EntryConfig())
        seen = catalog.get(entry.id)
        assert (seen.health, seen.health_since, seen.tested) == (
            Health.UNREACHABLE,
            NOW + timedelta(minutes=1),
            Health.UNREACHABLE,
        )
        assert seen.config == EntryConfig(options={"health": "degraded"})
        catalog.delete(entry.id)
        catalog.create("another name", "in_memory", EntryConfig())
        assert [type(event).__name__ for event in catalog.history(entry.id)] == [
            "EntryCreated",
            "HealthChanged",
            "HealthChanged",
            "ConnectionTested",
            "EntryUpdated",
            "EntryDeleted",
        ]
        assert [one.name for one in catalog.entries()] == ["another name"]
        assert app.verify() == []
