"""The shared executor: the work of one PostgreSQL database finds the workers of many processes.

1. Calls are claimed row by row, so that any number of workers may claim. What only one may do, the leader
   does.
2. What other processes commit is told; should it be missed, every worker looks for itself once in a while.
3. A worker that is gone is noticed by its lock, and the leases of what it had under way are void.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio.to_thread

from framework.errors import StorageError
from framework.integration.embedded import EmbeddedExecutor
from framework.integration.notice import EVERYTHING, MISSED, Notice
from framework.integration.outboxes import Outboxes
from framework.integration.share import Crew
from framework.observe import get_logger
from framework.plan.shape import Shape
from framework.runtime.engine import Engine
from framework.storage.crier import Crier
from framework.storage.errors import DatabaseUnreachable
from framework.tenancy import UnknownTenant, within

if TYPE_CHECKING:  # the driver is an extra
    from framework.storage.presence import Presence

_log = get_logger(__name__)

LOOK_ROUND = 2.0
"""Every so many seconds a worker looks whether others are gone, and whether somebody leads."""

GRACE = 1.0
"""Who is still missing after so many seconds is dead, and not only about to connect again."""

LOOK_INSIDE = 20.0
"""Every so many seconds a worker looks into the database, should it have missed something."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds between attempts to connect again; others are not looked for until all have had the time."""


