"""The wire to PostgreSQL: statements go together, and whoever needs no answer does not wait for one.

1. A statement waits here until somebody needs an answer, or the transaction ends.
2. Then all that wait go together, in their order, and the answers come back in theirs.
3. After one that fails the server does none of the rest, and does not even commit.
4. What goes together, in however many trips, is one transaction of the server, unless it is told otherwise.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.generators import send
from psycopg.pq.abc import PGresult
from psycopg.waiting import Wait

from framework.storage.errors import TransactionInterrupted
from framework.storage.prepared import Known, Prepared, Types

_TOGETHER = 1000
"""At most so many statements wait: nobody has to hold more answers than that."""

_NOT_PREPARED = "26000"
_PREPARED_FOR_OTHER_COLUMNS = "RevalidateCachedQuery"
"""Where the server says so; the state of that error is one of many."""

_DONE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_THE_END = pq.ExecStatus.PIPELINE_SYNC
_ERROR = pq.ExecStatus.FATAL_ERROR
_BAD = pq.ConnStatus.BAD

Meaning: TypeAlias = Callable[[psycopg.Error], Exception]
Question: TypeAlias = tuple[str, Sequence[Any]]


_Said: TypeAlias = tuple[Known, Types, Sequence[Any], Sequence[Any], Meaning]
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

    def is_alive(self) -> bool:
        """Whether the server has not hung up.

        Asked twice, because before it does so it says why. libpq is asked, and not the system: whoever does
        that lets go of the interpreter.
        """
        try:
            self.pgconn.consume_input()
            self.pgconn.consume_input()
        except psycopg.OperationalError:
            return False
        return True


class Wire:
    """What is said on one connection. It is prepared once what is said twice."""

    __slots__ = (
        "_connection",
        "_failed",
        "_known",
        "_libpq",
        "_prepared",
        "_together",
        "_transformer",
        "_waiting",
        "is_under_way",
    )

    def __init__(self, connection: WiredConnection) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._transformer = Transformer(connection)
        self._waiting: list[_Said] = []
        self._prepared = Prepared()
        self._known = self._prepared.known
        self._together = False
        self._failed = False
        self.is_under_way = False
        """Whether the server has begun a transaction that it has not been told to end."""

    def open(self, *, together: bool) -> None:
        """Begin to speak; all that is said up to `end` is one transaction, if it goes `together`.

        The server begins one with the first statement, and ends it where the wire says that these were all:
        it is told neither BEGIN nor COMMIT.
        """
        self._together = together
        self._failed = False
        self._libpq.enter_pipeline_mode()

    def go_apart(self) -> None:
        """From here on a statement has begun the transaction, and one ends it."""
        self._together = False

    def close(self) -> None:
        """Forget what waits, and leave the connection as it was, or closed."""
        self._waiting.clear()
        if self.is_under_way:
            self._connection.close()
            return
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
        statement = self._known.get(sql) or self._prepared.learn(sql, len(parameters))
        waiting = self._waiting
        if len(waiting) == _TOGETHER:
            self.exchange()
            waiting = self._waiting
        if not parameters:
            waiting.append((statement, (), (), (), meaning))
            return
        adapt = self._transformer
        try:
            values = adapt.dump_sequence(parameters, statement.formats)
        except psycopg.Error as error:
            raise meaning(error) from error
        types: Types = adapt.types  # type: ignore[assignment]  # it has just found them
        if types != statement.types:
            if statement.types and None in values:
                types = statement.typed(types)
            statement.types = types
        waiting.append((statement, types, values, adapt.formats, meaning))  # type: ignore[arg-type]  # and these

    def exchange(self) -> Sequence[PGresult]:
        """Send all that waits, and return the answer to each. Raises what the first error means."""
        if not self._waiting:
            return ()
        return self._trip(None if self._together else self._waiting[-1][-1])

    def end(self, meaning: Meaning) -> None:
        """Send all that waits, and end the transaction: it is stored, unless something fails.

        `meaning` says what it means if that is not known, or if the server ends it otherwise.
        """
        if self._waiting or self.is_under_way:
            self._trip(meaning)
        elif self._failed:
            raise meaning(_in_failed())

    def last(self, meaning: Meaning) -> list[tuple[Any, ...]]:
        """End the transaction as `end` does, and return the rows of what was said last."""
        return self._loaded(self._trip(meaning)[-1])

    def _trip(self, ends: Meaning | None) -> Sequence[PGresult]:
        """Send all that waits, and that these were all if that `ends` something: then it is what an error
        means of which nobody knows how far the server has come.
        """
        waiting, self._waiting = self._waiting, []
        libpq = self._libpq
        if libpq.status == _BAD:
            raise TransactionInterrupted(reason="the connection is closed")
        if self._failed:
            raise (ends or waiting[-1][-1])(_in_failed())
        send_prepared = libpq.send_query_prepared
        prepared: list[_Said] = []
        answers: list[PGresult] = []
        try:
            for said in waiting:
                statement, types, values, formats, _ = said
                name = statement.names.get(types) or self._prepare(said, prepared)
                if name is None:
                    libpq.send_query_params(statement.sql.encode(), values, types, formats)
                else:
                    send_prepared(name, values, formats)
            if ends is None:
                libpq.send_flush_request()
                self.is_under_way = True
            else:
                libpq.pipeline_sync()
            self._connection.wait(
                self._hear(answers, len(waiting) + len(prepared), to_the_end=ends is not None)
            )
        except psycopg.Error as error:
            self._raise_first(_messages(waiting, prepared), answers, ends)  # the server has said why
            raise (ends or waiting[-1][-1])(error) from error
        if ends is not None:
            self.is_under_way = False
            del answers[-1]  # it says that these were all
        if answers and answers[-1].status not in _DONE:
            if ends is None:
                self._give_up()
            self._raise_first(_messages(waiting, prepared), answers, ends)
        if not prepared:
            return answers
        messages = _messages(waiting, prepared)
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

    def _prepare(self, said: _Said, prepared: list[_Said]) -> bytes | None:
        """Under which name it is prepared from now on; none, if it is said for the first time."""
        statement, types, *_ = said
        name = self._prepared.name(statement, types)
        if name is not None:
            self._libpq.send_prepare(name, statement.sql.encode(), types)
            prepared.append(said)
        return name

    def _hear(self, answers: list[PGresult], count: int, *, to_the_end: bool) -> PQGen[None]:
        """Send what libpq holds back, and receive so many answers, and all up to the one that says that these
        were all.

        libpq is asked for each: the driver's way to fetch lets go of the interpreter five times for one.
        """
        libpq = self._libpq
        is_busy, get_result = libpq.is_busy, libpq.get_result
        if libpq.flush():
            yield from send(libpq)
        left = count + to_the_end
        while left:
            while is_busy():
                while not (yield Wait.R):
                    """Nothing has come."""
                libpq.consume_input()
            answer = get_result()
            if answer is None:
                raise psycopg.OperationalError("the connection is lost")
            answers.append(answer)
            left -= 1
            if left or not to_the_end:
                get_result()  # that there is no more of this one
            elif answer.status != _THE_END:  # what failed is the end itself, and it is still to come
                get_result()
                left = 1

    def _give_up(self) -> None:
        """Nothing more is done since something failed: let the server take back what it had begun."""
        self._failed = True
        try:
            self._libpq.pipeline_sync()
            self._connection.wait(self._hear([], 0, to_the_end=True))
        except psycopg.Error:
            self._connection.close()
        self.is_under_way = False

    def _raise_first(
        self, messages: Sequence[_Message], answers: Sequence[PGresult], ends: Meaning | None
    ) -> None:
        """Raise what the first error means, if there is one; what was not prepared because of it is not."""
        failed = None
        for ((statement, types, *_, meaning), prepares), answer in zip(messages, answers, strict=False):
            if answer.status not in _DONE:
                failed = failed or (meaning, answer)
                if prepares:
                    self._prepared.is_not(statement, types)
        if failed is None and ends is not None:  # all was well, up to the end
            at_the_end = (one for one in answers[len(messages) :] if one.status == _ERROR)
            failed = next(((ends, one) for one in at_the_end), None)
        if failed is not None:
            error = error_from_result(failed[1])
            meant = failed[0](error)
            if is_forgotten(error):
                self._connection.close()
            raise meant from error


def _messages(waiting: Sequence[_Said], prepared: Sequence[_Said]) -> list[_Message]:
    """What was sent, in order: what was said, and before it, what was prepared of it."""
    messages: list[_Message] = []
    for said in waiting:
        if any(said is one for one in prepared):
            messages.append((said, True))
        messages.append((said, False))
    return messages


def _in_failed() -> psycopg.Error:
    """What the server says of a transaction in which something has failed; here it has ended it."""
    return psycopg.errors.InFailedSqlTransaction("the transaction has failed, and nothing more is done in it")


def is_forgotten(error: psycopg.Error) -> bool:
    """Whether the server no longer knows what was prepared: then nobody knows what else the connection has
    lost of what it was given when it was opened.
    """
    return error.sqlstate == _NOT_PREPARED or error.diag.source_function == _PREPARED_FOR_OTHER_COLUMNS
