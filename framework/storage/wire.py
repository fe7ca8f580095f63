"""The wire to PostgreSQL: statements go together, and whoever needs no answer does not wait for one.

1. A statement waits here until somebody needs an answer, or the transaction ends.
2. Then all that wait go together, in their order, and the answers come back in theirs.
3. After one that fails the server does none of the rest, and does not even commit.
"""

import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.generators import send
from psycopg.pq.abc import PGresult
from psycopg.waiting import Wait

from framework.storage.errors import TransactionInterrupted

_TOGETHER = 1000
"""At most so many statements wait: nobody has to hold more answers than that."""

_PREPARED = 1024
"""At most so many statements are prepared on one connection; a plan has a few for each property."""

_NOT_PREPARED = "26000"
_PREPARED_FOR_OTHER_COLUMNS = "RevalidateCachedQuery"
"""Where the server says so; the state of that error is one of many."""

_DONE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_THE_END = pq.ExecStatus.PIPELINE_SYNC

Meaning: TypeAlias = Callable[[psycopg.Error], Exception]
Question: TypeAlias = tuple[str, Sequence[Any]]
_Types: TypeAlias = tuple[int, ...]


@dataclass(slots=True, eq=False)
class _Statement:
    """What is known of a statement that was said: the types that its values had last, and under which name it
    is prepared for which types; under none, if it was said with them once.
    """

    sql: str
    formats: Sequence[PyFormat]
    types: _Types = ()
    names: dict[_Types, bytes | None] = field(default_factory=dict)


_Said: TypeAlias = tuple[_Statement, _Types, Sequence[Any], Sequence[Any], Meaning]
"""A statement that waits: the types, values and formats as the server takes them, and what it means if it
fails.
"""

_Message: TypeAlias = tuple[_Said, bool]
"""One message to the server: it prepares a statement, or carries it out."""


class WiredConnection(psycopg.Connection[tuple[object, ...]]):
    """A connection of the driver with a wire. While the wire is open, it speaks through that alone."""

    @cached_property
    def wire(self) -> "Wire":
        """Made when it is first wanted: it adapts values as the connection does from then on."""
        return Wire(self)

    @property
    def is_alive(self) -> bool:
        """Whether the server has not hung up: to one that has nothing to do, it has nothing to say."""
        return not self.closed and not self._poll.poll(0)

    @cached_property
    def _poll(self) -> select.poll:
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return poll


