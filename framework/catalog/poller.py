"""The health poller: every entry is looked at in its turn, by the App's clock."""

from datetime import datetime, timedelta
from uuid import UUID

import anyio
from anyio.to_thread import run_sync

from framework.catalog.catalog import Catalog
from framework.catalog.contract import Finding
from framework.catalog.errors import NoSuchEntry
from framework.catalog.records import CatalogEntry


class HealthPoller:
    """Looks at every entry `every` so often, at most `at_once` of them at the same time."""

    def __init__(
        self, catalog: Catalog, every: timedelta = timedelta(minutes=1), *, at_once: int = 8
    ) -> None:
        assert every > timedelta(0), "An interval is positive"
        self._catalog = catalog
        self._every = every
        self._limit = anyio.CapacityLimiter(at_once)

    async def poll(self) -> dict[str, Finding]:
        """Look at the entries whose turn it is; returns what was found, by their names, in order.

        One that does not answer keeps no other waiting. What was deleted meanwhile is left out.
        """
        found: dict[UUID, Finding] = {}
        due = await run_sync(self._due)
        async with anyio.create_task_group() as tasks:
            for entry in due:
                tasks.start_soon(self._look, entry.id, found)
        return {entry.name: found[entry.id] for entry in due if entry.id in found}

    async def run(self) -> None:
        """Look after the entries until cancelled."""
        while True:
            await self.poll()
            wait = await run_sync(self._until_next)
            await anyio.sleep(wait.total_seconds())

    async def _look(self, id: UUID, found: dict[UUID, Finding]) -> None:
        async with self._limit:
            try:
                found[id] = await self._catalog.check_health(id)
            except NoSuchEntry:  # it was deleted since it was due
                return

    def _due(self) -> list[CatalogEntry]:
        now = self._catalog.app.clock.now()
        return [entry for entry in self._catalog.entries() if self._turn(entry, now) <= now]

    def _turn(self, entry: CatalogEntry, now: datetime) -> datetime:
        """When the entry is to be looked at next. A clock that was set back delays nothing."""
        if entry.checked_at is None or entry.checked_at > now:
            return now
        return entry.checked_at + self._every

    def _until_next(self) -> timedelta:
        """How long nothing is due: a part of the interval at most, for new entries come unannounced."""
        now = self._catalog.app.clock.now()
        turns = [self._turn(entry, now) for entry in self._catalog.entries()]
        soonest = min(turns, default=now + self._every) - now
        return min(max(soonest, self._every / 20), self._every / 4)
