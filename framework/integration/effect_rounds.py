"""The rounds of bare side effects: who leads lets them happen when they are due and their vendor has room."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio.to_thread

from framework.errors import StorageError
from framework.integration.effects import EffectBook, Hook, happen, made_any
from framework.integration.executor import Executor
from framework.integration.gate import Gate
from framework.integration.integration import Integration
from framework.integration.notice import Notice
from framework.runtime.engine import Engine
from framework.runtime.transaction import Transaction
from framework.runtime.work import Work
from framework.tenancy import UnknownTenant, within

if TYPE_CHECKING:
    from framework.integration.client import HTTPClient

Client: TypeAlias = Callable[[Integration[Any]], Awaitable["HTTPClient | None"]]

PATIENCE = timedelta(seconds=1)
"""How often a side effect is looked at that waits for a vendor who may not be called now."""


class EffectRounds:
    """Knows when a side effect of each tenant is due, from what was committed here and told by others."""

    def __init__(
        self, engine: Engine, executor: Executor, gates: Mapping[str, Gate], book: EffectBook, client: Client
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._gates = gates
        self._book = book
        self._client = client
        self.is_surveyed = True
        self.first_at: datetime | None = None
        """When the first of all is due."""
        self._due_at: dict[str | None, datetime] = {}
        self._crowded: dict[str | None, Gate] = {}
        """Where the side effects of each tenant wait for a place."""
        self._promised: list[Gate] = []

    def begin(self) -> None:
        """Find out what is due; runs in a thread."""
        self.survey()
        self._engine.listeners.append(self._committed)
        self._executor.hearers.append(self._hear)

    def end(self) -> None:
        """Nothing more is to happen here."""
        if self._committed in self._engine.listeners:
            self._engine.listeners.remove(self._committed)
        self._keep_promises()

    def survey(self) -> None:
        """Learn from the database when side effects are due; runs in a thread."""
        for name in self._engine.tenants() if self._book.hooks else ():
            with suppress(UnknownTenant), within(name):
                self._expect(name, min(self._next().values(), default=None))

    def are_due(self, now: datetime) -> bool:
        """Whether some may happen now. A place that one has waited for is kept for it, and is no call's."""
        for tenant, gate in tuple(self._crowded.items()):
            if gate.room(now).places > 0:
                gate.expected += 1
                self._promised.append(gate)
                del self._crowded[tenant]
                self._expect(tenant, now)
        return self.first_at is not None and self.first_at <= now

    async def run(self) -> None:
        """Let the side effects of all tenants happen that have some."""
        self._keep_promises()
        self.first_at, now = None, self._now()
        try:
            for name in [name for name, moment in tuple(self._due_at.items()) if moment <= now]:
                del self._due_at[name]
                try:
                    with suppress(UnknownTenant), within(name):  # it may have been deleted
                        await self._happen(name)
                except StorageError:
                    self._due_at[name] = self._now() + PATIENCE
                    raise
        finally:
            for name, moment in tuple(self._due_at.items()):
                self._expect(name, moment)

    async def _happen(self, tenant: str | None) -> None:
        """Let side effects happen until none is due that may."""
        hooks = [hook for of_shape in self._book.hooks.values() for hook in of_shape]
        for hook in hooks:
            gate = self._gates[hook.integration.name]
            while self._executor.leads and await self._some(hook, gate):
                pass
        following = await anyio.to_thread.run_sync(self._next)
        moments = [max(moment, self._free_at(tenant, hook)) for hook, moment in following.items()]
        self._expect(tenant, min(moments, default=None))

    async def _some(self, hook: Hook, gate: Gate) -> bool:
        """Let as many side effects happen at once as may; whether there were any."""
        room = gate.room(self._now())
        if room.places <= 0:
            return False
        gate.expected += room.places
        try:
            due = await anyio.to_thread.run_sync(self._due, hook, room.places)
            client = await self._client(hook.integration) if due else None
        finally:
            gate.expected -= room.places
            self._executor.ring()  # a call may have waited for the place
        if client is None:
            return False
        probe = gate.enter(len(due), self._now())
        written = await asyncio.gather(
            *(
                happen(hook, gate, effect, record, client, self._now, random.random, probe=probe)
                for effect, record in due
            )
        )
        await anyio.to_thread.run_sync(self._write, written)
        return True

    def _free_at(self, tenant: str | None, hook: Hook) -> datetime:
        """When to look whether its gate has room; not at once if it has none now."""
        gate, now = self._gates[hook.integration.name], self._now()
        room = gate.room(now)
        if room.places > 0:
            return now
        if gate.paused is None and room.until is None:
            self._crowded[tenant] = gate
        return min(room.until or now + PATIENCE, now + PATIENCE)

    def _keep_promises(self) -> None:
        """The places that were kept for side effects are theirs to take."""
        for gate in self._promised:
            gate.expected -= 1
        self._promised.clear()

    def _hear(self, notice: Notice) -> None:
        if notice.everything:
            self.is_surveyed = False
        if self._book.hooks:
            self._expect(notice.tenant, notice.effects)

    def _committed(self, work: Work) -> None:
        if made_any(work, self._book.hooks.keys()):
            self._due_at[work.tenant] = self.first_at = work.now
            self._executor.ring()

    def _expect(self, tenant: str | None, moment: datetime | None) -> None:
        """The next side effect of a tenant is due at this moment."""
        if moment is not None:
            self._due_at[tenant] = min(moment, self._due_at.get(tenant, moment))
            self.first_at = moment if self.first_at is None else min(moment, self.first_at)
            self._executor.remind(self.first_at)

    def _due(self, hook: Hook, limit: int) -> Any:
        with self._engine.database.reading() as connection:
            return self._book.due(connection, hook, self._now(), limit)

    def _next(self) -> dict[Hook, datetime]:
        with self._engine.database.reading() as connection:
            return self._book.next_due(connection)

    def _write(self, written: Sequence[Callable[[EffectBook, Transaction], None]]) -> None:
        def operation(transaction: Transaction) -> None:
            for write in written:
                write(self._book, transaction)

        self._engine.write(operation)

    def _now(self) -> datetime:
        return self._engine.clock.now()
