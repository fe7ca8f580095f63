"""The seam to the driver of PostgreSQL: what is told waits on the wire until something is asked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg

from framework.storage.violation import Refused, Violation
from framework.storage.wire import Meaning, Question, WiredConnection

_UNDER_WAY = (psycopg.pq.TransactionStatus.INTRANS, psycopg.pq.TransactionStatus.INERROR)
_SAVE, _KEEP, _UNDO = "SAVEPOINT one", "RELEASE one", "ROLLBACK TO one"


class PostgresConnection:
    """A connection of the pool, as long as it is somebody's."""

    __slots__ = ("_begun", "_ending", "_meaning", "_saved_tenant", "_wire", "has_stored", "raw", "tenant")

    def __init__(
        self,
        raw: WiredConnection,
        meaning: Meaning,
        tenant: str | None = None,
        *,
        ending: Meaning | None = None,
        together: bool = False,
    ) -> None:
        """`ending` is what an error means that comes of a commit."""
        self.raw = raw
        self.tenant = tenant
        self._saved_tenant = tenant
        self._meaning = meaning
        self._ending = ending or meaning
        self._begun = False
        self.has_stored = False  # what was done up to `last_rows`, whatever comes after it
        self._wire = raw.wire
        self._wire.open(together=together)

    def begin(self, sql: str) -> None:
        """Begin a transaction by a statement; what goes together has no need of it."""
        self._begun = True
        self.tell(sql)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return self._wire.rows(((sql, parameters),), self._meaning)[0]

    def last_rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        if self._begun or self.tenant is not None:  # to whom it is held no longer than the transaction lasts
            return self.rows(sql, parameters)
        self._wire.put(sql, parameters, self._meaning)
        found = self._wire.last(self._ending)
        self.has_stored = True
        return found

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def rows_each(self, questions: Sequence[Question]) -> list[list[Any]]:
        return self._wire.rows(questions, self._meaning)

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        self._wire.put(sql, parameters, self._meaning)
        return self._wire.exchange()[-1].command_tuples or 0

    def tell(
        self, sql: str, parameters: Sequence[Any] = (), refused: Refused | None = None, about: Any = None
    ) -> None:
        meaning = self._meaning if refused is None else partial(self._refused, refused, about, None)
        self._wire.put(sql, parameters, meaning)

    def tell_many(
        self,
        sql: str,
        parameters: Sequence[Sequence[Any]],
        refused: Refused | None = None,
        about: Any = None,
    ) -> None:
        for position, values in enumerate(parameters):
            meaning = self._meaning if refused is None else partial(self._refused, refused, about, position)
            self._wire.put(sql, values, meaning)

    def settle(self) -> None:
        self._wire.exchange()

    def commit(self) -> bool:
        """Store the transaction; whether there was still one."""
        if not self._begun:
            self._wire.end(self._ending)
            return True
        self._wire.put("COMMIT", (), self._ending)
        return self._wire.exchange()[-1].command_status == b"COMMIT"

    def roll_back(self) -> None:
        """Undo the transaction, if there is one."""
        self._wire.forget()
        if self._begun:
            if self.raw.pgconn.transaction_status in _UNDER_WAY:
                self._wire.put("ROLLBACK", (), self._meaning)
                self._wire.exchange()
        elif self._wire.is_under_way:
            self._wire.put("BEGIN", (), self._meaning)  # else the server warns that it was not told to
            self._wire.put("ROLLBACK", (), self._meaning)
            self._wire.end(self._meaning)

    def save(self) -> None:
        """Let `keep` or `undo` say what becomes of all that is done from here on."""
        self._saved_tenant = self.tenant
        self.tell(_SAVE)

    def keep(self) -> None:
        """What was done since `save` stands, if the transaction does. Raises what came of it."""
        self.tell(_KEEP)
        self.settle()

    def undo(self) -> None:
        """What was done or told since `save` never was."""
        self.tenant = self._saved_tenant
        if not self._wire.forget_since(_SAVE):
            self.tell(_UNDO)
            self.tell(_KEEP)

    @contextmanager
    def taken_back(self) -> Iterator[None]:
        if not self._begun:
            self._wire.go_apart()
            self.begin("BEGIN")  # of what the server has begun, too
        self.run("SAVEPOINT back")
        try:
            yield
        finally:
            self._wire.forget()
            self.tell("ROLLBACK TO back")
            self.run("RELEASE back")

    def close(self) -> None:
        """Say nothing more: the connection is somebody else's."""
        self._wire.close()

    def _refused(self, refused: Refused, about: Any, position: int | None, error: psycopg.Error) -> Exception:
        meaning = self._meaning(error)
        if not isinstance(meaning, Violation):
            return meaning
        meaning.position = position
        return meaning.meant(refused, about)
