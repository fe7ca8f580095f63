"""The wire to PostgreSQL: statements go together, and whoever needs no answer does not wait for one.

1. A statement waits here until somebody needs an answer, or the transaction ends.
2. Then all that wait go together, in their order, and the answers come back in theirs.
3. After one that fails the server does none of the rest, and does not even commit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many, send
from psycopg.pq.abc import PGresult

from framework.storage.errors import TransactionInterrupted

_TOGETHER = 1000
"""At most so many statements wait: nobody has to hold more answers than that."""

_PREPARED = 1024
"""At most so many statements are prepared on one connection; a plan has a few for each property."""

_NOT_PREPARED = "26000"
_PREPARED_FOR_OTHER_COLUMNS = "RevalidateCachedQuery"
"""Where the server says so; the state of that error is one of many."""

_DONE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)

Meaning: TypeAlias = Callable[[psycopg.Error], Exception]
_Key: TypeAlias = tuple[str, tuple[int, ...]]


@dataclass(slots=True)
class _Statement:
    """One that waits: its values as the server takes them, and what it means if it fails."""

    sql: str
    values: Sequence[Any]
    types: tuple[int, ...]
    formats: Sequence[Any]
    meaning: Meaning


_Message: TypeAlias = tuple[_Statement, _Key | None]
"""One message to the server: a statement is prepared by it, under this key, or carried out."""


class WiredConnection(psycopg.Connection[tuple[object, ...]]):
    """A connection of the driver with a wire. While the wire is open, it speaks through that alone."""

    @cached_property
    def wire(self) -> "Wire":
        """Made when it is first wanted: it adapts values as the connection does from then on."""
        return Wire(self)


class Wire:
    """What is said on one connection. It is prepared once what is said twice."""

    __slots__ = (
        "_connection",
        "_libpq",
        "_names",
        "_prepared",
        "_seen",
        "_transformer",
        "_types",
        "_waiting",
    )

    def __init__(self, connection: WiredConnection) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._transformer = Transformer(connection)
        self._waiting: list[_Statement] = []
        self._seen: set[_Key] = set()
        self._prepared: dict[_Key, bytes] = {}
        self._types: dict[str, tuple[int, ...]] = {}
        self._names = 0

    def open(self) -> None:
        """Begin to speak."""
        self._libpq.enter_pipeline_mode()

    def close(self) -> None:
        """Forget what waits, and leave the connection as it was, or closed."""
        self._waiting.clear()
        try:
            self._libpq.exit_pipeline_mode()
        except psycopg.Error:
            self._connection.close()

    def forget(self) -> None:
        """Say nothing of what waits."""
        self._waiting.clear()

    def forget_since(self, sql: str) -> bool:
        """Say nothing of what waits, from this statement on; whether that was still waiting."""
        for position, statement in enumerate(self._waiting):
            if statement.sql == sql:
                del self._waiting[position:]
                return True
        self._waiting.clear()
        return False

    def put(self, sql: str, parameters: Sequence[Any], meaning: Meaning) -> None:
        """Let a statement wait. What an error of the server means is asked when it is known."""
        values: Sequence[Any] = ()
        types: tuple[int, ...] = ()
        formats: Sequence[Any] = ()
        if parameters:
            adapt = self._transformer
            try:
                values = adapt.dump_sequence(parameters, [PyFormat.AUTO] * len(parameters))
            except psycopg.Error as error:
                raise meaning(error) from error
            types, formats = adapt.types or (), adapt.formats or ()
            if None in values:
                types = self._typed(sql, types)
            else:
                self._types[sql] = types
        if len(self._waiting) >= _TOGETHER:
            self.exchange()
        self._waiting.append(_Statement(sql, values, types, formats, meaning))

    def _typed(self, sql: str, types: tuple[int, ...]) -> tuple[int, ...]:
        """With None, which has no type, as what was in its place before: else a statement would be prepared
        once for each way in which some of its values can be None.
        """
        known = self._types.get(sql)
        if known is not None:
            types = tuple(own or before for own, before in zip(types, known, strict=True))
        self._types[sql] = types
        return types

    def exchange(self) -> PGresult | None:
        """Send all that waits, and return the answer to the last of it. Raises what the first error means."""
        statements, self._waiting = self._waiting, []
        if not statements:
            return None
        if self._connection.closed:
            raise TransactionInterrupted(reason="the connection is closed")
        messages: list[_Message] = []
        answers: list[PGresult] = []
        try:
            for statement in statements:
                self._send(statement, messages)
            self._libpq.pipeline_sync()
            self._connection.wait(self._conversation(answers))
        except psycopg.Error as error:
            self._raise_first(messages, answers)  # the server has said why it answers nothing more
            raise statements[-1].meaning(error) from error  # nobody knows how far it has come
        if answers[-2].status not in _DONE:
            self._raise_first(messages, answers)
        return answers[-2]  # the last one says that these were all

    def rows(self) -> list[tuple[Any, ...]]:
        """Send all that waits, and return the rows that the last of it asks for."""
        answer = self.exchange()
        assert answer is not None, "who wants rows has asked for them"
        self._transformer.set_pgresult(answer)
        return self._transformer.load_rows(0, answer.ntuples, tuple)

    def _send(self, statement: _Statement, messages: list[_Message]) -> None:
        """Put it on its way. What is said a second time is prepared."""
        key = statement.sql, statement.types
        name = self._prepared.get(key)
        if name is None and key in self._seen and len(self._prepared) < _PREPARED:
            self._names += 1
            name = self._prepared[key] = b"millrace_%d" % self._names
            self._libpq.send_prepare(name, statement.sql.encode(), param_types=statement.types)
            messages.append((statement, key))
        if name is None:
            if len(self._seen) == _PREPARED:
                self._seen.clear()
                self._types.clear()
            self._seen.add(key)
            text, types = statement.sql.encode(), statement.types
            self._libpq.send_query_params(
                text, statement.values, param_types=types, param_formats=statement.formats
            )
        else:
            self._libpq.send_query_prepared(name, statement.values, param_formats=statement.formats)
        messages.append((statement, None))

    def _conversation(self, answers: list[PGresult]) -> PQGen[None]:
        """Send what libpq holds back, and receive all answers, up to the one that ends them."""
        yield from send(self._libpq)
        while not answers or answers[-1].status != pq.ExecStatus.PIPELINE_SYNC:
            received = yield from fetch_many(self._libpq)
            if not received:
                raise psycopg.OperationalError("the connection is lost")
            answers += received

    def _raise_first(self, messages: Sequence[_Message], answers: Sequence[PGresult]) -> None:
        """Raise what the first error means, if there is one; what was not prepared because of it is not."""
        failed = None
        for (statement, prepared), answer in zip(messages, answers, strict=False):
            if answer.status not in _DONE:
                failed = failed or (statement, answer)
                if prepared is not None:
                    del self._prepared[prepared]
        if failed is not None:
            error = error_from_result(failed[1])
            meaning = failed[0].meaning(error)
            if is_forgotten(error):
                self._connection.close()
            raise meaning from error


def is_forgotten(error: psycopg.Error) -> bool:
    """Whether the server no longer knows what was prepared: then nobody knows what else the connection has
    lost of what it was given when it was opened.
    """
    return error.sqlstate == _NOT_PREPARED or error.diag.source_function == _PREPARED_FOR_OTHER_COLUMNS
