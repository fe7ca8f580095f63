"""The rounds of a worker: what it does besides calls."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio.to_thread

from framework.errors import MillraceError, NeedsAttention, StorageError
from framework.integration import reconciliation
from framework.integration.desk import Desk
from framework.integration.effects import EffectBook, Hook, happen
from framework.integration.executor import Executor
from framework.integration.gate import Gate
from framework.integration.integration import Integration
from framework.integration.notice import Notice
from framework.integration.outboxes import Outboxes
from framework.integration.reconciliation import Cursors
from framework.integration.verdict import described
from framework.observe import get_logger
from framework.runtime.engine import Engine
from framework.runtime.transaction import Transaction
from framework.runtime.work import Work
from framework.tenancy import UnknownTenant, within

if TYPE_CHECKING:
    from framework.integration.client import HTTPClient

_log = get_logger(__name__)

PROBE_EVERY = timedelta(minutes=1)
"""How often a paused integration is probed by its `test_connection`."""

PATIENCE = timedelta(seconds=1)
"""How often a side effect is looked at that waits for a vendor who may not be called now."""

EFFECTS = "side effects"
SURVEY = "which side effects are due"

Client: TypeAlias = Callable[[Integration[Any]], Awaitable["HTTPClient | None"]]


class Rounds:
    """Side effects that are due, vendors to be asked what happened, paused integrations to be probed.

    `moments` is when each of these is next due; it outlives one worker.
    """

    def __init__(
        self,
        engine: Engine,
        executor: Executor,
        desks: Sequence[Desk],
        outboxes: Outboxes,
        gates: Mapping[str, Gate],
        book: EffectBook,
        client: Client,
        moments: dict[str, datetime],
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._desks = [desk for desk in desks if desk.handlers.reconcile is not None]
        self._outboxes = outboxes
        self._gates = gates
        self._book = book
        self._client = client
        self._moments = moments
        self._cursors = Cursors(engine.database)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_surveyed = True
        self._effects_at: dict[str | None, datetime] = {}
        """When a side effect of each tenant is due."""
        self._crowded: dict[str | None, Gate] = {}
        """Where the side effects of each tenant wait for a place."""
        self._promised: list[Gate] = []

    @property
    def is_busy(self) -> bool:
        """Whether something of this is under way."""
        return bool(self._tasks)

    def begin(self) -> None:
        """Find out when to do what; runs in a thread."""
        now = self._now()
        for desk in self._desks:
            is_open = self._outboxes.is_open([desk.shape])
            at = now if is_open else now + reconciliation.EVERY
            self._at(_reconcile(desk), self._moments.get(_reconcile(desk), at))
        self._survey()
        self._engine.listeners.append(self._committed)
        self._executor.hearers.append(self._hear)

    def look(self, integrations: Mapping[str, Integration[Any]]) -> None:
        """Start what is due and not under way yet."""
        now = self._now()
        for name, gate in self._gates.items():
            probe = integrations[name].hook("test_connection") if name in integrations else None
            if gate.paused is None or probe is None:
                self._moments.pop(_probe(name), None)
            elif _probe(name) not in self._moments:
                self._at(_probe(name), now + PROBE_EVERY)
            elif self._is_due(_probe(name), now):
                self._at(_probe(name), now + PROBE_EVERY)
                self._start(_probe(name), self._probe(integrations[name], gate, probe))
        if self._executor.leads:
            self._lead(now)

    def remind(self) -> None:
        """Let the worker look again when something is due; it may have looked a little early."""
        for moment in self._moments.values():
            if moment > self._now():
                self._executor.remind(moment)

    def _lead(self, now: datetime) -> None:
        """Start what only one worker does of all that there are."""
        if not self._is_surveyed and SURVEY not in self._tasks:
            self._is_surveyed = True
            self._start(SURVEY, anyio.to_thread.run_sync(self._survey))
        for desk in self._desks:
            if self._is_due(_reconcile(desk), now) and self._gates[desk.integration.name].paused is None:
                self._at(_reconcile(desk), now + reconciliation.EVERY)
                self._start(_reconcile(desk), self._reconcile(desk, now))
        for tenant, gate in () if EFFECTS in self._tasks else tuple(self._crowded.items()):
            if gate.room(now).places > 0:  # not for calls: there may always be more of them
                gate.expected += 1
                self._promised.append(gate)
                del self._crowded[tenant]
                self._expect(tenant, now)
        if self._is_due(EFFECTS, now):
            del self._moments[EFFECTS]
            self._start(EFFECTS, self._effects())

    async def end(self, grace: float) -> None:
        """Let what is under way end, for so long."""
        if self._committed in self._engine.listeners:
            self._engine.listeners.remove(self._committed)
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=grace)
        left = list(self._tasks.values())
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        self._keep_promises()

    def _survey(self) -> None:
        """Learn from the database when side effects are due; runs in a thread."""
        for name in self._engine.tenants() if self._book.hooks else ():
            with suppress(UnknownTenant), within(name):
                self._expect(name, min(self._next_effects().values(), default=None))

    def _hear(self, notice: Notice) -> None:
        if notice.everything:
            self._is_surveyed = False
        if self._book.hooks:
            self._expect(notice.tenant, notice.effects)

    def _committed(self, work: Work) -> None:
        if any(
            change.before_row is None
            for shape in work.rows.keys() & self._book.hooks.keys()
            for change in work.rows[shape].values()
        ):
            self._effects_at[work.tenant] = self._moments[EFFECTS] = work.now
            self._executor.ring()

    def _expect(self, tenant: str | None, moment: datetime | None) -> None:
        """The next side effect of a tenant is due at this moment."""
        if moment is not None:
            self._effects_at[tenant] = min(moment, self._effects_at.get(tenant, moment))
            self._at(EFFECTS, min(moment, self._moments.get(EFFECTS, moment)))

    def _at(self, what: str, moment: datetime) -> None:
        self._moments[what] = moment
        self._executor.remind(moment)

    def _is_due(self, what: str, now: datetime) -> bool:
        at = self._moments.get(what)
        return at is not None and at <= now and what not in self._tasks

    def _start(self, what: str, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing)
        self._tasks[what] = task
        task.add_done_callback(partial(self._done, what))

    def _done(self, what: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(what, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a round of the worker broke off", what=what, exc_info=error)
        self._executor.ring()

    async def _probe(self, integration: Integration[Any], gate: Gate, probe: Callable[..., Any]) -> None:
        client = await self._client(integration)
        if client is None:
            return
        try:
            await probe(client)
        except MillraceError as error:
            gate.last_error = described(error)
            return
        gate.resume()
        _log.info("an integration is well again and goes on", integration=gate.name)

    async def _reconcile(self, desk: Desk, now: datetime) -> None:
        gate = self._gates[desk.integration.name]
        client = await self._client(desk.integration)
        if client is None:
            return
        since = await anyio.to_thread.run_sync(reconciliation.since, self._engine, self._cursors, desk, now)
        try:
            outcomes = await reconciliation.listed(desk, since, client)
        except NeedsAttention as error:
            gate.pause(described(error))
            return
        except MillraceError as error:
            gate.last_error = described(error)
            _log.warning("a vendor did not list what happened", call=desk.shape.name, reason=described(error))
            return
        await anyio.to_thread.run_sync(reconciliation.take, self._engine, self._cursors, desk, outcomes, now)

    async def _effects(self) -> None:
        """Let the side effects of all tenants happen that have some."""
        self._keep_promises()
        now = self._now()
        try:
            for name in [name for name, moment in tuple(self._effects_at.items()) if moment <= now]:
                del self._effects_at[name]
                try:
                    with suppress(UnknownTenant), within(name):  # it may have been deleted
                        await self._effects_of(name)
                except StorageError:
                    self._effects_at[name] = self._now() + timedelta(seconds=1)
                    raise
        finally:
            for name, moment in tuple(self._effects_at.items()):
                self._expect(name, moment)

    async def _effects_of(self, tenant: str | None) -> None:
        """Let side effects happen until none is due that may."""
        hooks = [hook for of_shape in self._book.hooks.values() for hook in of_shape]
        for hook in hooks:
            gate = self._gates[hook.integration.name]
            while self._executor.leads and await self._some(hook, gate):
                pass
        following = await anyio.to_thread.run_sync(self._next_effects)
        moments = [max(moment, self._free_at(tenant, hook)) for hook, moment in following.items()]
        self._expect(tenant, min(moments, default=None))

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

    def _due(self, hook: Hook, limit: int) -> Any:
        with self._engine.database.reading() as connection:
            return self._book.due(connection, hook, self._now(), limit)

    def _next_effects(self) -> dict[Hook, datetime]:
        with self._engine.database.reading() as connection:
            return self._book.next_due(connection)

    def _write(self, written: Sequence[Callable[[EffectBook, Transaction], None]]) -> None:
        def operation(transaction: Transaction) -> None:
            for write in written:
                write(self._book, transaction)

        self._engine.write(operation)

    def _now(self) -> datetime:
        return self._engine.clock.now()


def _reconcile(desk: Desk) -> str:
    return f"reconcile {desk.shape.name}"


def _probe(name: str) -> str:
    return f"probe {name}"
