"""Deadlines turn by themselves while a worker is at work: at their time, and not by asking."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread

from framework.integration.embedded import Alarm
from framework.plan.node import DeadlineNode
from framework.runtime.engine import Engine
from framework.runtime.timer import next_turn, turn_due
from framework.runtime.work import Work


@asynccontextmanager
async def turning(engine: Engine) -> AsyncIterator[None]:
    """Turn deadlines at their time while the block runs: those that are due, before it begins. Nothing runs
    where none are declared.
    """
    hosts = frozenset(node.host for node in engine.plan.nodes if isinstance(node, DeadlineNode))
    if not hosts:
        yield
        return
    alarm = Alarm()

    def committed(work: Work) -> None:
        if not hosts.isdisjoint(work.rows):
            alarm.ring()

    engine.listeners.append(committed)
    await anyio.to_thread.run_sync(turn_due, engine)
    turner = asyncio.create_task(_turn(engine, alarm))
    try:
        yield
    finally:
        engine.listeners.remove(committed)
        turner.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({turner})
        if not turner.cancelled():
            turner.result()


async def _turn(engine: Engine, alarm: Alarm) -> None:
    while True:
        moment = await anyio.to_thread.run_sync(next_turn, engine)
        seconds = None if moment is None else (moment - engine.clock.now()).total_seconds()
        await alarm.wait(seconds)
        await anyio.to_thread.run_sync(turn_due, engine)
