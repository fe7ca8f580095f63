"""Entries are created, read, updated and deleted, and hold no secret."""

from datetime import UTC, timedelta
from typing import Any
from uuid import uuid4

import pytest

from framework.app import App
from framework.catalog import (
    Catalog,
    EntryConfig,
    EntryCreated,
    EntryDeleted,
    EntryType,
    EntryUpdated,
    Health,
    HealthChanged,
    Presence,
)
from framework.catalog.errors import (
    InvalidEntry,
    MissingOption,
    NoSuchEntry,
    NotAPlugin,
    UnknownOption,
    UnknownProvider,
)
from framework.catalog.loader import Plugins
from framework.catalog.records import CatalogEntry, Description
from framework.clock import ManualClock
from framework.computations.admission import Refused
from framework.integration.secrets import LiteralSecret
from framework.runtime.errors import AlreadyExists

SOMEWHERE = EntryConfig(base_url="https://harbor.example.com", secret_ref="env://HARBOR")  # type: ignore[arg-type]  # pydantic makes an AuthRef of it
PASSWORD = "hunter2-is-not-for-your-eyes"


def test_a_created_entry_is_read_as_it_was_described(catalog: Catalog) -> None:
    entry = catalog.create("images", "harbor", SOMEWHERE)
    assert catalog.get(entry.id).model_dump(include={"name", "type", "provider", "config"}) == {
        "name": "images",
        "type": EntryType.REGISTRY,
        "provider": "harbor",
        "config": SOMEWHERE.model_dump(),
    }
    assert (entry.health, entry.presence, entry.checked_at) == (Health.UNKNOWN, Presence.LISTED, None)


def test_an_entry_is_created_once_for_a_key(catalog: Catalog) -> None:
    first = catalog.create("images", "harbor", SOMEWHERE, key="request-1")
    assert catalog.create("images", "harbor", SOMEWHERE, key="request-1").id == first.id
    assert len(catalog.entries()) == 1


def test_an_update_changes_what_it_names_and_leaves_the_rest(catalog: Catalog) -> None:
    entry = catalog.create("images", "harbor", SOMEWHERE)
    renamed = catalog.update(entry.id, name="pictures")
    assert (renamed.name, renamed.config) == ("pictures", SOMEWHERE)
    moved = catalog.update(entry.id, config=SOMEWHERE.changed(base_url="https://new.example.com"))
    assert (moved.name, moved.config.base_url) == ("pictures", "https://new.example.com")
    assert moved.config.secret_ref == "env://HARBOR"


def test_an_update_that_changes_nothing_is_no_event(catalog: Catalog) -> None:
    entry = catalog.create("images", "harbor", SOMEWHERE)
    catalog.update(entry.id, name="images", config=SOMEWHERE)
    assert [type(event) for event in catalog.history(entry.id)] == [EntryCreated]


def test_a_deleted_entry_is_gone_and_its_name_is_free(catalog: Catalog) -> None:
    entry = catalog.create("images", "harbor", SOMEWHERE)
    catalog.delete(entry.id)
    assert catalog.entries() == []
    for touch in (catalog.get, catalog.delete, catalog.update):
        with pytest.raises(NoSuchEntry):
            touch(entry.id)
    assert catalog.create("images", "harbor", SOMEWHERE).id != entry.id


def test_two_listed_entries_never_share_a_name(catalog: Catalog) -> None:
    catalog.create("images", "harbor", SOMEWHERE)
    other = catalog.create("pictures", "harbor", SOMEWHERE)
    with pytest.raises(AlreadyExists):
        catalog.create("images", "gitlab", SOMEWHERE)
    with pytest.raises(AlreadyExists):
        catalog.update(other.id, name="images")
    assert [entry.name for entry in catalog.entries()] == ["images", "pictures"]


def test_an_entry_without_a_name_is_refused(catalog: Catalog) -> None:
    with pytest.raises(InvalidEntry, match="name"):
        catalog.create("", "harbor", SOMEWHERE)
    assert catalog.entries() == []


def test_entries_are_listed_by_their_names_whatever_the_order_of_their_making(catalog: Catalog) -> None:
    for name in ("c", "a", "b"):
        catalog.create(name, "in_memory", EntryConfig())
    assert [entry.name for entry in catalog.entries()] == ["a", "b", "c"]


def test_entries_are_found_by_type_provider_and_health(catalog: Catalog) -> None:
    catalog.create("forge", "gitlab", EntryConfig())
    images = catalog.create("images", "harbor", SOMEWHERE)
    catalog.create("more images", "acr", SOMEWHERE)
    with catalog.app.transaction() as tx:
        tx.dispatch(
            HealthChanged(entry_id=images.id, before=Health.UNKNOWN, after=Health.DEGRADED, detail="")
        )
    assert [entry.name for entry in catalog.entries(type=EntryType.REGISTRY)] == ["images", "more images"]
    assert [entry.name for entry in catalog.entries(provider="gitlab")] == ["forge"]
    assert [entry.name for entry in catalog.entries(health=Health.DEGRADED)] == ["images"]