class SharedExecutor(EmbeddedExecutor):
    """Commits of any process wake the worker, and so do the moments that rows name."""

    def __init__(self, engine: Engine, outboxes: Outboxes, presence: "Presence", crier: Crier) -> None:
        super().__init__(engine, outboxes)
        self._presence = presence
        self._crier = crier
        self._by_name: dict[str, Shape] = {shape.name: shape for shape in outboxes.shapes}
        self._led = True
        self._there: frozenset[str] = frozenset()
        self._left: frozenset[str] = frozenset()
        self._crew: Crew | None = None
        self._missing: frozenset[str] = frozenset()
        self._missing_since = engine.clock.now()
        self._listeners: frozenset[str] = frozenset()
        self._has_seen_to_the_missing = asyncio.Event()

    @property
    def worker(self) -> str:
        return self._presence.name

    @property
    def leads(self) -> bool:
        return self._presence.leads

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[None]:
        await self._enter()
        try:
            self._has_seen_to_the_missing.clear()
            attending = asyncio.create_task(self._attend())
            try:
                yield
            finally:
                attending.cancel()
                await asyncio.wait({attending})
        finally:
            self._has_seen_to_the_missing.set()  # nobody is to wait for it any more
            self._crier.alone = False
            with anyio.CancelScope(shield=True):
                await self._presence.leave(Notice(by=self._engine.token, left=self._presence.token).text())

    async def _enter(self) -> None:
        self._missing_since = self._engine.clock.now()
        await self._presence.enter(Notice(by=self._engine.token, joined=self._presence.token).text())
        self._missing = frozenset()  # who came and went meanwhile was not heard
        self._know(self._there | await self._presence.living())
        if self._led:  # who led goes on, before others try: it may have side effects under way
            await self._lead()

    async def _lead(self) -> bool:
        """Lead, if nobody else does; whether that is new, and then the others are told."""
        is_new = await self._presence.lead()
        if is_new:
            self._know(self._there)
            self._crier.cry(Notice(by=self._engine.token, leads=self._presence.token).text())
        return is_new

    def _know(self, there: frozenset[str]) -> None:
        """So many are there. Alone, nobody need be told. Those that have left do nothing more, but what they
        had under way is seen to only when they are gone for sure.
        """
        self._there = there
        was_alone, self._crier.alone = self._crier.alone, there == {self._presence.token}
        if was_alone and not self._crier.alone:  # nobody was told what was committed since the other came
            self._crier.cry(Notice(by=self._engine.token, everything=True).text())
        crew = Crew(self._presence.token, there - self._left, self._presence.leader)
        if crew != self._crew:
            self._crew = crew
            for share in self.sharers:
                share(crew)
            self.ring()

    async def _attend(self) -> None:
        """Hear what others tell, and look after them, also after the connection was lost."""
        pause = FIRST_PAUSE
        entered = True
        while True:
            try:
                if not entered:
                    await self._enter()
                    entered = True
                    self._hear(MISSED)
                    await self._listen(LONGEST_PAUSE + GRACE)
                if not self._has_seen_to_the_missing.is_set():
                    await self._see_to_the_missing()
                pause = FIRST_PAUSE
                await self._look_round_and_round()
            except Exception as error:  # noqa: BLE001  # whoever stops listening is deaf for good
                _log.warning("a worker does not hear the others", reason=str(error), again_in=pause)
                entered = entered and not isinstance(error, DatabaseUnreachable)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _see_to_the_missing(self) -> None:
        """What was under way when this worker came, of workers that are not there: they are dead if they do
        not come back while those do who were only cut off.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + LONGEST_PAUSE + GRACE
        self._missing = frozenset(await anyio.to_thread.run_sync(self._missed))
        while self._missing and loop.time() < end:
            await self._listen(GRACE / 4)  # who comes meanwhile is not missed any more
            self._missing &= await anyio.to_thread.run_sync(self._missed)
        missed, self._missing = self._missing, frozenset()
        if missed:
            found = await anyio.to_thread.run_sync(self.recover, missed, self._missing_since)
            _log.warning("workers were gone when this one came", workers=sorted(missed), calls=found)
            self._hear(EVERYTHING)
        self._has_seen_to_the_missing.set()

    def _missed(self) -> set[str]:
        now = self._engine.clock.now()
        missed: set[str] = set()
        for name, outboxes in self._outboxes.by_tenant():
            with suppress(UnknownTenant), within(name), self._engine.database.reading() as connection:
                for outbox in outboxes:
                    missed |= outbox.leases.missed(connection, now, self._missing_since)
        return missed

    async def drain(self) -> None:
        await self._has_seen_to_the_missing.wait()
        await super().drain()

    async def _look_round_and_round(self) -> None:
        loop = asyncio.get_running_loop()
        inside_at = loop.time() + LOOK_INSIDE
        while True:
            await self._listen(GRACE if self._missing else LOOK_ROUND)
            await self._look_round()
            if loop.time() >= inside_at:
                inside_at = loop.time() + LOOK_INSIDE
                self._hear(EVERYTHING)

    async def _listen(self, seconds: float) -> None:
        async for text in self._presence.heard(seconds):
            self._hear(Notice.read(text))

    async def _look_round(self) -> None:
        living = await self._presence.living()
        self._left -= living
        await self._listen(0.0)  # who was back meanwhile has said so, and may only have been cut off again
        gone = self._there - living
        dead = gone & self._missing  # and not who is gone since a moment ago
        if dead:
            found = await anyio.to_thread.run_sync(self.recover, dead, self._missing_since)
            _log.warning("a worker is gone", workers=sorted(dead), calls=found)
            self._there, gone = self._there - dead, gone - dead
            self._hear(EVERYTHING)
        self._left &= self._there
        self._know(self._there | living)
        if gone or self._listeners - self._presence.listeners:
            self._hear(EVERYTHING)  # they may have gone after a commit and before they told of it
        self._listeners = self._presence.listeners
        self._miss(gone)
        if await self._lead():
            self._hear(EVERYTHING)
        self._led = self._presence.leads

    def _miss(self, gone: frozenset[str]) -> None:
        """If they do not come back, they are dead. Until then all others have renewed their leases: what they
        only look at, nobody has written down.
        """
        self._missing, self._missing_since = gone, self._engine.clock.now()
        if gone:
            renewing = Notice(by=self._engine.token, renew=True)
            self._crier.cry(renewing.text())
            for hear in self.hearers:
                hear(renewing)

    def _survey(self) -> None:
        try:
            super()._survey()
        except StorageError as error:
            _log.warning("a worker does not see what is due", reason=str(error))

    def _hear(self, notice: Notice) -> None:
        """Something was committed; what was committed here is known already."""
        if notice.by == self._engine.token:
            return
        now = self._engine.clock.now()
        if notice.joined or notice.left or notice.leads:
            self._hear_of(notice)
        if notice.asks:
            self._listeners |= {notice.asks}
        if notice.everything:
            self._is_surveyed = False
            self.ring()
        for name, moment in notice.calls.items():
            shape = self._by_name.get(name)
            if shape is not None:  # another version of the program may have it
                outbox = self._outboxes.of(shape, notice.tenant)
                self.enqueue(None, outbox, max(moment, now), sure=name not in notice.later)
        for hear in self.hearers:
            hear(notice)

    def _hear_of(self, notice: Notice) -> None:
        """Another worker has come, has gone, or leads from now on."""
        self._missing -= {notice.joined}
        self._left = self._left - {notice.joined} | ({notice.left} if notice.left else set())
        if notice.leads:
            self._presence.leader = notice.leads
        self._know(self._there | ({notice.joined} if notice.joined else set()))
