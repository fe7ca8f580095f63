"""The embedded executor: work finds the worker within the process, and nothing is polled."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial

import anyio.to_thread

from framework.integration.agenda import Agenda
from framework.integration.executor import Look, Stats
from framework.integration.notice import Notice
from framework.integration.outbox import Outbox
from framework.integration.outboxes import Outboxes
from framework.integration.share import Crew
from framework.runtime.engine import Engine
from framework.runtime.transaction import Transaction
from framework.runtime.work import Work
from framework.tenancy import UnknownTenant, within


class Alarm:
    """Wakes one event loop: at once from any thread, or after a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._rung = asyncio.Event()

    @property
    def is_ringing(self) -> bool:
        return self._rung.is_set()

    def ring(self) -> None:
        if self._rung.is_set():
            return
        if threading.get_ident() == self._thread:
            self._rung.set()
        else:
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self, seconds: float | None) -> None:
        """Return when rung, at the latest after so many seconds."""
        if not self._rung.is_set():
            timer = None if seconds is None else self._loop.call_later(max(0.0, seconds), self._rung.set)
            try:
                await self._rung.wait()
            finally:
                if timer is not None:
                    timer.cancel()
        self._rung.clear()


class EmbeddedExecutor:
    """Commits wake the worker, and so do the moments that committed rows name.

    Its process is the only one that carries out calls: leases that are found at the start are those of a
    dead worker.
    """

    def __init__(self, engine: Engine, outboxes: Outboxes) -> None:
        self._engine = engine
        self._outboxes = outboxes
        self._agenda = Agenda()
        self._alarm: Alarm | None = None
        self._quiet = asyncio.Event()
        self._stopped = False
        self._is_surveyed = False
        self.hearers: list[Callable[[Notice], None]] = []
        self.sharers: list[Callable[[Crew], None]] = []

    @property
    def worker(self) -> str:
        return f"{os.uname().nodename}:{os.getpid()}"

    @property
    def leads(self) -> bool:
        return True

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(self.recover)
        yield

    def enqueue(
        self, transaction: Transaction | None, outbox: Outbox, moment: datetime, *, sure: bool = True
    ) -> None:
        """Look at `moment`. The row itself is the entry, so nothing is written here."""
        if self._agenda.note(outbox, moment, self._engine.clock.now(), sure=sure):
            self.ring()

    def remind(self, moment: datetime) -> None:
        if self._agenda.note(None, moment, self._engine.clock.now()):
            self.ring()

    def cancel(self, transaction: Transaction, outbox: Outbox) -> None:
        """A row that is due no more is no entry any more; looking for it in vain costs one look-up."""

    async def run(self, look: Look) -> None:
        self._alarm = Alarm()
        self._stopped = self._is_surveyed = False
        self._engine.listeners.append(self._committed)
        try:
            while not self._stopped:
                if not self._is_surveyed:
                    self._is_surveyed = True
                    await anyio.to_thread.run_sync(self._survey)
                quiet = await look(self._agenda.take(self._engine.clock.now()))
                if quiet and not self._alarm.is_ringing and not self._is_due():
                    self._quiet.set()
                await self._alarm.wait(self._seconds())
                self._quiet.clear()
        finally:
            self._engine.listeners.remove(self._committed)
            self._alarm = None
            self._quiet.set()

    def stop(self) -> None:
        self._stopped = True
        self.ring()

    def recover(self, dead: Collection[str] = (), renewed_at: datetime | None = None) -> int:
        """Void the leases of these workers; of all, where one works at a time. See Leases."""

        def operation(outboxes: list[Outbox], transaction: Transaction) -> int:
            connection, now = transaction.work.connection, transaction.now
            return sum(outbox.leases.void(connection, now, dead, renewed_at) for outbox in outboxes)

        found = 0
        for name, outboxes in self._outboxes.by_tenant():
            with suppress(UnknownTenant), within(name):  # it may have been deleted
                found += self._engine.write(partial(operation, outboxes))
        return found

    def stats(self) -> Stats:
        now = self._engine.clock.now()
        due: dict[str, int] = {}
        moments = []
        for name, outboxes in self._outboxes.by_tenant():
            with within(name), self._engine.database.reading() as connection:
                for box in outboxes:
                    due[box.desk.shape.name] = due.get(box.desk.shape.name, 0) + box.count_due(
                        connection, now
                    )
                    moments.append(box.next_due(connection))
        return Stats(due, min((moment for moment in moments if moment is not None), default=None))

    async def drain(self) -> None:
        if self._alarm is not None:
            self._quiet.clear()
            self.ring()
            await self._quiet.wait()

    def ring(self) -> None:
        alarm = self._alarm
        if alarm is not None:
            alarm.ring()

    def _survey(self) -> None:
        """Learn from the database when there is something to do; from then on commits tell."""
        now = self._engine.clock.now()
        for name, outboxes in self._outboxes.by_tenant():
            with suppress(UnknownTenant), within(name), self._engine.database.reading() as connection:
                for outbox in outboxes:
                    moment = outbox.next_due(connection)
                    if moment is not None:
                        self._agenda.note(outbox, moment, now, sure=False)

    def _committed(self, work: Work) -> None:
        """Learn from a committed transaction which calls have something to do, and when."""
        rings = False
        for shape in work.rows.keys() & self._outboxes.shapes:
            outbox = self._outboxes.of(shape, work.tenant)
            for change in work.rows[shape].values():
                row = change.after_row
                moment = None if row is None else row["_due_at"]
                if moment is not None and row is not None and row["_leased_until"] is None:
                    rings = self._agenda.note(outbox, moment, work.now) or rings
                elif outbox.ordered and change.before_row is not None:
                    rings = (
                        self._agenda.note(outbox, work.now, work.now) or rings
                    )  # the next of its key may go
        if rings:
            self.ring()

    def _is_due(self) -> bool:
        first = self._agenda.next()
        return first is not None and first <= self._engine.clock.now()

    def _seconds(self) -> float | None:
        first = self._agenda.next()
        return None if first is None else (first - self._engine.clock.now()).total_seconds()
