"""Entries are looked after by the App's clock, and a change of their health is an event."""

from datetime import timedelta

import anyio
import pytest

from framework.app import App
from framework.catalog import (
    Catalog,
    CatalogEntry,
    ConnectionTested,
    Connector,
    EntryConfig,
    EntryType,
    Finding,
    Health,
    HealthChanged,
    HealthPoller,
    Plugins,
    Visit,
)
from framework.catalog.errors import NoSuchEntry
from framework.catalog.plugins.in_memory import InMemory
from framework.clock import ManualClock
from framework.errors import Declined, InDoubt, NeedsAttention, Permanent, Transient
from tests.catalog.conftest import NOW

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)


@pytest.fixture
def entry(catalog: Catalog) -> CatalogEntry:
    return catalog.create("host", "in_memory", EntryConfig())


@pytest.fixture
def poller(catalog: Catalog) -> HealthPoller:
    return HealthPoller(catalog, MINUTE)


def changes(catalog: Catalog, entry: CatalogEntry) -> list[tuple[Health, Health]]:
    history = catalog.history(entry.id)
    return [(event.before, event.after) for event in history if isinstance(event, HealthChanged)]


async def test_an_entry_is_looked_at_when_its_turn_comes(
    poller: HealthPoller, entry: CatalogEntry, in_memory: InMemory, clock: ManualClock
) -> None:
    assert list(await poller.poll()) == ["host"]
    assert await poller.poll() == {}
    clock.advance(MINUTE - timedelta(seconds=1))
    assert await poller.poll() == {}
    clock.advance(timedelta(seconds=1))
    assert list(await poller.poll()) == ["host"]
    assert [purpose for purpose, _ in in_memory.visits] == ["check_health", "check_health"]


async def test_a_clock_that_was_set_back_delays_no_look(
    poller: HealthPoller, entry: CatalogEntry, clock: ManualClock
) -> None:
    await poller.poll()
    clock.advance(timedelta(days=-1))
    assert list(await poller.poll()) == ["host"]


async def test_no_more_are_visited_at_once_than_agreed(app: App) -> None:
    plugin = Crowded()
    catalog = Catalog(app, Plugins([plugin]))
    for number in range(6):
        catalog.create(f"host {number}", "crowded", EntryConfig())
    assert len(await HealthPoller(catalog, at_once=2).poll()) == 6
    assert plugin.most == 2


async def test_only_a_change_of_health_is_an_event(
    catalog: Catalog, poller: HealthPoller, entry: CatalogEntry, in_memory: InMemory, clock: ManualClock
) -> None:
    for health in (Health.HEALTHY, Health.HEALTHY, Health.DEGRADED, Health.UNREACHABLE, Health.HEALTHY):
        in_memory.answer(Finding(health, f"It is {health}."))
        await poller.poll()
        clock.advance(MINUTE)
    assert changes(catalog, entry) == [
        (Health.UNKNOWN, Health.HEALTHY),
        (Health.HEALTHY, Health.DEGRADED),
        (Health.DEGRADED, Health.UNREACHABLE),
        (Health.UNREACHABLE, Health.HEALTHY),
    ]


async def test_an_entry_says_how_it_is_and_since_when(
    catalog: Catalog,
    app: App,
    poller: HealthPoller,
    entry: CatalogEntry,
    in_memory: InMemory,
    clock: ManualClock,
) -> None:
    in_memory.answer(Finding(Health.DEGRADED, "One disk is full."))
    await poller.poll()
    clock.advance(MINUTE)
    await poller.poll()
    seen = catalog.get(entry.id)
    assert (seen.health, seen.health_detail) == (Health.DEGRADED, "One disk is full.")
    assert (seen.health_since, seen.checked_at) == (NOW, NOW + MINUTE)
    assert app.verify() == []


@pytest.mark.parametrize(
    ("error", "health"),
    [
        (Transient("No route", code="unreachable"), Health.UNREACHABLE),
        (InDoubt("The answer was lost", code="answer_lost"), Health.UNREACHABLE),
        (Transient("503", code="vendor_error"), Health.UNHEALTHY),
        (Transient("429", code="throttled"), Health.DEGRADED),
        (NeedsAttention("401"), Health.UNAUTHORIZED),
        (Permanent("404"), Health.UNHEALTHY),
        (Declined("no"), Health.UNHEALTHY),
    ],
    ids=lambda value: getattr(value, "code", str(value)),
)
async def test_what_a_plugin_raises_about_the_world_is_a_finding(
    catalog: Catalog, entry: CatalogEntry, in_memory: InMemory, error: Permanent, health: Health
) -> None:
    in_memory.answer(error)
    assert await catalog.check_health(entry.id) == Finding(health, str(error))
    assert await catalog.test_connection(entry.id) == Finding(health, str(error))


class Broken(Connector):
    type = EntryType.CI
    provider = "broken"
    needs_address = False

    async def test_connection(self, visit: Visit) -> Finding:
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    async def check_health(self, visit: Visit) -> Finding:
        raise KeyError("status")