class Wire:
    """What is said on one connection. It is prepared once what is said twice."""

    __slots__ = ("_connection", "_libpq", "_names", "_prepared", "_statements", "_transformer", "_waiting")

    def __init__(self, connection: WiredConnection) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._transformer = Transformer(connection)
        self._waiting: list[_Said] = []
        self._statements: dict[str, _Statement] = {}
        self._prepared = 0
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
        for position, (statement, *_) in enumerate(self._waiting):
            if statement.sql == sql:
                del self._waiting[position:]
                return True
        self._waiting.clear()
        return False

    def put(self, sql: str, parameters: Sequence[Any], meaning: Meaning) -> None:
        """Let a statement wait. What an error of the server means is asked when it is known."""
        statement = self._statements.get(sql) or self._learn(sql, len(parameters))
        assert len(parameters) == len(statement.formats), f"as many values as ever: {sql}"
        values: Sequence[Any] = ()
        types: _Types = ()
        formats: Sequence[Any] = ()
        if parameters:
            adapt = self._transformer
            try:
                values = adapt.dump_sequence(parameters, statement.formats)
            except psycopg.Error as error:
                raise meaning(error) from error
            types, formats = adapt.types or (), adapt.formats or ()
            if types != statement.types:
                if statement.types and None in values:
                    types = _typed(types, statement.types)
                statement.types = types
        if len(self._waiting) >= _TOGETHER:
            self.exchange()
        self._waiting.append((statement, types, values, formats, meaning))

    def _learn(self, sql: str, count: int) -> _Statement:
        if len(self._statements) >= 2 * _PREPARED:  # most are said once
            self._statements = {sql: one for sql, one in self._statements.items() if any(one.names.values())}
        statement = self._statements[sql] = _Statement(sql, [PyFormat.AUTO] * count)
        return statement

    def exchange(self) -> Sequence[PGresult]:
        """Send all that waits, and return the answer to each. Raises what the first error means."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return ()
        if self._connection.closed:
            raise TransactionInterrupted(reason="the connection is closed")
        libpq = self._libpq
        messages: list[_Message] = []
        answers: list[PGresult] = []
        try:
            for said in waiting:
                statement, types, values, formats, _ = said
                name = statement.names.get(types) or self._prepare(said, messages)
                if name is None:
                    libpq.send_query_params(statement.sql.encode(), values, types, formats)
                else:
                    libpq.send_query_prepared(name, values, formats)
                messages.append((said, False))
            libpq.pipeline_sync()
            self._connection.wait(self._hear(answers))
        except psycopg.Error as error:
            self._raise_first(messages, answers)  # the server has said why it answers nothing more
            meaning = waiting[-1][-1]  # nobody knows how far it has come
            raise meaning(error) from error
        del answers[-1]  # it says that these were all
        if answers[-1].status not in _DONE:
            self._raise_first(messages, answers)
        if len(answers) == len(waiting):
            return answers
        return [answer for answer, (_, prepares) in zip(answers, messages, strict=True) if not prepares]

    def rows(self, questions: Sequence[Question], meaning: Meaning) -> list[list[tuple[Any, ...]]]:
        """Ask, after all that waits, and return the rows of each question."""
        if len(self._waiting) + len(questions) > _TOGETHER:
            self.exchange()
        for sql, parameters in questions:
            self.put(sql, parameters, meaning)
        return [self._loaded(answer) for answer in self.exchange()[-len(questions) :]]

    def _loaded(self, answer: PGresult) -> list[tuple[Any, ...]]:
        self._transformer.set_pgresult(answer)
        return self._transformer.load_rows(0, answer.ntuples, tuple)

    def _prepare(self, said: _Said, messages: list[_Message]) -> bytes | None:
        """Under which name it is prepared from now on; none, if it is said for the first time."""
        statement, types, *_ = said
        if types not in statement.names or self._prepared == _PREPARED:
            statement.names[types] = None
            return None
        self._prepared += 1
        self._names += 1
        name = statement.names[types] = b"millrace_%d" % self._names
        self._libpq.send_prepare(name, statement.sql.encode(), types)
        messages.append((said, True))
        return name

    def _hear(self, answers: list[PGresult]) -> PQGen[None]:
        """Send what libpq holds back, and receive all answers, up to the one that ends them.

        libpq is asked for each: the driver's way to fetch lets go of the interpreter five times for one.
        """
        libpq = self._libpq
        if libpq.flush():
            yield from send(libpq)
        while True:
            while not libpq.is_busy():
                answer = libpq.get_result()
                if answer is None:
                    raise psycopg.OperationalError("the connection is lost")
                answers.append(answer)
                if answer.status == _THE_END:
                    return
                libpq.get_result()  # that there is no more of this one
            while not (yield Wait.R):
                """Nothing has come."""
            libpq.consume_input()

    def _raise_first(self, messages: Sequence[_Message], answers: Sequence[PGresult]) -> None:
        """Raise what the first error means, if there is one; what was not prepared because of it is not."""
        failed = None
        for ((statement, types, *_, meaning), prepares), answer in zip(messages, answers, strict=False):
            if answer.status not in _DONE:
                failed = failed or (meaning, answer)
                if prepares:
                    statement.names[types] = None
                    self._prepared -= 1
        if failed is not None:
            error = error_from_result(failed[1])
            meant = failed[0](error)
            if is_forgotten(error):
                self._connection.close()
            raise meant from error


def _typed(types: _Types, known: _Types) -> _Types:
    """With None, which has no type, as what was in its place before: else a statement would be prepared once
    for each way in which some of its values can be None.
    """
    return tuple(own or before for own, before in zip(types, known, strict=True))


def is_forgotten(error: psycopg.Error) -> bool:
    """Whether the server no longer knows what was prepared: then nobody knows what else the connection has
    lost of what it was given when it was opened.
    """
    return error.sqlstate == _NOT_PREPARED or error.diag.source_function == _PREPARED_FOR_OTHER_COLUMNS
