"""The engine: runs transactions one after the other, and lets those that wait share a commit."""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from typing import Any, Generic, TypeVar

from framework.clock import Clock
from framework.plan.plan import Plan
from framework.plan.shape import Kind
from framework.runtime.door import Door
from framework.runtime.errors import NestedDispatch
from framework.runtime.transaction import Transaction
from framework.runtime.work import Work
from framework.storage.database import Database, is_busy
from framework.storage.errors import DatabaseBusy

T = TypeVar("T")
Operation = Callable[[Transaction], T]
_TRIES = 3
_GROUP = 64


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


class _Entered:
    """Marks the thread that is inside a transaction, so that it cannot start another one there."""

    def __init__(self) -> None:
        self._inside = threading.local()

    def __enter__(self) -> None:
        self._inside.transaction = True

    def __exit__(self, *raised: object) -> None:
        self._inside.transaction = False

    def refuse_nested(self) -> None:
        if getattr(self._inside, "transaction", False):
            raise NestedDispatch()


class Engine:
    """Runs operations as transactions. Synchronous, and safe to call from any thread.

    Operations that arrive while another commits are run by one thread in one database transaction, each in a
    savepoint of its own, so that they share the cost of making the commit durable. Each stands or falls
    alone.
    """

    def __init__(self, plan: Plan, database: Database, clock: Clock) -> None:
        self.plan = plan
        self.database = database
        self.clock = clock
        self.doors = {shape: Door(shape, database.statements[shape]) for shape in plan.shapes.values()}
        self.listeners: list[Callable[[Work], None]] = []
        self.closers: list[Callable[[Work], None]] = []
        """What is still to be written when everything has followed, in the same transaction."""
        self._waiting: deque[_Ticket[Any]] = deque()
        self.entered = _Entered()

    def write(self, operation: Operation[T]) -> T:
        """Run one operation as a transaction; all of it is stored, or none."""
        self.entered.refuse_nested()
        ticket: _Ticket[T] = _Ticket(operation, copy_context())
        self._waiting.append(ticket)
        with self.database.writing:
            if not ticket.done:
                self._run_waiting(ticket)
        return ticket.settle()

    def write_each(self, operations: Sequence[Operation[T]]) -> list[T | Exception]:
        """Run operations in one commit, each standing or falling alone; what one raised is its result."""
        self.entered.refuse_nested()
        tickets: list[_Ticket[T]] = [_Ticket(operation, None) for operation in operations]
        if tickets:
            with self.database.writing:
                self._commit(tickets)
        results: list[T | Exception] = []
        for ticket in tickets:
            if ticket.error is not None and not isinstance(ticket.error, Exception):
                raise ticket.error
            results.append(ticket.result if ticket.error is None else ticket.error)
        return results

    def transaction(self) -> "Scope":
        """A transaction of the caller's own; leaving it normally commits, leaving it by an exception does
        not.
        """
        return Scope(self)

    def create_globals(self) -> None:
        """Store the one row of each Global that has none yet."""

        def operation(transaction: Transaction) -> None:
            for shape in self.plan.of_kind(Kind.GLOBAL):
                record = shape.model()
                if transaction.work.find(shape, record.id) is None:
                    transaction.insert(shape, record)

        self.write(operation)

    def _run_waiting(self, own: _Ticket[Any]) -> None:
        """Run all that wait, the caller's among them, in groups."""
        while not own.done:
            group = [self._waiting.popleft() for _ in range(min(_GROUP, len(self._waiting)))]
            self._commit(group)

    def _commit(self, tickets: Sequence[_Ticket[Any]]) -> None:
        """Run a group of operations in one database transaction; never raises what an operation raised."""
        connection = self.database.writer
        try:
            with self.entered:
                self.begin()
                if len(tickets) == 1:
                    self._run(tickets[0])
                else:
                    for ticket in tickets:
                        connection.run("SAVEPOINT one")
                        self._run(ticket)
                        if ticket.error is not None:
                            connection.run("ROLLBACK TO one")
                        connection.run("RELEASE one")
                if all(ticket.error is not None for ticket in tickets):
                    self.roll_back()
                else:
                    connection.run("COMMIT")
        except BaseException as error:
            self.roll_back()
            meaning = self.database.meaning(error) if isinstance(error, Exception) else error
            for ticket in tickets:
                ticket.error = ticket.error or meaning
            if not isinstance(error, Exception):
                raise
        finally:
            for ticket in tickets:
                ticket.done = True
        for ticket in tickets:
            if ticket.error is None and ticket.work is not None:
                self.tell(ticket.work)

    def _run(self, ticket: _Ticket[Any]) -> None:
        try:
            if ticket.context is None:
                self._carry_out(ticket)
            else:
                ticket.context.run(self._carry_out, ticket)
        except Exception as error:  # noqa: BLE001  # it is raised to whoever waits for the ticket
            ticket.error = self.database.meaning(error)

    def _carry_out(self, ticket: _Ticket[Any]) -> None:
        transaction = self.open()
        ticket.work = transaction.work
        try:
            ticket.result = ticket.operation(transaction)
            transaction.finish()
        finally:
            transaction.abandon()

    def open(self) -> Transaction:
        work = Work(self.database, self.doors, self.clock.now())
        work.closers = self.closers
        return Transaction(self.plan, work)

    def begin(self) -> None:
        for left in reversed(range(_TRIES)):
            try:
                self.database.writer.run("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not is_busy(error):
                    raise
                if not left:
                    raise DatabaseBusy(
                        url=self.database.url, seconds=self.database.patience * _TRIES
                    ) from error

    def roll_back(self) -> None:
        if self.database.writer.raw.in_transaction:
            self.database.writer.run("ROLLBACK")

    def tell(self, work: Work) -> None:
        for listener in self.listeners:
            listener(work)


class Scope:
    """What `with app.transaction() as tx:` enters and leaves."""

    __slots__ = ("_engine", "_transaction")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Transaction:
        engine = self._engine
        engine.entered.refuse_nested()
        engine.database.writing.acquire()
        try:
            engine.begin()
            engine.entered.__enter__()
            self._transaction = engine.open()
        except BaseException as error:
            engine.roll_back()
            engine.database.writing.release()
            if isinstance(error, sqlite3.Error):
                raise engine.database.meaning(error) from error
            raise
        return self._transaction

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        engine = self._engine
        try:
            if kind is None:
                try:
                    self._transaction.finish()
                    engine.database.writer.run("COMMIT")
                except BaseException as failure:
                    engine.roll_back()
                    if isinstance(failure, sqlite3.Error):
                        raise engine.database.meaning(failure) from failure
                    raise
            else:
                engine.roll_back()
                if isinstance(error, sqlite3.Error):
                    raise engine.database.meaning(error) from error
        finally:
            self._transaction.abandon()
            engine.entered.__exit__()
            engine.database.writing.release()
        if kind is None:
            engine.tell(self._transaction.work)
