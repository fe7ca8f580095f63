"""Tries: transactions beside each other, each tried again when it stood in another's way."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from framework.runtime.entered import Entered
from framework.runtime.errors import StaleWork
from framework.runtime.lane import Open, Operation, Tell, tenant_of
from framework.runtime.transaction import Transaction
from framework.runtime.work import Work
from framework.storage.errors import (
    CommitUnknown,
    DatabaseFailed,
    DatabaseUnreachable,
    TransactionInterrupted,
)
from framework.tenancy import within

if TYPE_CHECKING:  # the driver is an extra
    from framework.storage.postgres import PostgresDatabase
    from framework.storage.postgres_connection import PostgresConnection

T = TypeVar("T")
R = TypeVar("R")
TRIES = 10
GROUP = 16
"""So many operations share a commit at most: others wait until then for what they have locked."""

APART = 1.0
"""For so many seconds each operation has a commit of its own after a group had to wait for another: where
many want the same rows, whoever holds some of them while he waits for one more is in everybody's way.
"""

FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.5  # seconds


class Tries:
    """The lane to PostgreSQL.

    Each operation is a transaction on a connection of its own; those that come together share one, as far as
    none stands in another's way. One that the database ends (a deadlock, a failed serialization, a lost
    connection) is run again from the start, with rows that are read anew; what was lost in the midst of a
    commit is not, because it may be stored. Those that are run again wait for each other, so that they do not
    meet a second time.
    """

    def __init__(self, database: "PostgresDatabase", opened: Open, tell: Tell, entered: Entered) -> None:
        self._database = database
        self._opened = opened
        self._tell = tell
        self._entered = entered
        self._again = threading.Lock()
        self._apart_until = 0.0

    def write(self, operation: Operation[T], *, snapshot: bool = False, tried: bool = False) -> T:
        """Run one operation as a transaction; `tried`: it has been in another's way once already."""
        if tried:
            result, transaction = self._try_again(operation, snapshot=snapshot)
        else:
            try:
                result, transaction = self._try(operation, snapshot=snapshot)
            except (TransactionInterrupted, DatabaseUnreachable):
                result, transaction = self._try_again(operation, snapshot=snapshot)
        self._tell(transaction.work)
        return result

    def write_each(self, operations: Sequence[Operation[T]]) -> list[T | Exception]:
        """In as few commits as can be, as long as none stands in another's way."""
        results: list[T | Exception] = []
        while left := operations[len(results) : len(results) + GROUP]:
            if time.monotonic() < self._apart_until:
                results.append(self._alone(left[0], tried=False))
            else:
                results += self._together(left) or [self._alone(left[0], tried=len(left) > 1)]
        return results

    def at_once(self) -> AbstractContextManager[bool]:
        """It never is: there is a server to wait for."""
        return nullcontext(False)

    def begin(self) -> "PostgresConnection":
        return self._database.begin()

    def commit(self, connection: "PostgresConnection") -> None:
        self._database.commit(connection)

    def roll_back(self, connection: "PostgresConnection") -> None:
        self._database.roll_back(connection)

    def end(self, connection: "PostgresConnection") -> None:
        self._database.end(connection)

    def _together(self, operations: Sequence[Operation[T]]) -> list[T | Exception]:
        """What came of the first of them, which share a commit; of none, if each should be by itself."""
        results: list[T | Exception] = []
        stored: dict[int, Work] = {}
        if len(operations) == 1:
            return results
        try:
            with within(tenant_of(operations[0])):
                connection = self._database.begin(in_parts=True)
        except Exception:  # noqa: BLE001  # whoever is by himself is told
            return results
        try:
            self._commit(connection, partial(self._carry_out_each, connection, operations, results, stored))
        except CommitUnknown as error:
            for number in stored:
                results[number] = error
            return results
        except Exception as error:  # noqa: BLE001  # the last one's, which was told with the commit; or nobody's
            results = results[: next(iter(stored), None)]  # those that failed before any other stood
            if results or isinstance(error, DatabaseFailed):
                return results
            return self._together(operations[:-1])
        for work in stored.values():
            self._tell(work)
        return results

    def _carry_out_each(
        self,
        connection: "PostgresConnection",
        operations: Sequence[Operation[T]],
        results: list[T | Exception],
        stored: dict[int, Work],
    ) -> None:
        """Carry out operations up to one that has to begin another group.

        1. Each has a savepoint, and is settled before the next begins; the last, with the commit.
        2. One that fails is taken back. Before any other stands, that is its result.
        3. Afterwards it is no result: what an error means is asked on another connection, which does not see
           what those before it have done. So the group ends, and it comes first in the next.
        4. The group also ends where one would wait for a lock, because others wait for those of the group.
        """
        for number, operation in enumerate(operations, 1):
            connection.save()
            try:
                with within(tenant_of(operation)):
                    result, transaction = self._carry_out(operation, connection)
                    if number < len(operations):
                        connection.keep()
            except Exception as error:  # noqa: BLE001  # it is the result of this one, and no other's
                connection.undo()
                if isinstance(error, TransactionInterrupted):
                    self._apart_until = time.monotonic() + APART
                if stored or isinstance(error, TransactionInterrupted):
                    return
                results.append(error)
                continue
            if not stored:
                self._database.give_way(connection)
            stored[len(results)] = transaction.work
            results.append(result)

    def _alone(self, operation: Operation[T], *, tried: bool) -> T | Exception:
        """What came of an operation in a commit of its own."""
        try:
            with within(tenant_of(operation)):
                return self.write(operation, tried=tried)
        except Exception as error:  # noqa: BLE001  # it is the result of this one, and no other's
            return error

    def _try(self, operation: Operation[T], *, snapshot: bool) -> tuple[T, Transaction]:
        connection = self._database.begin(snapshot=snapshot)
        try:
            return self._commit(connection, partial(self._carry_out, operation, connection))
        except Exception as error:
            if connection.has_stored and not isinstance(error, CommitUnknown):  # so it is not run again
                raise CommitUnknown(url=self._database.url, reason=str(error)) from error
            raise

    def _try_again(self, operation: Operation[T], *, snapshot: bool) -> tuple[T, Transaction]:
        for number in range(2, TRIES + 1):
            time.sleep(pause(number - 1, random.random))
            try:
                with self._again:
                    return self._try(operation, snapshot=snapshot)
            except TransactionInterrupted as error:
                if number == TRIES:
                    raise StaleWork(tries=TRIES) from error
            except DatabaseUnreachable:
                if number == TRIES:
                    raise
        raise AssertionError("the last try ends the loop")

    def _carry_out(self, operation: Operation[T], connection: "PostgresConnection") -> tuple[T, Transaction]:
        transaction = self._opened(connection)
        try:
            result = operation(transaction)
            transaction.finish()
        finally:
            transaction.abandon()
        return result, transaction

    def _commit(self, connection: "PostgresConnection", act: Callable[[], R]) -> R:
        """Commit what it does, or nothing of it, and give the connection back."""
        try:
            with self._entered:
                result = act()
                self._database.commit(connection)
            return result
        except BaseException:
            self._database.roll_back(connection)
            raise
        finally:
            self._database.end(connection)


def pause(number: int, chance: Callable[[], float]) -> float:
    """Seconds to wait after a try: longer each time, and not the same for two that met."""
    longest: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**number)
    return longest * (0.5 + chance() / 2)
