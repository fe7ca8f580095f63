"""Deadlines turn by themselves while a worker is at work, and records go: at their time, not by asking."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import anyio
import anyio.to_thread

from framework.integration.embedded import Alarm
from framework.plan.node import DeadlineNode
from framework.runtime.engine import Engine
from framework.runtime.sweeping import Sweeper
from framework.runtime.timer import next_turn, turn_due
from framework.runtime.work import Work
from framework.tenancy import UnknownTenant, within


class Timers:
    """Deadlines and retentions, and when the next of them has something to do: of each tenant by itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sweepers: dict[str | None, Sweeper] = {}
        self._moments: dict[str | None, datetime] = {}
        self._touched: dict[str | None, None] = {}

    def note(self, work: Work) -> None:
        """Something was written that may have changed the next moment of its tenant."""
        self._sweeper(work.tenant).note(work)
        self._touched[work.tenant] = None

    def run_all(self) -> None:
        """Do what is due of all tenants."""
        for name in self._engine.tenants():
            self._run(name)

    def run_due(self) -> None:
        """Do what is due of the tenants whose time has come, or for whom something was written."""
        now = self._engine.clock.now()
        due = [name for name, moment in self._moments.items() if moment <= now]
        for name in dict.fromkeys((*due, *tuple(self._touched))):
            self._touched.pop(name, None)
            self._run(name)

    def seconds(self) -> float | None:
        """How long there is nothing to do; None until something is written."""
        first = min(self._moments.values(), default=None)
        return None if first is None else (first - self._engine.clock.now()).total_seconds()

    def _run(self, tenant: str | None) -> None:
        sweeper = self._sweeper(tenant)
        self._moments.pop(tenant, None)
        try:
            with within(tenant):
                turn_due(self._engine)
                sweeper.sweep()
                moments = [one for one in (next_turn(self._engine), sweeper.next_moment()) if one is not None]
        except UnknownTenant:  # it has been deleted
            self._sweepers.pop(tenant, None)
            return
        if moments:
            self._moments[tenant] = min(moments)

    def _sweeper(self, tenant: str | None) -> Sweeper:
        return self._sweepers.get(tenant) or self._sweepers.setdefault(tenant, Sweeper(self._engine))


@asynccontextmanager
async def turning(engine: Engine) -> AsyncIterator[None]:
    """Turn deadlines, and let records go, at their time while the block runs: those that are due, before it
    begins. Nothing runs where none are declared.
    """
    hosts = frozenset(plan.shape for plan in engine.plan.retentions).union(
        node.host for node in engine.plan.nodes if isinstance(node, DeadlineNode)
    )
    if not hosts:
        yield
        return
    alarm = Alarm()
    timers = Timers(engine)

    def committed(work: Work) -> None:
        if not hosts.isdisjoint(work.rows):
            timers.note(work)
            alarm.ring()

    engine.listeners.append(committed)
    await anyio.to_thread.run_sync(timers.run_all)
    turner = asyncio.create_task(_turn(timers, alarm))
    try:
        yield
    finally:
        engine.listeners.remove(committed)
        turner.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({turner})
        if not turner.cancelled():
            turner.result()


async def _turn(timers: Timers, alarm: Alarm) -> None:
    while True:
        await alarm.wait(timers.seconds())
        await anyio.to_thread.run_sync(timers.run_due)
