"""The workshop of an App: its one worker, what it knows of its vendors, and what an operator may do."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import anyio
import anyio.to_thread

from framework.clock import SystemClock
from framework.errors import DispatchError
from framework.integration import requests
from framework.integration.accord import Accord
from framework.integration.attempts import Attempt, Attempts
from framework.integration.desk import Desk
from framework.integration.effects import Hook
from framework.integration.executors import listening
from framework.integration.gate import Gate
from framework.integration.integration import Integration
from framework.integration.orphans import Orphans
from framework.integration.outbox import Outbox
from framework.integration.visit import admitted
from framework.integration.worker import Worker
from framework.model.apicall import PATIENCE, APICall, IntegrationEvent
from framework.model.payload import Payload
from framework.model.record import Record
from framework.observe import Metrics, get_logger
from framework.runtime.asking import id_of, shortened, uuid_or_none
from framework.runtime.engine import Engine
from framework.runtime.present import detached
from framework.runtime.transaction import Transaction
from framework.runtime.uses import require
from framework.tenancy import context_outside, nobody, within

if TYPE_CHECKING:
    from framework.integration.client import HTTPClient

_log = get_logger(__name__)

R = TypeVar("R")

ELSEWHERE = 0.1
"""Every so many seconds is looked whether workers of other processes are done."""


class NoSuchIntegration(DispatchError):
    """This App has no integration {name!r}. It has: {known}."""


class NoSuchCall(DispatchError):
    """There is no call with the id {id} that an integration of this App serves."""


class NobodyServes(DispatchError):
    """No integration of this App serves {call}."""


class NotDead(DispatchError):
    """The {model} {id} is not dead but {status}. Only calls that the framework gave up can be tried again."""


@dataclass(frozen=True)
class Health:
    """How one integration is: so many calls `due` and `running`; `paused` says why it waits; `orphans` are
    events that have waited an hour for their call.
    """

    integration: str
    paused: str | None
    breaker: str
    running: int
    due: int
    dead: int
    orphans: int
    last_error: str | None

    @property
    def is_well(self) -> bool:
        return self.paused is None and self.breaker == "closed"


class Workshop:
    """Everything about carrying out calls that outlives one worker."""

    def __init__(
        self,
        engine: Callable[[], Engine],
        integrations: Sequence[Integration[Any]],
        desks: Sequence[Desk],
        hooks: Sequence[Hook],
        metrics: Metrics,
    ) -> None:
        self._engine_of = engine
        self._integrations = integrations
        self._desks = desks
        self._hooks = hooks
        self._metrics = metrics
        self.gates = {one.name: Gate(one.name, one.policy) for one in integrations}
        self._accord = Accord(engine, self.gates, {hook.integration.name for hook in hooks})
        self._moments: dict[str, datetime] = {}
        self._worker: Worker | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def engine(self) -> Engine:
        return self._engine_of()

    @property
    def is_working(self) -> bool:
        """Whether there is a worker at work."""
        return self._worker is not None

    def workers(self) -> int:
        """How many workers are at work, in all processes."""
        if not self.engine.database.concurrent:
            return int(self.is_working)
        with nobody(), self.engine.database.reading() as connection:
            (number,) = connection.row(f"SELECT count(*) FROM {self.engine.database.living} AS living")
        return int(number)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Worker]:
        """Have a worker at work while the block runs; one that is there already, or one of our own."""
        if self._worker is not None:
            yield self._worker
            return
        worker = Worker(
            self.engine,
            self._desks,
            self.gates,
            self._metrics,
            integrations=self._integrations,
            hooks=self._hooks,
            moments=self._moments,
        )
        self._worker, self._loop = worker, asyncio.get_running_loop()
        with self._accord.kept(worker.executor):
            work = asyncio.create_task(worker.run(), context=context_outside())
            try:
                await worker.started(work)
                yield worker
            finally:
                self._worker = None
                work.cancel()
                with anyio.CancelScope(shield=True):
                    await asyncio.wait({work})
                if not work.cancelled():
                    work.result()

    def listening(self) -> AbstractAsyncContextManager[None]:
        """Hear what workers of other processes find out about vendors, while the block runs."""
        return listening(self.engine, self._accord.listen)

    async def settle(self, timeout: float = 0.0) -> None:  # noqa: ASYNC109  # how long to wait for others
        """Carry out what is due until nothing is. For `timeout` seconds also wait for what will be due."""
        await self._beside_the_worker(self._settle(timeout))

    async def _settle(self, timeout: float) -> None:  # noqa: ASYNC109  # how long to wait for others
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        async with self.working() as worker:
            await worker.settle()
            if not isinstance(self.engine.clock, SystemClock):
                return
            while loop.time() < end and await anyio.to_thread.run_sync(worker.is_anything_open):
                left = end - loop.time()
                await worker.activity(min(left, ELSEWHERE) if self.engine.database.concurrent else left)
                await worker.settle()

    async def ask(
        self,
        call: type[APICall],
        name: str,
        call_id: UUID,
        told: Payload | Mapping[str, Any] | None = None,
    ) -> Any:
        """Let an `api` verb answer a user about a call."""
        desk = self._desk(call)
        call_id = id_of(desk.shape, call_id)
        asked = requests.ask(self.engine, desk, name, call_id, partial(self._visit, desk), told)
        return await self._beside_the_worker(asked)

    async def cancel(self, call: APICall) -> None:
        """Cancel a call. Raises CannotBeCanceled."""
        desk = self._desk(type(call))
        await self._beside_the_worker(requests.cancel(self.engine, desk, call.id, partial(self._visit, desk)))

    async def _beside_the_worker(self, doing: Coroutine[Any, Any, R]) -> R:
        """Do it on the loop to which the gates belong: the worker's, if one is at work."""
        if self._worker is None or self._loop is None or self._loop is asyncio.get_running_loop():
            return await doing
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(doing, self._loop))

    @asynccontextmanager
    async def _visit(self, desk: Desk) -> "AsyncIterator[HTTPClient]":
        """The way to the vendor, for one request of a user."""
        try:
            with admitted(self.gates[desk.integration.name], self.engine.clock):
                async with self._client(desk) as http:
                    yield http
        finally:
            if self._worker is not None:
                self._worker.executor.ring()  # a call may have waited for the place

    @asynccontextmanager
    async def _client(self, desk: Desk) -> "AsyncIterator[HTTPClient]":
        """The worker's client, or one for the moment."""
        if self._worker is not None:
            client = await self._worker.client(desk.integration)
            if client is not None:
                yield client
                return
        async with desk.integration.open_client() as client:
            yield client

    def _desk(self, call: type[APICall]) -> Desk:
        for desk in self._desks:
            if desk.shape.model is call:
                return desk
        raise NobodyServes(call=getattr(call, "__name__", shortened(call)))

    def health(self) -> list[Health]:
        """How each integration is. With tenants, the calls are those of the one that is entered, or all."""
        now = self.engine.clock.now()
        due: dict[str, int] = dict.fromkeys(self.gates, 0)
        dead: dict[str, int] = dict.fromkeys(self.gates, 0)
        orphans: Counter[str] = Counter()
        outboxes = [self._outbox(desk) for desk in self._desks]
        for tenant in self.engine.reached():
            with within(tenant), self.engine.database.reading() as connection:
                for outbox in outboxes:
                    name = outbox.desk.integration.name
                    due[name] += outbox.count_due(connection, now)
                    dead[name] += outbox.count_dead(connection)
                orphans.update(self._orphans().count(connection, now - PATIENCE))
        return [
            Health(
                integration=name,
                paused=gate.paused,
                breaker=gate.condition,
                running=gate.running,
                due=due[name],
                dead=dead[name],
                orphans=orphans.get(name, 0),
                last_error=gate.last_error,
            )
            for name, gate in self.gates.items()
        ]

    def orphans(self, patience: timedelta) -> list[Any]:
        """The events that have waited for their call for so long or longer, oldest first."""
        since = self.engine.clock.now() - patience
        with self.engine.database.reading() as connection:
            found = self._orphans().of(connection, since)
        return [detached(self.engine.plan.shape(IntegrationEvent), row) for row in found]

    def resume(self, name: str) -> None:
        """Let a paused integration go on."""
        gate = self.gates.get(name)
        if gate is None:
            raise NoSuchIntegration(name=name, known=", ".join(self.gates) or "none")
        gate.resume()
        _log.info("an integration is resumed", integration=name)
        if self._worker is not None:
            self._worker.executor.ring()

    def attempts(self, call_id: UUID) -> list[Attempt]:
        """All attempts at a call, in order. Raises NoSuchCall for what is no id."""
        call_id = _id_of_call(call_id, "app.attempts")
        with self.engine.database.reading() as connection:
            return Attempts(self.engine.database).of(connection, call_id)

    def dead_calls(self) -> list[Any]:
        """The calls that the framework gave up and nobody has tried again, oldest first."""
        with self.engine.database.reading() as connection:
            return [
                detached(desk.shape, row)
                for desk in self._desks
                for row in self._outbox(desk).dead(connection)
            ]

    def replay(self, call_id: UUID) -> Any:
        """Try a dead call again: a new call with its facts is returned, and the dead one stays as it is."""
        call_id = _id_of_call(call_id, "app.replay")

        def operation(transaction: Transaction) -> Any:
            desk, row = self._found(transaction, call_id)
            if not row["_dead"]:
                raise NotDead(model=desk.shape.name, id=call_id, status=row["status"].value)
            facts = {name: row[name] for name in desk.shape.facts if name not in ("id", "created_at")}
            change = transaction.insert(desk.shape, desk.shape.model(**facts))
            assert change.after_row is not None
            change.after_row["_replay_of"] = call_id
            transaction.work.set(transaction.work.rows[desk.shape][call_id], "_dead", False)
            return change

        change = self.engine.write(operation)
        return detached(change.shape, change.after_row)

    def _found(self, transaction: Transaction, call_id: UUID) -> tuple[Desk, dict[str, Any]]:
        for desk in self._desks:
            change = transaction.work.find(desk.shape, call_id)
            if change is not None and change.after_row is not None:
                return desk, change.after_row
        raise NoSuchCall(id=call_id)

    def _orphans(self) -> Orphans:
        return Orphans(self.engine.plan, self.engine.database)

    def _outbox(self, desk: Desk) -> Outbox:
        return Outbox(desk, self.engine.database)


def _id_of_call(id: Any, use: str) -> UUID:
    """The id of a call, which may be given as its text."""
    require(not isinstance(id, Record), id, use, "the id of a call", f"{use}(call.id)")
    found = uuid_or_none(id)
    if found is None:
        raise NoSuchCall(id=id)
    return found
