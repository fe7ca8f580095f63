"""The worker: claims calls that are due, lets integrations carry them out, records what came of it."""

import asyncio
import random
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import anyio
import anyio.to_thread

from framework.errors import MillraceError, NeedsAttention, StorageError
from framework.integration.desk import Desk
from framework.integration.effects import EffectBook, Hook
from framework.integration.executor import Executor
from framework.integration.executors import executor_of
from framework.integration.gate import Gate
from framework.integration.integration import Integration
from framework.integration.logbook import Logbook
from framework.integration.need import Need
from framework.integration.outbox import Claimed, Outbox
from framework.integration.outboxes import Outboxes
from framework.integration.rounds import Rounds
from framework.integration.run import Run
from framework.integration.tenure import Tenure
from framework.integration.verdict import Broke, Ending, Later, Said, Verdict, described, judge
from framework.observe import Metrics, get_logger
from framework.runtime.engine import Engine
from framework.runtime.lane import of_tenant
from framework.runtime.transaction import Transaction
from framework.storage.errors import CommitUnknown
from framework.tenancy import UnknownTenant, within

if TYPE_CHECKING:
    from framework.integration.client import HTTPClient

_log = get_logger(__name__)

GROUP = 64
"""How many ends of runs share a commit at most."""

SMALL = 4
"""So many operations take less time than a hop to a thread and back."""

SET_ASIDE = timedelta(seconds=60)
"""After how long a call is looked at again whose outcome the business could not take."""


@dataclass(slots=True)
class Ended:
    """A run that has come to its end, and what follows from it."""

    run: Run
    verdict: Verdict
    setting_aside: Exception | None = None  # why its end could not be recorded


