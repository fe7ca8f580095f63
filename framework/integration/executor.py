"""The executor: how due work finds a worker. Lease, attempt and outcome live in our own tables."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from framework.integration.notice import Notice
from framework.integration.outbox import Outbox
from framework.integration.share import Crew
from framework.runtime.transaction import Transaction

Look: TypeAlias = Callable[[Mapping[Outbox | None, bool]], Awaitable[bool]]
"""A worker's look at the outboxes in which something may be due; True for those whose next moment is unknown.

Returns whether it is quiet: nothing is under way, and nothing that is due could be carried out now.
"""


@dataclass(frozen=True)
class Stats:
    """How much is waiting: calls that are due now, by call class, and when the next one will be."""

    due: Mapping[str, int]
    next_due: datetime | None


class Executor(Protocol):
    """How due work finds a worker, within one process or among many."""

    hearers: list[Callable[[Notice], None]]
    """Who is to hear of what was committed in other processes."""

    sharers: list[Callable[[Crew], None]]
    """Who is to know among how many this worker is; never told where there can be no other."""

    @property
    def worker(self) -> str:
        """The name of the worker, under which its attempts are written down."""
        ...

    @property
    def leads(self) -> bool:
        """Whether this worker does what only one may do."""
        ...

    def joined(self) -> AbstractAsyncContextManager[None]:
        """Be one of the workers while the block runs; what dead ones had under way is due again."""
        ...

    def enqueue(
        self, transaction: Transaction | None, outbox: Outbox, moment: datetime, *, sure: bool = True
    ) -> None:
        """There is something to do at `moment` for a call of this outbox, once the transaction is committed.

        Without a transaction its row is committed already. Not `sure`: nobody knows what comes after that.
        """
        ...

    def remind(self, moment: datetime) -> None:
        """Let the worker look at `moment` for a reason of its own.

        Where it is to look a little before, with nothing due yet, what is looked at is True: remind it again.
        """
        ...

    def cancel(self, transaction: Transaction, outbox: Outbox) -> None:
        """There is nothing to do any more for a call of this outbox, once the transaction is committed."""
        ...

    async def run(self, look: Look) -> None:
        """Let the worker look whenever something may be due, until `stop`."""
        ...

    def stop(self) -> None:
        """Let the worker not look again."""
        ...

    def stats(self) -> Stats:
        """How much is waiting."""
        ...

    async def drain(self) -> None:
        """Return when it is quiet: nothing is due, and nothing is under way."""
        ...

    def ring(self) -> None:
        """Let the worker look now; from any thread."""
        ...
