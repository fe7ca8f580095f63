"""Tries: transactions beside each other, each tried again when it stood in another's way."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TypeVar

from framework.runtime.entered import Entered
from framework.runtime.errors import StaleWork
from framework.runtime.lane import Open, Operation, Tell, tenant_of
from framework.runtime.transaction import Transaction
from framework.storage.errors import DatabaseUnreachable, TransactionInterrupted
from framework.tenancy import within

if TYPE_CHECKING:  # the driver is an extra
    from framework.storage.postgres import PostgresDatabase
    from framework.storage.postgres_connection import PostgresConnection

T = TypeVar("T")
TRIES = 10
FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.5  # seconds


class Tries:
    """The lane to PostgreSQL.

    Each operation is a transaction on a connection of its own. One that the database ends (a deadlock, a
    failed serialization, a lost connection) is run again from the start, with rows that are read anew; what
    was lost in the midst of a commit is not, because it may be stored. Those that are run again wait for each
    other, so that they do not meet a second time.
    """

    def __init__(self, database: "PostgresDatabase", opened: Open, tell: Tell, entered: Entered) -> None:
        self._database = database
        self._opened = opened
        self._tell = tell
        self._entered = entered
        self._again = threading.Lock()

    def write(self, operation: Operation[T], *, snapshot: bool = False) -> T:
        for number in range(1, TRIES + 1):
            try:
                with nullcontext() if number == 1 else self._again:
                    result, transaction = self._try(operation, snapshot=snapshot)
                break
            except TransactionInterrupted as error:
                if number == TRIES:
                    raise StaleWork(tries=TRIES) from error
            except DatabaseUnreachable:
                if number == TRIES:
                    raise
            time.sleep(pause(number, random.random))
        else:
            raise AssertionError("the last try ends the loop")
        self._tell(transaction.work)
        return result

    def write_each(self, operations: Sequence[Operation[T]]) -> list[T | Exception]:
        """Each in a commit of its own."""
        results: list[T | Exception] = []
        for operation in operations:
            try:
                with within(tenant_of(operation)):
                    results.append(self.write(operation))
            except Exception as error:  # noqa: BLE001  # it is the result of this one, and no other's
                results.append(error)
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

    def _try(self, operation: Operation[T], *, snapshot: bool) -> tuple[T, Transaction]:
        connection = self._database.begin(snapshot=snapshot)
        try:
            with self._entered:
                transaction = self._opened(connection)
                try:
                    result = operation(transaction)
                    transaction.finish()
                    self._database.commit(connection)
                finally:
                    transaction.abandon()
        except BaseException:
            self._database.roll_back(connection)
            raise
        finally:
            self._database.end(connection)
        return result, transaction


def pause(number: int, chance: Callable[[], float]) -> float:
    """Seconds to wait after a try: longer each time, and not the same for two that met."""
    longest: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**number)
    return longest * (0.5 + chance() / 2)