class Worker:
    """Carries out the calls of one App, within one event loop.

    1. A tick is one transaction: it records the runs that have ended, and claims the calls that are due and
       for which there is room.
    2. Each claimed call runs as a task; its attempt is committed before its handler starts.
    3. When a handler ends, a verdict says what follows, and the next tick records it.
    """

    def __init__(
        self,
        engine: Engine,
        desks: Sequence[Desk],
        gates: Mapping[str, Gate],
        metrics: Metrics,
        *,
        integrations: Sequence[Integration[Any]] = (),
        hooks: Sequence[Hook] = (),
        moments: dict[str, datetime] | None = None,
    ) -> None:
        self._engine = engine
        self._outboxes = Outboxes(desks, engine)
        self._gates = gates
        self.executor: Executor = executor_of(engine, self._outboxes)
        self._logbook = Logbook(engine.database, self.executor.worker, metrics)
        self._integrations = {integration.name: integration for integration in integrations}
        self._rounds = Rounds(
            engine,
            self.executor,
            desks,
            self._outboxes,
            gates,
            EffectBook(engine.database, hooks),
            self.client,
            {} if moments is None else moments,
        )
        self._clients: dict[str, HTTPClient] = {}
        self._open_clients = AsyncExitStack()
        self._looking: dict[Outbox, None] = {}
        self._unknown: set[Outbox] = set()
        self._running: dict[Any, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: list[Ended] = []
        self._tenure = Tenure(engine, self.executor, self._logbook.attempts, desks, self._running)
        self._trouble = 0
        self._thread = ThreadPoolExecutor(1, "millrace-worker")
        self._started = asyncio.Event()
        self._active = asyncio.Event()

    async def run(self, *, grace: float = 10.0) -> None:
        """Work until cancelled; then claim nothing, and give what is under way `grace` seconds to end."""
        async with self.executor.joined(), self._open_clients:
            for integration in self._integrations.values():
                await self._call_hook(integration, "on_start")
            await anyio.to_thread.run_sync(self._rounds.begin)
            self._started.set()
            # a task of its own, so that a tick that has begun comes to its end
            looking = asyncio.create_task(self.executor.run(self._look))
            try:
                await asyncio.shield(looking)
            finally:
                with anyio.CancelScope(shield=True):
                    self.executor.stop()
                    await asyncio.wait({looking})
                    await self._rounds.end(grace)
                    await self._wind_up(grace)
                    self._thread.shutdown(wait=False)
                    for integration in reversed(self._integrations.values()):
                        await self._call_hook(integration, "on_stop")

    async def started(self, work: asyncio.Task[None]) -> None:
        """Return when the worker is at work; raises what keeps it from that."""
        starting = asyncio.create_task(self._started.wait())
        await asyncio.wait({work, starting}, return_when=asyncio.FIRST_COMPLETED)
        starting.cancel()
        if work.done():
            work.result()

    async def activity(self, seconds: float) -> None:
        """Return when something has happened, at the latest after so many seconds."""
        self._active.clear()
        with anyio.move_on_after(seconds):
            await self._active.wait()

    async def settle(self) -> None:
        """Return when nothing that is due can be carried out now, and nothing is under way."""
        await self.executor.drain()

    def is_anything_open(self) -> bool:
        """Whether there is a call that is not over yet."""
        return self._outboxes.is_open(self._outboxes.shapes)

    async def client(self, integration: Integration[Any]) -> "HTTPClient | None":
        """The one client of an integration; None, and a pause, if its settings do not allow for one."""
        if integration.name not in self._clients:
            try:
                client = await self._open_clients.enter_async_context(integration.open_client())
            except MillraceError as error:
                self._gates[integration.name].pause(described(error), only_here=True)
                return None
            self._clients[integration.name] = client
        return self._clients[integration.name]

    async def _look(self, due: Mapping[Outbox | None, bool]) -> bool:
        """One tick, if there is anything to do; whether it is quiet afterwards."""
        self._active.set()
        self._rounds.look(self._integrations)
        for outbox, unknown in due.items():
            if outbox is None:
                continue
            self._looking[outbox] = None
            if unknown:
                self._unknown.add(outbox)
        claims = self._claims()
        if self._ended or claims or self._tenure.is_due:
            await self._tick(claims)
        if due.get(None):  # it came near, and may not be there yet
            self._rounds.remind()
            self._tenure.remind()
        return not (self._running or self._ended or self._rounds.is_busy)

    def _claims(self) -> list[tuple[Outbox, int]]:
        """How many calls to claim from which outbox: as many as there is room for at its vendor."""
        now = self._engine.clock.now()
        claims: list[tuple[Outbox, int]] = []
        for outbox in list(self._looking):
            gate = self._gates[outbox.desk.integration.name]
            room = gate.room(now)
            if room.until is not None:
                self.executor.enqueue(None, outbox, room.until)
            if room.places > 0:
                claims.append((outbox, room.places))
                gate.expected += room.places
        return claims

    async def _tick(self, claims: list[tuple[Outbox, int]]) -> None:
        ended, self._ended = self._ended[:GROUP], self._ended[GROUP:]
        kept = self._tenure.operations()
        claimed_at = self._now()
        try:
            results = await self._written(ended, kept, claims)
        finally:
            for outbox, limit in claims:
                self._gates[outbox.desk.integration.name].expected -= limit
        recorded = results[: len(ended)]
        claimed = results[len(ended) + len(kept) :]
        self._after_records(ended, recorded)
        self._tenure.written(results[len(ended) : len(ended) + len(kept)])
        looking = len(self._looking)
        for (outbox, limit), result in zip(claims, claimed, strict=True):
            if isinstance(result, UnknownTenant):  # it has been deleted
                self._looking.pop(outbox, None)
            elif isinstance(result, Exception):
                if isinstance(result, CommitUnknown):
                    self._tenure.is_in_doubt(outbox)
                self._troubled(result)
            else:
                await self._start(outbox, limit, result, claimed_at)
        one_has_no_more = 0 < len(self._looking) < looking  # what it left is for the next
        if one_has_no_more or (self._ended and not self._trouble):
            self.executor.ring()

    async def _written(
        self, ended: list[Ended], kept: list[Any], claims: list[tuple[Outbox, int]]
    ) -> list[Any | Exception]:
        """Write in a thread, or here if that is quicker than the way there, and nobody else is writing."""
        is_small = len(ended) + len(kept) + len(claims) <= SMALL
        if is_small:
            with self._engine.at_once() as is_free:
                if is_free:
                    return self._write(ended, kept, claims)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._write, ended, kept, claims)

    def _write(
        self, ended: list[Ended], kept: list[Any], claims: list[tuple[Outbox, int]]
    ) -> list[Any | Exception]:
        """The transaction of a tick; runs in a worker thread."""
        operations: list[Any] = [
            of_tenant(one.run.outbox.tenant, partial(_record, self._logbook, one)) for one in ended
        ]
        operations += kept
        operations += [
            of_tenant(outbox.tenant, partial(_claim, self._logbook, outbox, limit))
            for outbox, limit in claims
        ]
        return self._engine.write_each(operations)

    def _after_records(self, ended: list[Ended], results: Sequence[Any | Exception]) -> None:
        """Runs whose end is in the store are over; the others are tried again, or set aside."""
        again: list[Ended] = []
        for one, result in zip(ended, results, strict=True):
            match result:
                case StorageError() | sqlite3.OperationalError():
                    again.append(one)
                case UnknownTenant():
                    self._over(one)
                case Exception() if one.setting_aside is None:
                    one.setting_aside = result
                    again.append(one)
                    _log_exception("an outcome could not be recorded", result, one.run)
                case Exception():
                    _log_exception("a call could not be set aside", result, one.run)
                    self._over(one)
                    self._abandon(one.run)
                case _:
                    self._over(one)
        self._ended = again + self._ended
        if again:
            self._troubled(next(result for result in results if isinstance(result, Exception)))
        else:
            self._trouble = 0

    def _over(self, ended: Ended) -> None:
        """The end of a run is in the store."""
        run, verdict = ended.run, ended.verdict
        if self._running.get(run.key) is run:
            del self._running[run.key]
        if ended.setting_aside is not None:
            self.executor.enqueue(None, run.outbox, self._engine.clock.now() + SET_ASIDE)
        elif isinstance(verdict, Later):
            self.executor.enqueue(None, run.outbox, verdict.at)

    async def _start(
        self, outbox: Outbox, limit: int, claimed: list[tuple[Claimed, Need]], claimed_at: datetime
    ) -> None:
        """Let the claimed calls run. Fewer than were asked for means that no more are due."""
        gate = self._gates[outbox.desk.integration.name]
        if len(claimed) < limit:
            self._looking.pop(outbox, None)
            if outbox in self._unknown:
                self._unknown.discard(outbox)
                await self._find_out(outbox, claimed_at)
        elif outbox in self._looking:  # the others, and other tenants, come first now
            self._looking[outbox] = self._looking.pop(outbox)
        runs = [Run(outbox, gate, one, needed) for one, needed in claimed]
        fresh = [run for run in runs if not self._is_running_here(run)]
        going = [run for run in fresh if run.calls_vendor]
        probe = gate.enter(len(going), self._engine.clock.now())
        for run in going:
            run.probe = probe
            client = await self.client(outbox.desk.integration)
            with within(outbox.tenant):
                task = asyncio.create_task(self._carry_out(run, client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        for run in fresh:
            if not self._running:
                self._tenure.begin(claimed_at)
            self._running[run.key] = run
            if not run.calls_vendor:
                self._end(run, Said(None))

    def _is_running_here(self, run: Run) -> bool:
        """Whether the call is under way here, and was made due by an event. Then the run goes on."""
        known = self._running.get(run.key)
        if known is None:
            return False
        known.fence, known.prolonged = run.fence, True
        return True

    async def _carry_out(self, run: Run, client: "HTTPClient | None") -> None:
        """Let the handler do its work; whatever it raises is an end like any other."""
        try:
            if client is None:
                raise NeedsAttention(run.gate.paused or "no client could be opened")
            ending: Ending = Said(await run.answer(client))
        except Exception as error:  # noqa: BLE001  # a handler is not ours; its errors are judged, none is lost
            if not isinstance(error, MillraceError):
                _log_exception("a handler raised what is no error of the framework", error, run)
            ending = Broke(error)
        except BaseException:
            run.gate.forget()
            self._running.pop(run.key, None)
            self._abandon(run)
            self.executor.ring()  # whoever waits for quiet would wait for the next heartbeat
            raise
        run.gate.leave(ending.error if isinstance(ending, Broke) else None, self._now(), probe=run.probe)
        self._end(run, ending)

    def _abandon(self, run: Run) -> None:
        """A call is left as it is: it is due again when its lease ends."""
        self.executor.enqueue(None, run.outbox, self._now() + run.desk.policy.lease)

    def _end(self, run: Run, ending: Ending) -> None:
        """A run has come to its end: the next tick records it."""
        verdict = judge(run.case, ending, self._now(), random.random)
        if isinstance(ending, Broke):
            run.gate.last_error = described(ending.error)
        if isinstance(verdict, Later) and verdict.pause is not None:
            run.gate.pause(verdict.pause)
        if isinstance(verdict, Later) and verdict.held:
            run.gate.hold(verdict.at)
        self._ended.append(Ended(run, verdict))
        self.executor.ring()

    async def _find_out(self, outbox: Outbox, claimed_at: datetime) -> None:
        """Ask when there is something to do next.

        That may have come since the claim, and is then due already; what was due at the claim and was not
        claimed waits for another call.
        """

        def ask() -> Any:
            with (
                suppress(UnknownTenant),
                within(outbox.tenant),
                self._engine.database.reading() as connection,
            ):
                return outbox.next_due(connection, after=claimed_at)

        try:
            moment = await anyio.to_thread.run_sync(ask)
        except StorageError as error:
            self._troubled(error)
            moment = self._now()
        if moment is not None:
            self.executor.enqueue(None, outbox, moment, sure=False)

    async def _call_hook(self, integration: Integration[Any], verb: Literal["on_start", "on_stop"]) -> None:
        hook = integration.hook(verb)
        if hook is not None:
            await hook()

    async def _wind_up(self, grace: float) -> None:
        """Let what is under way end, and record it; what takes longer is left to the next worker."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for _ in range(3):
            while self._ended and not self._trouble:
                await self._tick([])

    def _troubled(self, error: Exception) -> None:
        """The store did not take something: try again, less and less often."""
        self._trouble = min(self._trouble + 1, 6)
        _log.error("the store did not take what the worker has to write", reason=described(error))
        asyncio.get_running_loop().call_later(0.05 * 2**self._trouble, self.executor.ring)

    def _now(self) -> Any:
        return self._engine.clock.now()


def _claim(logbook: Logbook, outbox: Outbox, limit: int, transaction: Transaction) -> Any:
    return logbook.claim(transaction, outbox, limit)


def _record(logbook: Logbook, ended: Ended, transaction: Transaction) -> None:
    if ended.setting_aside is None:
        logbook.record(transaction, ended.run, ended.verdict)
    else:
        logbook.set_aside(transaction, ended.run, ended.setting_aside, SET_ASIDE)


def _log_exception(what: str, error: Exception, run: Run) -> None:
    _log.error(what, integration=run.gate.name, call_id=str(run.id), exc_info=error)
