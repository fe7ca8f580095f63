"""Deadlines turn, and records that are not kept go, at their time, while a worker is at work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread

from framework.integration.embedded import Alarm
from framework.plan.node import DeadlineNode
from framework.runtime.engine import Engine
from framework.runtime.sweeping import Sweeper
from framework.runtime.timer import next_turn, turn_due
from framework.runtime.work import Work


@asynccontextmanager
async def turning(engine: Engine) -> AsyncIterator[None]:
    """Turn deadlines, and let records go, at their time while the block runs: those that are due, before it
    begins. Nothing runs where none are declared.
    """
    sweeper = Sweeper(engine)
    hosts = sweeper.shapes.union(node.host for node in engine.plan.nodes if isinstance(node, DeadlineNode))
    if not hosts:
        yield
        return
    alarm = Alarm()

    def committed(work: Work) -> None:
        if not hosts.isdisjoint(work.rows):
            sweeper.note(work)
            alarm.ring()

    engine.listeners.append(committed)
    await anyio.to_thread.run_sync(turn_due, engine)
    await anyio.to_thread.run_sync(sweeper.sweep)
    turner = asyncio.create_task(_turn(engine, sweeper, alarm))
    try:
        yield
    finally:
        engine.listeners.remove(committed)
        turner.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({turner})
        if not turner.cancelled():
            turner.result()


async def _turn(engine: Engine, sweeper: Sweeper, alarm: Alarm) -> None:
    while True:
        turns = await anyio.to_thread.run_sync(next_turn, engine)
        goes = await anyio.to_thread.run_sync(sweeper.next_moment)
        moment = min((one for one in (turns, goes) if one is not None), default=None)
        seconds = None if moment is None else (moment - engine.clock.now()).total_seconds()
        await alarm.wait(seconds)
        await anyio.to_thread.run_sync(turn_due, engine)
        await anyio.to_thread.run_sync(sweeper.sweep)
