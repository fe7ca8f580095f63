"""Leases: for how long which worker has which call, and whose are void because he is not there any more."""

from collections.abc import Collection
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import String, and_, bindparam, exists, func, literal_column, or_, select, text, update

from framework.integration.desk import Desk
from framework.integration.question import Question, question
from framework.storage.database import Connection, Database
from framework.storage.statements import earliest

SOMEBODY = ""
"""The token of a worker whose name nobody has written down: a look at a call is no attempt."""


class Leases:
    """Those of the calls of one class. A call that somebody has is due when its lease ends.

    So where others work, calls that are due by now need not be looked through: whoever is next takes them,
    however many they are.
    """

    def __init__(self, desk: Desk, database: Database) -> None:
        self._lease = desk.policy.lease
        self._database = database
        self._statements = database.statements[desk.shape]
        self._table = self._statements.table
        self._attempts = database.tables.attempts

    def void(
        self,
        connection: Connection,
        now: datetime,
        dead: Collection[str] = (),
        renewed_at: datetime | None = None,
    ) -> int:
        """Let what these workers have be due, unless they are back; that of all, where one works at a time.
        Returns how many calls that are.

        Who lives has renewed his leases at `renewed_at`, or later: so looks with older ones are over, too.
        """
        values = self._values(now, renewed_at or now - self._lease) | {"dead": ",".join(dead)}
        return connection.run(self._voiding.sql, self._voiding.parameters.of(values))

    def missed(self, connection: Connection, now: datetime, renewed_at: datetime) -> set[str]:
        """The tokens of workers that have leases and are not there: dead ones, or ones that were cut off. Of
        looks whose leases are older than `renewed_at`, that of SOMEBODY.
        """
        rows = connection.rows(self._missed.sql, self._missed.parameters.of(self._values(now, renewed_at)))
        return {token for (token,) in rows}

    def of(self, connection: Connection, now: datetime, worker: str) -> list[tuple[UUID, int]]:
        """The calls that the worker of this name has, each with the number of its attempt."""
        values = {"now": now, "latest": now + 2 * self._lease, "worker": worker}
        codec = self._statements.codec
        rows = connection.rows(self._of.sql, self._of.parameters.of(values))
        return [(codec.decode_one("id", id), number) for id, number in rows]

    def _values(self, now: datetime, renewed_at: datetime) -> dict[str, Any]:
        return {"now": now, "latest": now + 2 * self._lease, "renewed": renewed_at + self._lease}

    @cached_property
    def _voiding(self) -> Question:
        due: dict[str, Any] = {"_due_at": bindparam("now"), "_leased_until": literal_column("NULL")}
        voided = update(self._table).values(due)
        if not self._database.concurrent:
            is_open = self._table.c["_due_at"] > earliest(self._statements.dialect)
            return question(self._statements, voided.where(is_open, self._is_leased))
        is_dead = func.strpos(bindparam("dead", type_=String()), self._token) > literal_column("0")
        of_dead = exists().where(self._is_under_way, self._is_missing, is_dead)
        of_nobody = and_(self._is_old, ~exists().where(self._is_under_way))
        return question(self._statements, voided.where(*self._is_held, or_(of_dead, of_nobody)))

    @cached_property
    def _missed(self) -> Question:
        token = func.coalesce(self._token, literal_column(f"'{SOMEBODY}'"))
        of_nobody = and_(self._is_old, self._attempts.c.call_id.is_(None))
        return question(
            self._statements,
            select(token)
            .distinct()
            .select_from(self._table.outerjoin(self._attempts, self._is_under_way))
            .where(*self._is_held, or_(self._is_missing, of_nobody)),
        )

    @cached_property
    def _of(self) -> Question:
        attempts = self._attempts.c
        named = attempts.worker == bindparam("worker", type_=String())
        return question(
            self._statements,
            select(attempts.call_id, attempts.number).where(*self._is_held, self._is_under_way, named),
        )

    @property
    def _is_leased(self) -> Any:
        return self._table.c["_leased_until"].is_not(None)

    @property
    def _is_held(self) -> list[Any]:
        """Whether somebody has the call, or had it until he died."""
        due = self._table.c["_due_at"]
        return [due > self._moment("now"), due <= self._moment("latest"), self._is_leased]

    @property
    def _is_old(self) -> Any:
        """Whether nobody has renewed the lease of a call that somebody has."""
        return self._table.c["_due_at"] <= self._moment("renewed")

    @property
    def _is_under_way(self) -> Any:
        """Whether an attempt is the one that is under way at the call; if there is none, it is looked at."""
        calls, attempts = self._table.c, self._attempts.c
        return and_(
            attempts.call_id == calls.id,
            attempts.number == calls["_attempt"],
            attempts.finished_at.is_(None),
        )

    @property
    def _is_missing(self) -> Any:
        """Whether the worker of an attempt is not there."""
        return self._token.not_in(text(self._database.living))

    @property
    def _token(self) -> Any:
        """With it the name of a worker ends."""
        return func.right(self._attempts.c.worker, literal_column("8"))

    def _moment(self, name: str) -> Any:
        return bindparam(name, type_=self._table.c["_due_at"].type)
