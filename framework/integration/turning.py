"""Deadlines turn by themselves while a worker is at work, and records go: at their time, not by asking."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import anyio
import anyio.to_thread

from framework.errors import StorageError
from framework.integration.embedded import Alarm
from framework.integration.executor import Executor
from framework.integration.notice import EVERYTHING, Notice
from framework.observe import get_logger
from framework.plan.node import DeadlineNode
from framework.runtime.engine import Engine
from framework.runtime.sweeping import Sweeper
from framework.runtime.timer import next_turn, turn_due
from framework.runtime.work import Work
from framework.tenancy import UnknownTenant, within

AGAIN = 1.0
"""Seconds after which is tried again what the database did not do."""

_log = get_logger(__name__)


class Timers:
    """Deadlines and retentions, and when the next of them has something to do: of each tenant by itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sweepers: dict[str | None, Sweeper] = {}
        self._moments: dict[str | None, datetime] = {}
        self._touched: dict[str | None, None] = {}
        self._is_surveyed = False

    def hear(self, notice: Notice) -> None:
        """Something was committed in another process."""
        if notice.everything:
            self._is_surveyed = False
        if notice.turns is not None:
            self._moments[notice.tenant] = min(notice.turns, self._moments.get(notice.tenant, notice.turns))
        if notice.crowded:
            self._sweeper(notice.tenant).expect(self._read(notice.crowded))

    def note(self, work: Work) -> None:
        """Something was written that may have changed the next moment of its tenant."""
        self._sweeper(work.tenant).note(work)
        self._touched[work.tenant] = None

    def forget(self) -> None:
        """Nothing is known of what was committed while another led."""
        self._sweepers.clear()
        self._moments.clear()
        self._is_surveyed = False

    def run(self) -> None:
        """Do what is due of the tenants whose time has come, or for whom something was written; at first, and
        whenever something may have been missed, of all.
        """
        if not self._is_surveyed:
            self._is_surveyed = True
            for name in self._engine.tenants():
                self._run(name)
            return
        now = self._engine.clock.now()
        due = [name for name, moment in self._moments.items() if moment <= now]
        for name in dict.fromkeys((*due, *tuple(self._touched))):
            self._touched.pop(name, None)
            self._run(name)

    def seconds(self) -> float | None:
        """How long there is nothing to do; None until something is written."""
        first = min(self._moments.values(), default=None)
        return None if first is None else (first - self._engine.clock.now()).total_seconds()

    def _read(self, crowded: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """The values of a notice as records have them."""
        read: dict[str, list[Any]] = {}
        for plan in self._engine.plan.retentions:
            if plan.name in crowded and plan.per is not None:
                statements = self._engine.database.statements[plan.shape]
                is_id = statements.table.c[plan.per].type.python_type is UUID
                decode = UUID if is_id else partial(statements.codec.decode_one, plan.per)
                read[plan.name] = [decode(value) for value in crowded[plan.name] if value is not None]
        return read

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
async def turning(engine: Engine, executor: Executor | None = None) -> AsyncIterator[None]:
    """Turn deadlines, and let records go, at their time while the block runs: those that are due, before it
    begins. Nothing runs where none are declared, or while the worker of this executor does not lead.
    """
    hosts = frozenset(plan.shape for plan in engine.plan.retentions).union(
        node.host for node in engine.plan.nodes if isinstance(node, DeadlineNode)
    )
    if not hosts:
        yield
        return
    alarm = Alarm()
    timers = Timers(engine)

    def leads() -> bool:
        return executor is None or executor.leads

    def committed(work: Work) -> None:
        if leads() and not hosts.isdisjoint(work.rows):
            timers.note(work)
            alarm.ring()

    def heard(notice: Notice) -> None:
        if leads():
            timers.hear(notice)
            alarm.ring()

    engine.listeners.append(committed)
    if executor is not None:
        executor.hearers.append(heard)
    await anyio.to_thread.run_sync(timers.run)
    turner = asyncio.create_task(_turn(timers, alarm, leads))
    try:
        yield
    finally:
        engine.listeners.remove(committed)
        if executor is not None:
            executor.hearers.remove(heard)
        turner.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({turner})
        if not turner.cancelled():
            turner.result()


async def _turn(timers: Timers, alarm: Alarm, leads: Callable[[], bool]) -> None:
    led = leads()
    while True:
        await alarm.wait(timers.seconds() if leads() else None)  # whoever comes to lead hears of it
        if not leads():
            led = False
            continue
        if not led:
            led = True
            timers.forget()
        try:
            await anyio.to_thread.run_sync(timers.run)
        except StorageError as error:
            _log.warning("deadlines do not turn at present", reason=str(error))
            timers.hear(EVERYTHING)
            await asyncio.sleep(AGAIN)
            alarm.ring()
