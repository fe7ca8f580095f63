"""A database: one connection that writes, and connections that read."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool, StaticPool
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import Session

from framework.plan.plan import Plan
from framework.storage.bookkeeping import Bookkeeping
from framework.storage.errors import (
    DatabaseBusy,
    DatabaseCorrupt,
    DatabaseInUse,
    DatabaseUnreachable,
    DatabaseUnwritable,
    SchemaDiffers,
    SchemaMissing,
    UnsupportedDatabase,
)
from framework.storage.statements import TableStatements
from framework.storage.tables import Tables

Synchronous = Literal["FULL", "NORMAL", "OFF"]


class Connection:
    """The one seam through which statements reach the driver."""

    __slots__ = ("raw",)

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw = raw

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return self.raw.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        return self.raw.execute(sql, parameters).fetchone()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Execute and return the number of rows changed."""
        return self.raw.execute(sql, parameters).rowcount

    def run_many(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        self.raw.executemany(sql, parameters)


class SharedConnection(sqlite3.Connection):
    """The one connection of a database in memory, which readers share with the writer.

    Transactions are begun and ended by statements; what a session that only reads does at its end is not one.
    """

    def commit(self) -> None:
        """Nothing: a reader has nothing to commit."""

    def rollback(self) -> None:
        """Nothing: a reader must not undo what the writer has open."""


class Database:
    """The store of one App: its tables, its compiled statements, its writer and its readers.

    `url` is a SQLAlchemy URL. On SQLite a file is in WAL mode and open in one process at a time (a lock file
    beside it holds that); `synchronous` is the durability of a commit: FULL survives the loss of power;
    `patience` is how many seconds to wait for another process that holds the database.
    """

    def __init__(
        self, url: str, plan: Plan, *, synchronous: Synchronous = "FULL", patience: float = 5.0
    ) -> None:
        self.url = url
        self.plan = plan
        self.synchronous = synchronous
        self.patience = patience
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise UnsupportedDatabase(url=url) from error
        if parsed.get_backend_name() != "sqlite":
            raise UnsupportedDatabase(url=parsed.render_as_string(hide_password=True))
        self.path = None if parsed.database in (None, "", ":memory:") else Path(parsed.database or "")
        self.dialect = sqlite_dialect(paramstyle="qmark")
        self.tables = Tables(plan)
        self.statements = {
            shape: TableStatements(shape, table, self.dialect) for shape, table in self.tables.of.items()
        }
        self.bookkeeping = Bookkeeping(self.tables, self.dialect)
        self.writing = threading.RLock()
        self._lock_file: int | None = None
        self._own()
        try:
            raw = self._connect()
            self.writer = Connection(raw)
            self.reader = self._read_engine(raw)
        except BaseException:
            self._disown()
            raise

    def create(self) -> bool:
        """Make the tables that are missing; whether some were added to others that were there before.

        Raises SchemaDiffers where one is there in another form.
        """
        with self.writing, self.translated():
            self.writer.run("BEGIN IMMEDIATE")
            try:
                present = self._present()
                differences = self._differences(present)
                if differences:
                    raise SchemaDiffers(url=self.url, differences="; ".join(differences))
                for table in self.tables.metadata.sorted_tables:
                    if table.name not in present:
                        self.writer.run(str(CreateTable(table).compile(dialect=self.dialect)))
                        for index in table.indexes:
                            self.writer.run(str(CreateIndex(index).compile(dialect=self.dialect)))
            except BaseException:
                self.writer.run("ROLLBACK")
                raise
            self.writer.run("COMMIT")
        missing = self.tables.metadata.tables.keys() - present.keys()
        return bool(missing and present)

    def check(self) -> None:
        """Raises SchemaMissing or SchemaDiffers unless all tables are there as the plan needs them."""
        with self.writing, self.translated():
            present = self._present()
        wanted = {table.name for table in self.tables.metadata.sorted_tables}
        if not wanted & present.keys():
            raise SchemaMissing(url=self.url)
        differences = [f"no table {name}" for name in sorted(wanted - present.keys())] + self._differences(
            present
        )
        if differences:
            raise SchemaDiffers(url=self.url, differences="; ".join(differences))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that reads what was committed, beside whoever writes."""
        if self.path is None:
            with self.writing, self.translated():
                yield self.writer
            return
        pooled = self.reader.raw_connection()
        try:
            with self.translated():
                yield Connection(pooled.driver_connection)  # type: ignore[arg-type]  # it is what `_connect` made
        finally:
            pooled.close()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session for statements of the caller's own; it reads, and its records outlive it."""
        if self.path is None:
            with self.writing, self.translated(), Session(self.reader, expire_on_commit=False) as session:
                yield session
            return
        with self.translated(), Session(self.reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Say what a driver's error about the database itself means."""
        try:
            yield
        except sqlite3.Error as error:
            meaning = self.meaning(error)
            if meaning is error:
                raise
            raise meaning from error
        except DBAPIError as error:
            meaning = self.meaning(error.orig) if isinstance(error.orig, sqlite3.Error) else error
            if meaning in (error, error.orig):
                raise
            raise meaning from error

    def meaning(self, error: Exception) -> Exception:
        """What an error of the driver says about the database itself; any other error as it is."""
        code = getattr(error, "sqlite_errorcode", None)
        if code is None or not isinstance(error, sqlite3.Error):
            return error
        match code & 0xFF:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return DatabaseBusy(url=self.url, seconds=self.patience)
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                return DatabaseCorrupt(url=self.url, reason=str(error))
            case (
                sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN
            ):
                return DatabaseUnwritable(url=self.url, reason=str(error))
            case sqlite3.SQLITE_ERROR if str(error).startswith("no such "):
                return self._discrepancy() or error
            case _:
                return error

    def _discrepancy(self) -> Exception | None:
        try:
            self.check()
        except (SchemaMissing, SchemaDiffers) as error:
            return error
        return None

    def close(self) -> None:
        """Close all connections. The database can be opened again by another App."""
        with self.writing:
            self.reader.dispose()
            self.writer.raw.close()
            self._disown()

    def _connect(self) -> sqlite3.Connection:
        try:
            raw = sqlite3.connect(
                str(self.path) if self.path else ":memory:",
                isolation_level=None,
                factory=sqlite3.Connection if self.path else SharedConnection,
                check_same_thread=False,
                timeout=self.patience,
                cached_statements=1024,
            )
        except sqlite3.OperationalError as error:
            raise DatabaseUnreachable(url=self.url, reason=str(error)) from error
        with self.translated():
            if self.path:
                raw.execute("PRAGMA journal_mode=WAL")
            raw.execute(f"PRAGMA synchronous={self.synchronous}")
            raw.execute("PRAGMA foreign_keys=ON")
            raw.execute("PRAGMA cache_size=-65536")
            raw.execute("PRAGMA temp_store=MEMORY")
        return raw

    def _read_engine(self, raw: sqlite3.Connection) -> Engine:
        if self.path is None:  # a database in memory is seen by its own connection alone
            return create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
        engine = create_engine(
            "sqlite://", creator=self._connect, poolclass=QueuePool, pool_size=8, max_overflow=32
        )
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only=ON"))
        return engine

    def _own(self) -> None:
        """Take the lock file: one process at a time, so that leases of a dead one are void at start."""
        if self.path is None:
            return
        try:
            descriptor = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DatabaseUnreachable(url=self.url, reason=error.strerror or str(error)) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise DatabaseInUse(url=self.url) from error
        self._lock_file = descriptor

    def _disown(self) -> None:
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def _present(self) -> dict[str, set[str]]:
        """The tables that the database has, with their columns."""
        names = [name for (name,) in self.writer.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: {row[0] for row in self.writer.rows("SELECT name FROM pragma_table_xinfo(?)", (name,))}
            for name in names
        }

    def _differences(self, present: dict[str, set[str]]) -> list[str]:
        found = []
        for table in self.tables.metadata.sorted_tables:
            if table.name in present:
                wanted = {column.name for column in table.columns}
                found += [
                    f"{table.name} has no column {name}" for name in sorted(wanted - present[table.name])
                ]
                found += [
                    f"{table.name} has a column {name} too many"
                    for name in sorted(present[table.name] - wanted)
                ]
        return found


def is_busy(error: sqlite3.OperationalError) -> bool:
    """Whether another connection holds the database, so that trying again may help."""
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


__all__ = ["Connection", "Database", "Synchronous", "is_busy"]