def test_the_history_tells_the_life_of_an_entry_in_utc(catalog: Catalog, clock: ManualClock) -> None:
    entry = catalog.create("images", "harbor", SOMEWHERE)
    clock.advance(timedelta(hours=1))
    catalog.update(entry.id, name="pictures")
    clock.advance(timedelta(hours=1))
    catalog.delete(entry.id)
    history = catalog.history(entry.id)
    assert [type(event) for event in history] == [EntryCreated, EntryUpdated, EntryDeleted]
    assert [event.at.hour for event in history] == [0, 1, 2]
    assert {event.at.tzinfo for event in history} == {UTC}


def test_no_event_reaches_an_entry_that_was_deleted(catalog: Catalog, app: App) -> None:
    entry = catalog.create("images", "harbor", SOMEWHERE)
    catalog.delete(entry.id)
    with pytest.raises(Refused) as refused:
        app.dispatch(EntryUpdated(entry_id=entry.id, description=Description(name="x", config=SOMEWHERE)))
    assert refused.value.code == "entry_deleted"


def test_what_nobody_created_is_not_there(catalog: Catalog) -> None:
    with pytest.raises(NoSuchEntry):
        catalog.get(uuid4())


def test_an_entry_follows_from_its_events(catalog: Catalog, app: App) -> None:
    entry = catalog.create("images", "harbor", SOMEWHERE)
    catalog.update(entry.id, name="pictures")
    catalog.delete(entry.id)
    catalog.create("images", "acr", SOMEWHERE)
    assert app.verify() == []
    assert app.get(CatalogEntry, entry.id).name == "pictures"


def test_an_unknown_provider_is_told_which_there_are(catalog: Catalog) -> None:
    with pytest.raises(
        UnknownProvider, match="acr, ecr, gcr, github_app, gitlab, harbor, in_memory, registry"
    ):
        catalog.create("images", "nexus", SOMEWHERE)


def test_options_are_those_that_the_plugin_takes(catalog: Catalog) -> None:
    with pytest.raises(UnknownOption, match="gitlab takes no option 'region'"):
        catalog.create("forge", "gitlab", EntryConfig(options={"region": "eu"}))
    with pytest.raises(MissingOption, match="ecr needs the option region: the region of the registry"):
        catalog.create("images", "ecr", SOMEWHERE)
    with pytest.raises(MissingOption, match="harbor needs the base_url"):
        catalog.create("images", "harbor", EntryConfig())
    assert catalog.entries() == []


@pytest.mark.parametrize(
    "literal",
    [
        {"secret_ref": PASSWORD},
        {"options": {"access_token": PASSWORD}},
        {"options": {"clientSecret": PASSWORD}},
        {"options": {"session_ref": PASSWORD}},
        {"options": {"note": f"ghp_{PASSWORD}"}},
        {"options": {"note": f"-----BEGIN PRIVATE KEY-----{PASSWORD}"}},
        {"username": f"glpat-{PASSWORD}"},
        {"base_url": f"https://ada:{PASSWORD}@registry.example.com"},
    ],
    ids=str,
)
def test_a_literal_secret_is_refused_and_not_quoted(literal: dict[str, object]) -> None:
    with pytest.raises(LiteralSecret) as refused:
        EntryConfig(**literal)  # type: ignore[arg-type]  # what a careless caller would write
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example.com",
        "registry",
        "https://",
        "https://a.example.com/?key=1",
        "https://a:99999",
        "https://[::1",
    ],
)
def test_an_address_is_one_of_the_web(url: str) -> None:
    with pytest.raises(ValueError, match="no address") as refused:
        EntryConfig(base_url=url)
    assert "key=1" not in str(refused.value)


def test_hosts_are_names(catalog: Catalog) -> None:
    with pytest.raises(ValueError, match=r"auth\.example\.com"):
        EntryConfig(hosts=("https://auth.example.com/token",))


@pytest.mark.parametrize(
    ("name", "config", "problem"),
    [
        ("", SOMEWHERE, "name: String should have at least 1 character"),
        (5, SOMEWHERE, "name: Input should be a valid string"),
        ("images", {"base_url": "https://harbor.example.com"}, "config: it is no EntryConfig"),
        ("images", None, "config: it is no EntryConfig"),
    ],
)
def test_an_entry_is_described_by_what_describes_it(
    catalog: Catalog, name: Any, config: Any, problem: str
) -> None:
    with pytest.raises(InvalidEntry) as refused:
        catalog.create(name, "harbor", config)
    assert str(refused.value) == (
        f"An entry cannot be described like this: {problem}. Write "
        '`catalog.create("images", "registry", EntryConfig(base_url="https://registry.example.com"))`.'
    )
    assert catalog.entries() == []


def test_a_catalog_is_given_plugins(catalog: Catalog) -> None:
    plugins: Any = [5]
    with pytest.raises(
        NotAPlugin, match=r"Catalog\(plugins=\.\.\.\) gives no catalog plugin: \[5\] is no Plugins"
    ):
        Catalog(catalog.app, plugins)
    with pytest.raises(NotAPlugin, match=r"5 has no provider"):
        Plugins(plugins)
