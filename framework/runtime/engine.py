"""The engine: runs operations as transactions."""

import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from framework.clock import Clock
from framework.plan.plan import Plan
from framework.plan.shape import Kind
from framework.runtime.door import Door
from framework.runtime.entered import BLOCK, Block, Entered
from framework.runtime.errors import EnteredAsynchronously, NotEntered
from framework.runtime.lane import Lane, Operation
from framework.runtime.transaction import Transaction
from framework.runtime.uses import refuse_verb
from framework.runtime.work import Work
from framework.storage.database import Connection, Database
from framework.tenancy import Unlisted, current_tenant, is_anybody, nobody, refuse_name, tenant, within

if TYPE_CHECKING:
    from framework.runtime.meter import Meter

T = TypeVar("T")


class Engine:
    """Runs operations as transactions. Synchronous, and safe to call from any thread.

    On SQLite they take turns and share commits; on PostgreSQL they run beside each other.
    """

    def __init__(self, plan: Plan, database: Database, clock: Clock) -> None:
        self.plan = plan
        self.database = database
        self.clock = clock
        self.doors = {shape: Door(shape, database.statements[shape]) for shape in plan.shapes.values()}
        self.listeners: list[Callable[[Work], None]] = []
        self.closers: list[Callable[[Work], None]] = []
        """What is still to be written when everything has followed, in the same transaction."""
        self.meter: Meter | None = None  # measures all steps, where it was asked for
        self.entered = Entered()
        self.token = secrets.token_hex(4)
        """Tells this engine from those of other processes on the same database."""
        self.lane = self._lane()

    def write(self, operation: Operation[T], *, snapshot: bool = False) -> T:
        """Run one operation as a transaction; all of it is stored, or none.

        It may be run more than once, each time with fresh rows, and counts once. With `snapshot` it sees the
        database as it was at its beginning, whatever others commit meanwhile.
        """
        self.entered.refuse_nested()
        return self.lane.write(operation, snapshot=snapshot)

    def write_each(self, operations: Sequence[Operation[T]]) -> list[T | Exception]:
        """Run operations, each standing or falling alone, in as few commits as can be; what one raised is
        its result.
        """
        self.entered.refuse_nested()
        return self.lane.write_each(operations)

    def transaction(self) -> "Scope":
        """A transaction of the caller's own; leaving it normally commits, leaving it by an exception does
        not.
        """
        return Scope(self)

    def at_once(self) -> AbstractContextManager[bool]:
        """Whether what is written within the block waits neither for a disk or a server, nor for anybody
        else.
        """
        return self.lane.at_once()

    def create_globals(self) -> None:
        """Store the one row of each Global that has none yet, of each tenant."""
        for name in self.tenants():
            with within(name):
                self.write(add_globals)

    def tenants(self) -> list[str] | list[None]:
        """All tenants, in order; None alone where records have no tenants."""
        if not self.plan.tenanted:
            return [None]
        with nobody(), self.database.reading() as connection:
            return self.database.tenants.all(connection)

    def has_tenant(self, name: str) -> bool:
        """Whether there is a tenant of this name."""
        with nobody(), self.database.reading() as connection:
            return self.database.tenants.has(connection, name)

    def reached(self) -> list[str] | list[None]:
        """The tenant that is entered, or else all; None alone where records have no tenants."""
        return [current_tenant()] if self.plan.tenanted and is_anybody() else self.tenants()

    def create_tenant(self, name: str) -> None:
        """Make a tenant, if it is not there: its name, and its row of each Global.

        Nothing is left to it of a former one of this name.
        """

        def operation(transaction: Transaction) -> None:
            database, connection = self.database, transaction.work.connection
            database.hold(connection, "tenants")
            if not database.tenants.has(connection, name):
                for parting in database.partings:
                    while connection.run(parting.sql):
                        pass
                database.tenants.add(connection, name, transaction.now)
                add_globals(transaction)

        refuse_name(name)
        with tenant(Unlisted(name)):
            self.write(operation)

    def open(self, connection: Connection) -> Transaction:
        self.database.enter(connection)
        work = Work(connection, self.database, self.doors, self.clock.now())
        work.closers = self.closers
        if self.meter is not None:
            self.meter.watch(work)
        return Transaction(self.plan, work)

    def end(self, connection: Connection, transaction: Transaction, error: BaseException | None) -> None:
        """Commit what a block has done, unless it raised an error."""
        if error is not None:
            transaction.give_back()
            self.lane.roll_back(connection)
            if isinstance(error, AttributeError) and error.obj is transaction:
                refuse_verb(transaction, str(error.name))  # to have `__getattr__` would slow all that it has
            self.raise_meaning(error)
            return
        try:
            transaction.finish()
            self.lane.commit(connection)
        except BaseException as failure:
            transaction.give_back()
            self.lane.roll_back(connection)
            self.raise_meaning(failure)
            raise

    def raise_meaning(self, error: BaseException) -> None:
        """Raise what an error of the driver says about the database, if it says anything about that."""
        if isinstance(error, Exception):
            meaning = self.database.meaning(error)
            if meaning is not error:
                raise meaning from error

    def tell(self, work: Work) -> None:
        for listener in self.listeners:
            listener(work)

    def _lane(self) -> Lane[Any]:
        database: Any = self.database  # each lane knows its own kind
        if database.concurrent:
            from framework.runtime.tries import Tries

            return Tries(database, self.open, self.tell, self.entered)
        from framework.runtime.turns import Turns

        return Turns(database, self.open, self.tell, self.entered)


def add_globals(transaction: Transaction) -> None:
    """Store the one row of each Global that has none yet."""
    transaction.work.hold("globals")
    for shape in transaction.plan.of_kind(Kind.GLOBAL):
        record = shape.model()
        if transaction.work.find(shape, record.id) is None:
            transaction.insert(shape, record)


class Scope:
    """What `with app.transaction() as tx:` enters and leaves. It is run once: nobody can run the block
    again.
    """

    __slots__ = ("_connection", "_engine", "_transaction", "outer")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __aenter__(self) -> NoReturn:
        raise EnteredAsynchronously()

    async def __aexit__(self, *raised: object) -> None:
        """It has not been entered."""

    def __enter__(self) -> Transaction:
        engine = self._engine
        engine.entered.refuse_nested()
        try:
            connection = engine.lane.begin()
        except Exception as error:
            engine.raise_meaning(error)
            raise
        try:
            transaction = engine.open(connection)
        except BaseException:
            engine.lane.roll_back(connection)
            engine.lane.end(connection)
            raise
        engine.entered.__enter__()
        self.outer: Block | None = BLOCK.get()
        BLOCK.set(self)
        self._connection, self._transaction = connection, transaction
        return transaction

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        engine, connection, transaction = self._engine, self._connection, self._transaction
        try:
            try:
                engine.end(connection, transaction, error)
            finally:
                BLOCK.set(self.outer)
                self._connection = None
                engine.entered.__exit__()
                engine.lane.end(connection)
            if error is None:
                engine.tell(transaction.work)
        finally:
            transaction.abandon(let_go=True)

    def is_of(self, entered: Entered) -> bool:
        return self._engine.entered is entered and self._connection is not None


def _not_entered(name: str) -> property:
    """What a transaction is asked for by this name before it is entered."""

    def refuse(scope: Scope) -> NoReturn:
        raise NotEntered(name=name)

    return property(refuse)


for _name in vars(Transaction):
    if not _name.startswith("_"):
        setattr(Scope, _name, _not_entered(_name))
