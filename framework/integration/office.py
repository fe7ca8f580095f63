"""The office of an App: all that it has to do with vendors. Without calls and integrations it stays shut."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread

from framework.integration.effects import EffectBook, hooks_of
from framework.integration.integration import Integration
from framework.integration.letterbox import Letterbox, letterboxes_of
from framework.integration.notice import Announcer
from framework.integration.service import desks_of
from framework.integration.turning import turning
from framework.integration.worker import Worker
from framework.integration.workshop import Workshop
from framework.observe import Metrics
from framework.plan.plan import Plan
from framework.runtime.engine import Engine


class Office:
    """Who serves which calls, where deliveries arrive, and who does the work."""

    def __init__(
        self,
        plan: Plan,
        integrations: Sequence[Integration[Any]],
        engine: Callable[[], Engine],
        metrics: Metrics,
        *,
        strict: bool,
    ) -> None:
        self.desks = desks_of(plan, integrations, metrics, strict=strict)
        desks = list(self.desks.values())
        self._engine_of = engine
        self._hooks = hooks_of(plan, integrations)
        self.workshop = Workshop(engine, integrations, desks, self._hooks, metrics)
        self.letterboxes: Mapping[tuple[str, str], Letterbox] = letterboxes_of(integrations, desks)

    def attend(self, engine: Engine) -> None:
        """Take what transactions of an engine make from now on: calls, side effects, notices to others."""
        for shape, desk in self.desks.items():
            engine.doors[shape].enrol = desk.enrol
        if self._hooks:
            engine.closers.append(EffectBook(engine.database, self._hooks).write)
        if engine.database.crier is not None:
            engine.listeners.append(Announcer(engine, self.desks.values(), self._hooks).announce)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Worker]:
        """Carry out calls, and turn deadlines, while the block runs."""
        async with self.workshop.working() as worker, turning(self._engine_of(), worker.executor):
            yield worker

    async def run(self) -> None:
        """Work until cancelled, on a database that is ready; then what is under way may end."""
        await anyio.to_thread.run_sync(self._engine_of().database.check)
        async with self.working():
            await anyio.sleep_forever()

    async def settle(self, timeout: float) -> None:  # noqa: ASYNC109  # how long to wait for others
        """Carry out what is due until nothing is."""
        async with turning(self._engine_of()):
            await self.workshop.settle(timeout)
