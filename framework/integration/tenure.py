"""Tenure: what a worker has under way stays its own, and what it has without knowing is given back."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from framework.errors import StorageError
from framework.integration.attempts import Attempts
from framework.integration.desk import Desk
from framework.integration.executor import Executor
from framework.integration.notice import Notice
from framework.integration.outbox import Outbox
from framework.integration.run import Run
from framework.runtime.engine import Engine
from framework.runtime.lane import of_tenant
from framework.runtime.transaction import Transaction

IDLE = timedelta(seconds=60)
"""How long leases last where there are no calls."""


class Tenure:
    """Of one worker, with what it has `running`.

    1. Leases are renewed three times before they would end, and when somebody has come or is missed, or this
       one was deaf: others then know that somebody has these calls.
    2. Where the connection broke in the commit of a claim, the worker may have what it does not know of. It
       has sent nothing of that: it is given back, and nothing about it is in doubt.
    """

    def __init__(
        self,
        engine: Engine,
        executor: Executor,
        attempts: Attempts,
        desks: Sequence[Desk],
        running: Mapping[Any, Run],
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._attempts = attempts
        self._running = running
        self._every = min((desk.policy.lease for desk in desks), default=IDLE) / 3
        self._next: datetime | None = None
        self._unheard: dict[Outbox, None] = {}
        self._giving_back: tuple[Outbox, ...] = ()
        executor.hearers.append(self._hear)

    @property
    def is_due(self) -> bool:
        """Whether there is something to write."""
        return bool(self._unheard) or self._is_to_renew

    def begin(self, now: datetime) -> None:
        """The first of what is under way was claimed."""
        self._next = now + self._every
        self._executor.remind(self._next)

    def remind(self) -> None:
        """Let the worker look again when leases are to be renewed; it may have looked a little early."""
        if self._running and self._next is not None:
            self._executor.remind(self._next)

    def is_in_doubt(self, outbox: Outbox) -> None:
        """Nobody heard whether a claim of these calls was committed."""
        self._unheard[outbox] = None

    def operations(self) -> list[Any]:
        """What is to be written now."""
        self._giving_back = tuple(self._unheard)
        writing = [self._given_back(outbox) for outbox in self._giving_back]
        return writing + (self._renewals() if self._is_to_renew else [])

    def written(self, results: Sequence[Any | Exception]) -> None:
        """What came of it."""
        for outbox, result in zip(self._giving_back, results, strict=False):
            if not isinstance(result, StorageError):
                del self._unheard[outbox]
                self._executor.enqueue(None, outbox, self._now())

    def _hear(self, notice: Notice) -> None:
        if (notice.renew or notice.joined or notice.missed) and self._running:
            self._next = self._now()
            self._executor.ring()

    @property
    def _is_to_renew(self) -> bool:
        return bool(self._running) and self._next is not None and self._now() >= self._next

    def _renewals(self) -> list[Any]:
        self.begin(self._now())
        runs: dict[Outbox, list[Run]] = {}
        for run in self._running.values():
            run.prolonged = True
            runs.setdefault(run.outbox, []).append(run)
        return [
            of_tenant(outbox.tenant, partial(_prolong, outbox, [(run.id, run.fence) for run in of]))
            for outbox, of in runs.items()
        ]

    def _given_back(self, outbox: Outbox) -> Any:
        under_way = {run.id for run in self._running.values() if run.outbox.tenant == outbox.tenant}
        doing = partial(_give_back, self._attempts, self._executor.worker, outbox, under_way)
        return of_tenant(outbox.tenant, doing)

    def _now(self) -> datetime:
        return self._engine.clock.now()


def _prolong(outbox: Outbox, runs: Sequence[tuple[UUID, int]], transaction: Transaction) -> None:
    until = transaction.now + outbox.desk.policy.lease
    outbox.prolong(transaction.work.connection, runs, until)


def _give_back(
    attempts: Attempts, worker: str, outbox: Outbox, under_way: Collection[UUID], transaction: Transaction
) -> None:
    connection, now = transaction.work.connection, transaction.now
    for id, number in outbox.leases.of(connection, now, worker):
        if id not in under_way:
            error = "nothing was sent: nobody heard whether the claim was committed"
            attempts.finish(connection, id, number, now, error=error, code="unheard")
            outbox.release(connection, id, number, _due_at=now)
