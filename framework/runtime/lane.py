"""The lane: how transactions get to the database, one after the other or beside each other."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias, TypeVar

from framework.runtime.transaction import Transaction
from framework.runtime.work import Work
from framework.storage.database import Connection

T = TypeVar("T")
C = TypeVar("C", bound=Connection)
Operation: TypeAlias = Callable[[Transaction], T]
Open: TypeAlias = Callable[[Connection], Transaction]
Tell: TypeAlias = Callable[[Work], None]


@dataclass(frozen=True, slots=True)
class OfTenant(Generic[T]):
    """An operation on the records of a tenant, whoever is entered when it is handed in."""

    tenant: str
    operation: Operation[T]

    def __call__(self, transaction: Transaction) -> T:
        return self.operation(transaction)


def of_tenant(tenant: str | None, operation: Operation[T]) -> Operation[T]:
    """The operation on the records of a tenant; as it is, where there are no tenants."""
    return operation if tenant is None else OfTenant(tenant, operation)


def tenant_of(operation: Operation[T]) -> str | None:
    """Whose operation it is; None for that of who is entered."""
    return operation.tenant if isinstance(operation, OfTenant) else None


class Lane(Protocol[C]):
    """What the engine asks of a lane."""

    def write(self, operation: Operation[T], *, snapshot: bool = False) -> T:
        """Run one operation as a transaction; all of it is stored, or none.

        With `snapshot` it sees the database as it was at its beginning, whatever others commit meanwhile.
        """

    def write_each(self, operations: Sequence[Operation[T]]) -> list[T | Exception]:
        """Run operations, each standing or falling alone; what one raised is its result."""

    def at_once(self) -> AbstractContextManager[bool]:
        """Whether what is written within the block waits neither for a disk or a server, nor for anybody
        else.
        """

    def begin(self) -> C:
        """Begin a transaction of the caller's own."""

    def commit(self, connection: C) -> None:
        """Store what was done."""

    def roll_back(self, connection: C) -> None:
        """Undo what was done, if it has not been committed."""

    def end(self, connection: C) -> None:
        """Let others have what the transaction had."""
