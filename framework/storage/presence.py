"""Presence: how the workers of one PostgreSQL database know who is alive, who leads, and what others tell.

1. Each holds a lock of the session under a token of its own. The server lets go of it when the process dies.
2. One of them holds the lock of the leader; another takes it when that one is gone.
3. What is told by `NOTIFY` is heard by all of them, and by processes that only listen, which have a lock of
   another kind.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress

import psycopg
from psycopg.sql import Literal

from framework.storage.errors import DatabaseUnreachable

LIVING = (
    "SELECT lpad(to_hex(objid::bigint), 8, '0') FROM pg_catalog.pg_locks WHERE locktype = 'advisory'"
    " AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
    " AND classid = {workers} AND objsubid = 2"
)
"""The tokens of all workers that are alive, as the server knows it at this moment."""

WORKS, LEADS, LISTENS = range(3)
"""The kinds of locks: their numbers follow each other."""

PRESENT = (
    "SELECT lpad(to_hex(objid::bigint), 8, '0'), classid::bigint - {workers}, pid FROM pg_catalog.pg_locks"
    " WHERE locktype = 'advisory' AND granted AND objsubid = 2"
    " AND classid IN ({workers}, {workers} + 1, {workers} + 2)"
    " AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
)
"""All tokens, and the lock of who leads, each with its kind and the session that has it."""

LEAVING = 1.0
"""So many seconds the server has to hear that a worker leaves; if it does not, it hears of it later."""

_SETTINGS = (
    "SELECT set_config('application_name', 'millrace {kind}', false),"
    # who vanished without a word is known to be gone after ten seconds, here and there
    " set_config('tcp_keepalives_idle', '4', false), set_config('tcp_keepalives_interval', '2', false),"
    " set_config('tcp_keepalives_count', '3', false)"
)


class Presence:
    """One worker among all of its database, or one who only listens. Its name ends with its token, and nobody
    ever has that again.

    Belongs to one event loop. Raises DatabaseUnreachable where the connection is lost: then `enter` again.
    """

    def __init__(
        self,
        conninfo: str,
        shown: str,
        *,
        channel: str,
        workers: int,
        patience: float,
        kind: int = WORKS,
    ) -> None:
        self.token = f"{secrets.randbits(31):08x}"
        self.name = f"{os.uname().nodename}:{os.getpid()}:{self.token}"
        self.leads = False
        self.leader: str | None = None
        """The token of who leads, as far as this worker knows."""
        self.listeners = frozenset[str]()
        """The tokens of those who only listen, as of the last look at who is there."""
        self._conninfo = conninfo
        self._shown = shown
        self._channel = channel
        self._workers = workers
        self._kind = kind
        self._patience = patience
        self._connection: psycopg.AsyncConnection[tuple[object, ...]] | None = None

    async def enter(self, greeting: str) -> None:
        """Be there, and tell the others."""
        await self.leave()
        try:
            connection = self._connection = await psycopg.AsyncConnection.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=max(2, round(self._patience)),
                keepalives_idle=4,
                keepalives_interval=2,
                keepalives_count=3,
                tcp_user_timeout=10_000,
            )
            # shared: after a lost connection the server may not know yet that the former one is gone
            lock = f"SELECT pg_advisory_lock_shared({self._workers + self._kind}, {int(self.token, 16)})"
            settings = _SETTINGS.format(kind="worker" if self._kind == WORKS else "listener")
            together = f"{settings}; {lock}; LISTEN {self._channel}; {self._notify(connection, greeting)}"
            await connection.execute(together.encode())
        except psycopg.Error as error:
            raise self._lost(error) from error

    async def lead(self) -> bool:
        """Lead, if nobody else does; whether that is new."""
        if not self.leads:
            found = await self._rows(f"SELECT pg_try_advisory_lock({self._workers + LEADS}, 0)")
            self.leads = found == [(True,)]
            if self.leads:
                self.leader = self.token
            return self.leads
        return False

    async def living(self) -> frozenset[str]:
        """The tokens of all workers that are there; and looks who leads, and who listens."""
        rows = await self._rows(PRESENT.format(workers=self._workers))
        leading = {session for _, kind, session in rows if kind == LEADS}
        sessions = {str(token): session for token, kind, session in rows if kind == WORKS}
        self.listeners = frozenset(str(token) for token, kind, _ in rows if kind == LISTENS)
        self.leader = next((token for token, session in sessions.items() if session in leading), None)
        return frozenset(sessions)

    async def heard(self, seconds: float) -> AsyncIterator[str]:
        """What others tell within so many seconds, as it comes."""
        assert self._connection is not None, "who listens has entered"
        try:
            async for told in self._connection.notifies(timeout=seconds):
                yield told.payload
        except psycopg.Error as error:
            raise self._lost(error) from error

    async def leave(self, farewell: str | None = None) -> None:
        """Be there no more, and tell the others."""
        self.leads = False
        connection, self._connection = self._connection, None
        if connection is not None:
            # of a closed connection the server hears a little later, and whoever comes next is to lead
            with suppress(psycopg.Error, TimeoutError):  # it may be lost
                async with asyncio.timeout(LEAVING):
                    told = "" if farewell is None else f"; {self._notify(connection, farewell)}"
                    await connection.execute(f"SELECT pg_advisory_unlock_all(){told}".encode())
            await connection.close()

    def _notify(self, connection: psycopg.AsyncConnection[tuple[object, ...]], text: str) -> str:
        return f"NOTIFY {self._channel}, {Literal(text).as_string(connection)}"

    async def _rows(self, sql: str) -> list[tuple[object, ...]]:
        assert self._connection is not None, "who asks has entered"
        try:
            return await (await self._connection.execute(sql)).fetchall()
        except psycopg.Error as error:
            raise self._lost(error) from error

    def _lost(self, error: psycopg.Error) -> DatabaseUnreachable:
        self.leads = False
        reason = error.diag.message_primary or str(error).strip().partition("\n")[0]
        return DatabaseUnreachable(url=self._shown, reason=reason or type(error).__name__)


__all__ = ["LISTENS", "LIVING", "WORKS", "Presence"]