async def test_a_plugin_with_a_mistake_keeps_no_other_entry_waiting(
    app: App, in_memory: InMemory, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = Catalog(app, Plugins([Broken(), in_memory]))
    catalog.create("a", "broken", EntryConfig())
    catalog.create("b", "in_memory", EntryConfig())
    found = await HealthPoller(catalog).poll()
    assert found["a"] == Finding(Health.UNKNOWN, "The plugin broken failed with KeyError.")
    assert found["b"].health is Health.HEALTHY
    assert "catalog.plugin_failed" in caplog.text


async def test_a_visit_takes_no_longer_than_it_may(app: App) -> None:
    catalog = Catalog(app, Plugins([Broken()]), longest=timedelta(milliseconds=20))
    entry = catalog.create("slow", "broken", EntryConfig())
    assert await catalog.test_connection(entry.id) == Finding(
        Health.UNREACHABLE, "No answer within 0.02 seconds."
    )


async def test_a_test_of_the_connection_is_an_event_and_no_look_at_the_health(
    catalog: Catalog, entry: CatalogEntry, in_memory: InMemory
) -> None:
    in_memory.answer(Finding(Health.UNAUTHORIZED, "Wrong password."))
    await catalog.test_connection(entry.id, actor="ada")
    (event,) = [one for one in catalog.history(entry.id) if isinstance(one, ConnectionTested)]
    assert (event.health, event.detail) == (Health.UNAUTHORIZED, "Wrong password.")
    seen = catalog.get(entry.id)
    assert (seen.tested, seen.tested_at, seen.health) == (Health.UNAUTHORIZED, NOW, Health.UNKNOWN)


class Crowded(Connector):
    """Counts how many visits there are at once; the first waits for a second."""

    type = EntryType.RUNTIME_HOST
    provider = "crowded"
    needs_address = False

    def __init__(self) -> None:
        self.now = self.most = 0
        self.met = anyio.Event()

    async def test_connection(self, visit: Visit) -> Finding:
        return await self.check_health(visit)

    async def check_health(self, visit: Visit) -> Finding:
        self.now += 1
        self.most = max(self.most, self.now)
        if self.now == 2:
            self.met.set()
        await self.met.wait()
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
        self.now -= 1
        return Finding(Health.HEALTHY)


class Interrupted(InMemory):
    """Something happens to the entry while it is visited."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile = lambda: None

    async def check_health(self, visit: Visit) -> Finding:
        self.meanwhile()
        return Finding(Health.HEALTHY)


async def test_what_was_found_before_an_update_says_nothing_about_what_is_there_now(app: App) -> None:
    plugin = Interrupted()
    catalog = Catalog(app, Plugins([plugin]))
    entry = catalog.create("host", "in_memory", EntryConfig())
    plugin.meanwhile = lambda: catalog.update(
        entry.id, config=EntryConfig(base_url="https://new.example.com")
    )
    await HealthPoller(catalog).poll()
    assert (catalog.get(entry.id).health, catalog.get(entry.id).checked_at) == (Health.UNKNOWN, None)


async def test_an_entry_that_is_deleted_during_a_visit_stays_as_it_was(app: App) -> None:
    plugin = Interrupted()
    catalog = Catalog(app, Plugins([plugin]))
    entry = catalog.create("host", "in_memory", EntryConfig())
    plugin.meanwhile = lambda: catalog.delete(entry.id)
    await HealthPoller(catalog).poll()
    assert changes(catalog, entry) == []
    with pytest.raises(NoSuchEntry):
        await catalog.check_health(entry.id)


async def test_the_health_of_an_entry_whose_plugin_is_gone_is_unknown(
    catalog: Catalog, app: App, entry: CatalogEntry
) -> None:
    await catalog.check_health(entry.id)
    without = Catalog(app, Plugins([]))
    assert (await without.check_health(entry.id)).health is Health.UNKNOWN
    assert changes(catalog, entry)[-1] == (Health.HEALTHY, Health.UNKNOWN)


async def test_the_poller_works_until_it_is_cancelled(
    catalog: Catalog, entry: CatalogEntry, in_memory: InMemory
) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(HealthPoller(catalog, MINUTE).run)
        with anyio.fail_after(5):
            while catalog.get(entry.id).checked_at is None:
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert len(in_memory.visits) == 1


async def test_a_secret_in_what_a_plugin_found_is_masked(
    catalog: Catalog, in_memory: InMemory, secret
) -> None:
    entry = catalog.create("host", "in_memory", EntryConfig(secret_ref=secret("a-secret-nobody-may-see")))
    in_memory.answer(Finding(Health.UNHEALTHY, "It said: a-secret-nobody-may-see"))
    in_memory.visits.clear()
    await catalog.check_health(entry.id)
    _, visit = in_memory.visits[0]
    assert visit.secret().get_secret_value() == "a-secret-nobody-may-see"
    assert (await catalog.check_health(entry.id)).detail == "It said: ***"


async def test_what_a_plugin_says_is_made_fit_to_be_kept(
    catalog: Catalog, entry: CatalogEntry, in_memory: InMemory
) -> None:
    in_memory.answer(Finding(Health.DEGRADED, "\ud800\0" + "x" * 10_000))
    await catalog.check_health(entry.id)
    detail = catalog.get(entry.id).health_detail
    assert detail is not None
    assert (len(detail), detail[:3], detail[-1]) == (500, "??x", "…")


async def test_a_plugin_that_finds_nothing_is_a_mistake_of_the_plugin(
    catalog: Catalog, entry: CatalogEntry, in_memory: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_memory, "_found", lambda purpose, visit: None)
    found = await catalog.check_health(entry.id)
    assert found == Finding(Health.UNKNOWN, "The plugin in_memory failed with TypeError.")
