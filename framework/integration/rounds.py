"""The rounds of a worker: what it does besides calls."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import anyio.to_thread

from framework.errors import MillraceError, NeedsAttention
from framework.integration import reconciliation
from framework.integration.desk import Desk
from framework.integration.effect_rounds import Client, EffectRounds
from framework.integration.effects import EffectBook
from framework.integration.executor import Executor
from framework.integration.gate import Gate
from framework.integration.integration import Integration
from framework.integration.outboxes import Outboxes
from framework.integration.reconciliation import Cursors
from framework.integration.verdict import described
from framework.observe import get_logger
from framework.runtime.engine import Engine

_log = get_logger(__name__)

PROBE_EVERY = timedelta(minutes=1)
"""How often a paused integration is probed by its `test_connection`."""

EFFECTS = "side effects"
SURVEY = "which side effects are due"


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
        self._client = client
        self._moments = moments
        self._cursors = Cursors(engine.database)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._effects = EffectRounds(engine, executor, gates, book, client)

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
        self._effects.begin()

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
        now = self._now()
        for moment in (*self._moments.values(), self._effects.first_at):
            if moment is not None and moment > now:
                self._executor.remind(moment)

    def _lead(self, now: datetime) -> None:
        """Start what only one worker does of all that there are."""
        if not self._effects.is_surveyed and SURVEY not in self._tasks:
            self._effects.is_surveyed = True
            self._start(SURVEY, anyio.to_thread.run_sync(self._effects.survey))
        for desk in self._desks:
            if self._is_due(_reconcile(desk), now) and self._gates[desk.integration.name].paused is None:
                self._at(_reconcile(desk), now + reconciliation.EVERY)
                self._start(_reconcile(desk), self._reconcile(desk, now))
        if EFFECTS not in self._tasks and self._effects.are_due(now):
            self._start(EFFECTS, self._effects.run())

    async def end(self, grace: float) -> None:
        """Let what is under way end, for so long."""
        self._effects.end()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=grace)
        left = list(self._tasks.values())
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

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

    def _now(self) -> datetime:
        return self._engine.clock.now()


def _reconcile(desk: Desk) -> str:
    return f"reconcile {desk.shape.name}"


def _probe(name: str) -> str:
    return f"probe {name}"
