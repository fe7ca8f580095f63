"""Turns: transactions one after the other, where those that wait share a commit."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context, copy_context
from typing import Any, Generic, TypeVar

from framework.runtime.entered import Entered
from framework.runtime.lane import Open, Operation, Tell, tenant_of
from framework.runtime.resting import collector_at_rest
from framework.runtime.work import Work
from framework.storage.database import Connection
from framework.storage.sqlite import SqliteDatabase
from framework.tenancy import context_of

T = TypeVar("T")
_GROUP = 64

APART = 1.0
"""For so many seconds each operation has a savepoint of its own after one had to be undone: where some fall,
more will, and savepoints cost less than running all of them again.
"""


class _Ticket(Generic[T]):
    """One operation that waits for its turn, and what came of it."""

    __slots__ = ("context", "done", "error", "operation", "result", "work")

    def __init__(self, operation: Operation[T], context: Context | None) -> None:
        self.operation = operation
        self.context = context
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.work: Work | None = None

    def settle(self) -> T:
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[no-any-return]  # set by the operation of this type


class Turns:
    """The lane to SQLite's one writer.

    Operations that arrive while another commits are run by one thread in one database transaction, so that
    they share the cost of making the commit durable. Each stands or falls alone: if one falls that had
    written already, all are run again from the start, each in a savepoint of its own.
    """

    def __init__(self, database: SqliteDatabase, opened: Open, tell: Tell, entered: Entered) -> None:
        self._database = database
        self._opened = opened
        self._tell = tell
        self._entered = entered
        self._waiting: deque[_Ticket[Any]] = deque()
        self._apart_until = 0.0

    def write(self, operation: Operation[T], *, snapshot: bool = False) -> T:
        if not self._waiting and self._database.writing.acquire(blocking=False):
            try:
                return self._alone(operation)
            finally:
                self._database.writing.release()
        ticket: _Ticket[T] = _Ticket(operation, copy_context())
        self._waiting.append(ticket)
        with self._database.writing:
            if not ticket.done:
                self._run_waiting(ticket)
        return ticket.settle()

    def write_each(self, operations: Sequence[Operation[T]]) -> list[T | Exception]:
        """All in one commit."""
        tickets: list[_Ticket[T]] = [_Ticket(one, context_of(tenant_of(one))) for one in operations]
        if tickets:
            with self._database.writing:
                self._commit(tickets)
        results: list[T | Exception] = []
        for ticket in tickets:
            if ticket.error is not None and not isinstance(ticket.error, Exception):
                raise ticket.error
            results.append(ticket.result if ticket.error is None else ticket.error)
        return results

    @contextmanager
    def at_once(self) -> Iterator[bool]:
        is_free = not self._database.waits_for_disk and self._database.writing.acquire(blocking=False)
        try:
            yield is_free
        finally:
            if is_free:
                self._database.writing.release()

    def begin(self) -> Connection:
        self._database.writing.acquire()
        try:
            self._database.begin()
        except BaseException:
            self._database.writing.release()
            raise
        return self._database.writer

    def commit(self, connection: Connection) -> None:
        connection.run("COMMIT")

    def roll_back(self, connection: Connection) -> None:
        self._database.roll_back()

    def end(self, connection: Connection) -> None:
        self._database.writing.release()

    def _alone(self, operation: Operation[T]) -> T:
        """Run one operation, while nobody else waits, in a database transaction of its own."""
        try:
            with self._entered:
                self._database.begin()
                result, work = self._carry_out(operation)
                self._database.writer.run("COMMIT")
        except BaseException as error:
            self._database.roll_back()
            meaning = self._database.meaning(error) if isinstance(error, Exception) else error
            if meaning is error:
                raise
            raise meaning from error
        self._tell(work)
        return result

    def _run_waiting(self, own: _Ticket[Any]) -> None:
        """Run all that wait, the caller's among them, in groups."""
        while not own.done:
            group = [self._waiting.popleft() for _ in range(min(_GROUP, len(self._waiting)))]
            self._commit(group)

    def _commit(self, tickets: Sequence[_Ticket[Any]]) -> None:
        """Run a group of operations in one database transaction; never raises what an operation raised."""
        if len(tickets) == 1:
            self._commit_together(tickets)
            return
        with collector_at_rest():
            self._commit_together(tickets)
            for ticket in tickets:
                ticket.work = None

    def _commit_together(self, tickets: Sequence[_Ticket[Any]]) -> None:
        connection = self._database.writer
        try:
            with self._entered:
                self._database.begin()
                if len(tickets) == 1:
                    self._run(tickets[0])
                elif time.monotonic() < self._apart_until:
                    self._run_apart(tickets)
                elif not self._run_together(tickets):
                    self._apart_until = time.monotonic() + APART
                    self._database.roll_back()
                    self._database.begin()
                    self._run_apart(tickets)
                if all(ticket.error is not None for ticket in tickets):
                    self._database.roll_back()
                else:
                    connection.run("COMMIT")
        except BaseException as error:
            self._database.roll_back()
            meaning = self._database.meaning(error) if isinstance(error, Exception) else error
            for ticket in tickets:
                ticket.error = ticket.error or meaning
            if not isinstance(error, Exception):
                raise
        finally:
            for ticket in tickets:
                ticket.done = True
        for ticket in tickets:
            if ticket.error is None and ticket.work is not None:
                self._tell(ticket.work)

    def _run_together(self, tickets: Sequence[_Ticket[Any]]) -> bool:
        """Run operations in a row; whether each of them wrote all or nothing, so that each stands alone."""
        raw = self._database.writer.raw
        for ticket in tickets:
            written = raw.total_changes
            self._run(ticket)
            if ticket.error is not None and raw.total_changes > written:
                return False
        return True

    def _run_apart(self, tickets: Sequence[_Ticket[Any]]) -> None:
        """Run each from the start, in a savepoint of its own."""
        connection = self._database.writer
        for ticket in tickets:
            connection.run("SAVEPOINT one")
            self._run(ticket)
            if ticket.error is not None:
                connection.run("ROLLBACK TO one")
            connection.run("RELEASE one")

    def _run(self, ticket: _Ticket[Any]) -> None:
        ticket.error = None
        try:
            if ticket.context is None:
                ticket.result, ticket.work = self._carry_out(ticket.operation)
            else:
                ticket.result, ticket.work = ticket.context.run(self._carry_out, ticket.operation)
        except Exception as error:  # noqa: BLE001  # it is raised to whoever waits for the ticket
            ticket.error = self._database.meaning(error)

    def _carry_out(self, operation: Operation[T]) -> tuple[T, Work]:
        transaction = self._opened(self._database.writer)
        try:
            result = operation(transaction)
            transaction.finish()
        finally:
            transaction.abandon()
        return result, transaction.work
