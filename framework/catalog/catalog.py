"""The catalog: entries are created, read, updated and deleted, tested and looked after."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Protocol, TypeVar
from uuid import UUID

from anyio.to_thread import run_sync
from pydantic import ValidationError
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from framework.catalog.config import EntryConfig
from framework.catalog.contract import Connector, EntryType, Finding, Health
from framework.catalog.errors import (
    InvalidEntry,
    MissingOption,
    NoSuchEntry,
    NotAPlugin,
    UnavailableProvider,
    UnknownOption,
    UnknownProvider,
)
from framework.catalog.examination import LONGEST, Connect, Purpose, examine
from framework.catalog.loader import Plugins, discover
from framework.catalog.records import (
    CatalogEntry,
    ConnectionTested,
    Description,
    EntryCreated,
    EntryDeleted,
    EntryUpdated,
    HealthChanged,
    Lifecycle,
    Presence,
)
from framework.clock import Clock
from framework.integration.http import open_client
from framework.model.entity import Event
from framework.model.problems import problems_of
from framework.model.record import Record
from framework.runtime.errors import NoSuchRecord
from framework.runtime.receipt import Receipt
from framework.runtime.transaction import Transaction

T = TypeVar("T")
E = TypeVar("E", bound=Event)
R = TypeVar("R", bound=Record)


class Ledger(Protocol):
    """The part of the App that the catalog uses."""

    @property
    def clock(self) -> Clock: ...
    def dispatch(self, event: E, *, key: str | None = None, actor: str | None = None) -> Receipt[E]: ...
    def transaction(self) -> AbstractContextManager[Transaction]: ...
    def get(self, model: type[R], id: UUID | None = None) -> R: ...
    def query(self, statement: SelectOfScalar[T]) -> list[T]: ...


class Catalog:
    """The entries of an App, and the plugins that know them.

    `connect` opens the clients of visits. A visit takes no longer than `longest`.
    """

    def __init__(
        self,
        app: Ledger,
        plugins: Plugins | None = None,
        *,
        connect: Connect = open_client,
        longest: timedelta = LONGEST,
    ) -> None:
        if not isinstance(plugins, Plugins | None):
            raise NotAPlugin(place="Catalog(plugins=...)", problem=f"{plugins!r} is no Plugins([...])")
        self.app = app
        self.plugins = discover() if plugins is None else plugins
        self._connect = connect
        self._longest = longest

    def create(
        self,
        name: str,
        provider: str,
        config: EntryConfig,
        *,
        key: str | None = None,
        actor: str | None = None,
    ) -> CatalogEntry:
        """Put an entry into the catalog. With `key`, once.

        Raises DispatchError: an unknown provider or option, or a name that another entry has.
        """
        connector = self.plugins.get(provider)
        _refuse_unfit(connector, config)
        description = _described(name, config)
        created = EntryCreated(type=connector.type, provider=provider, description=description)
        return self.get(self.app.dispatch(created, key=key, actor=actor).id)

    def get(self, id: UUID) -> CatalogEntry:
        """The entry with this id. Raises NoSuchEntry, also for what was deleted."""
        return _listed(self.app.get, id)

    def entries(
        self,
        *,
        type: EntryType | None = None,  # noqa: A002  # that is what it is
        provider: str | None = None,
        health: Health | None = None,
    ) -> list[CatalogEntry]:
        """The entries, all or those of a kind, by their names."""
        statement = select(CatalogEntry).where(CatalogEntry.presence == Presence.LISTED)
        if type is not None:
            statement = statement.where(CatalogEntry.type == type)
        if provider is not None:
            statement = statement.where(CatalogEntry.provider == provider)
        if health is not None:
            statement = statement.where(CatalogEntry.health == health)
        return self.app.query(statement.order_by(col(CatalogEntry.name), col(CatalogEntry.id)))

    def update(
        self,
        id: UUID,
        *,
        name: str | None = None,
        config: EntryConfig | None = None,
        actor: str | None = None,
    ) -> CatalogEntry:
        """Describe an entry anew; what is None stays, and what changes nothing is no event."""
        with self.app.transaction() as tx:
            entry = _listed(tx.get, id)
            if config is not None:
                _refuse_unfit(self.plugins.get(entry.provider), config)
            before = Description(name=entry.name, config=entry.config)
            after = _described(
                before.name if name is None else name, before.config if config is None else config
            )
            if after != before:
                tx.dispatch(EntryUpdated(entry_id=id, description=after), actor=actor)
        return self.get(id)

    def delete(self, id: UUID, *, actor: str | None = None) -> None:
        """Take an entry out of the catalog. Its history stays, and its name is free."""
        with self.app.transaction() as tx:
            _listed(tx.get, id)
            tx.dispatch(EntryDeleted(entry_id=id), actor=actor)

    def history(self, id: UUID) -> list[Lifecycle]:
        """The lifecycle of an entry, deleted or not, in the order in which it happened."""
        events: list[Lifecycle] = [
            *self.app.query(select(EntryCreated).where(EntryCreated.id == id)),
            *self.app.query(select(EntryUpdated).where(EntryUpdated.entry_id == id)),
            *self.app.query(select(EntryDeleted).where(EntryDeleted.entry_id == id)),
            *self.app.query(select(HealthChanged).where(HealthChanged.entry_id == id)),
            *self.app.query(select(ConnectionTested).where(ConnectionTested.entry_id == id)),
        ]
        return sorted(events, key=lambda event: (event.at, event.id))

    async def test_connection(self, id: UUID, *, actor: str | None = None) -> Finding:
        """Ask whether an entry's address and credentials are right, and record the answer.

        An unreachable network is an answer. Raises NoSuchEntry.
        """
        entry = await run_sync(self.get, id)
        found = await self._visit(entry, Purpose.TEST_CONNECTION)
        await run_sync(partial(self._record_test, entry, found, actor))
        return found

    async def check_health(self, id: UUID) -> Finding:
        """Look how an entry is; if that is other than before, it is an event.

        An unreachable network is an answer. Raises NoSuchEntry.
        """
        entry = await run_sync(self.get, id)
        found = await self._visit(entry, Purpose.CHECK_HEALTH)
        await run_sync(self._record_health, entry, found)
        return found

    async def _visit(self, entry: CatalogEntry, purpose: Purpose) -> Finding:
        try:
            connector = self.plugins.get(entry.provider)
        except (UnknownProvider, UnavailableProvider) as error:  # it was there when the entry was created
            return Finding(Health.UNKNOWN, str(error))
        return await examine(
            connector,
            purpose,
            entry.config,
            connect=self._connect,
            now=self.app.clock.now(),
            longest=self._longest,
        )

    def _record_test(self, visited: CatalogEntry, found: Finding, actor: str | None) -> None:
        with self.app.transaction() as tx:
            if _is_as_visited(tx, visited):
                tx.dispatch(
                    ConnectionTested(entry_id=visited.id, health=found.health, detail=found.detail),
                    actor=actor,
                )

    def _record_health(self, visited: CatalogEntry, found: Finding) -> None:
        with self.app.transaction() as tx:
            if not _is_as_visited(tx, visited):
                return
            entry = tx.get(CatalogEntry, visited.id)
            tx.update(entry, checked_at=tx.now)
            if entry.health is not found.health:
                tx.dispatch(
                    HealthChanged(
                        entry_id=entry.id, before=entry.health, after=found.health, detail=found.detail
                    )
                )


class _Reading(Protocol):
    """Reads a record, of the App or of a transaction."""

    def __call__(self, model: type[CatalogEntry], id: UUID) -> CatalogEntry: ...


def _listed(reading: _Reading, id: UUID) -> CatalogEntry:
    try:
        entry = reading(CatalogEntry, id)
    except NoSuchRecord as error:
        raise NoSuchEntry(id=id) from error
    if entry.presence is not Presence.LISTED:
        raise NoSuchEntry(id=id)
    return entry


def _is_as_visited(tx: Transaction, visited: CatalogEntry) -> bool:
    """Whether the entry is still what was visited: what was found elsewhere says nothing about it."""
    entry = tx.get(CatalogEntry, visited.id)
    return entry.presence is Presence.LISTED and entry.config == visited.config


def _described(name: str, config: EntryConfig) -> Description:
    """Raises InvalidEntry for what describes nothing."""
    try:
        return Description(name=name, config=config)
    except ValidationError as error:
        raise InvalidEntry(problems=problems_of(error)) from None  # it shows the config


def _refuse_unfit(connector: Connector, config: EntryConfig) -> None:
    """Raise InvalidEntry, UnknownOption or MissingOption unless the config has what the plugin takes."""
    if not isinstance(config, EntryConfig):
        raise InvalidEntry(problems="config: it is no EntryConfig")
    known = {**connector.required, **connector.optional}
    for option in config.options:
        if option not in known:
            raise UnknownOption(
                provider=connector.provider, option=option, options=_listing(known) or "it has none"
            )
    for option, purpose in connector.required.items():
        if option not in config.options:
            raise MissingOption(provider=connector.provider, option=f"option {option}", purpose=purpose)
    if connector.needs_address and not (config.base_url or connector.default_url):
        raise MissingOption(provider=connector.provider, option="base_url", purpose="its address")


def _listing(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
