"""SQLite: one connection that writes, and connections that read."""

import fcntl
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar
from weakref import ref

from sqlalchemy import Connection as Alteration
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.engine import URL
from sqlalchemy.pool import QueuePool, StaticPool
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import Session

from framework.model.meaning import FUNCTION, meaning
from framework.plan.plan import Plan
from framework.storage.database import Connection, Database, Synchronous
from framework.storage.errors import (
    DatabaseBusy,
    DatabaseCorrupt,
    DatabaseInUse,
    DatabaseUnreachable,
    DatabaseUnwritable,
    SchemaDiffers,
    SchemaMissing,
)
from framework.storage.scoping import TENANT, scope_dialect
from framework.storage.violation import Constraint, Refused, Violation

_TRIES = 3

PAGE = 2048  # bytes
"""A commit writes whole pages to the log, one for each table and index that it touches. Files that are there
keep the pages they were made with.
"""

LOG = 8 << 20  # bytes
"""So long the log may become before what it says goes into the file: that waits for the disk twice."""


class SqliteConnection:
    """The seam to SQLite's driver. All goes through one cursor: each answer is taken whole, before the next
    question.
    """

    __slots__ = ("_cursor", "execute", "raw")

    def __init__(self, raw: "HeldConnection") -> None:
        self.raw = raw
        self._cursor = raw.cursor()
        self.execute = self._cursor.execute

    @property
    def tenant(self) -> str | None:
        return self.raw.tenant

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        try:
            return self.execute(sql, parameters).fetchall()
        except sqlite3.IntegrityError as error:
            raise violation(error) from error

    last_rows = rows

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        try:
            return self.execute(sql, parameters).fetchone()
        except sqlite3.IntegrityError as error:
            raise violation(error) from error

    def rows_each(self, questions: Sequence[tuple[str, Sequence[Any]]]) -> list[list[Any]]:
        return [self.rows(sql, parameters) for sql, parameters in questions]

    def tell(
        self, sql: str, parameters: Sequence[Any] = (), refused: Refused | None = None, about: Any = None
    ) -> int:
        try:
            return self.execute(sql, parameters).rowcount
        except sqlite3.IntegrityError as error:
            raise violation(error).meant(refused, about) from error

    run = tell  # it answers at once

    def tell_many(
        self,
        sql: str,
        parameters: Sequence[Sequence[Any]],
        refused: Refused | None = None,
        about: Any = None,
    ) -> None:
        if len(parameters) == 1:  # as most often, and the driver's loop costs more
            self.tell(sql, parameters[0], refused, about)
            return
        before = self.raw.total_changes
        try:
            self._cursor.executemany(sql, parameters)
        except sqlite3.IntegrityError as error:
            found = violation(error)
            found.position = self.raw.total_changes - before
            raise found.meant(refused, about) from error

    def settle(self) -> None:
        """It has done what it was told."""

    @contextmanager
    def taken_back(self) -> Iterator[None]:
        self.run("SAVEPOINT back")
        try:
            yield
        finally:
            self.run("ROLLBACK TO back")
            self.run("RELEASE back")


class HeldConnection(sqlite3.Connection):
    """A connection that is held to the rows of one tenant, where records have tenants."""

    tenant: str | None = None


class SharedConnection(HeldConnection):
    """The one connection of a database in memory, which readers share with the writer.

    Transactions are begun and ended by statements; what a session that only reads does at its end is not one.
    """

    def commit(self) -> None:
        """Nothing: a reader has nothing to commit."""

    def rollback(self) -> None:
        """Nothing: a reader must not undo what the writer has open."""


class SqliteDatabase(Database):
    """A file in WAL mode, or a database in memory. A lock file beside it keeps other processes out of it.

    `synchronous` is the durability of a commit: FULL survives the loss of power; `patience` is how many
    seconds to wait for another process that holds the database.
    """

    concurrent: ClassVar[bool] = False

    def __init__(self, url: URL, plan: Plan, *, synchronous: Synchronous, patience: float) -> None:
        super().__init__(str(url), plan, sqlite_dialect(paramstyle="qmark"), patience=patience)
        self.synchronous = synchronous
        self.path = None if url.database in (None, "", ":memory:") else Path(url.database or "")
        self.writing = threading.RLock()
        self._lock_file: int | None = None
        self._own()
        try:
            raw = self._connect()
            self.writer = SqliteConnection(raw)
            self.reader = self._read_engine(raw)
        except BaseException:
            self._disown()
            raise

    @property
    def waits_for_disk(self) -> bool:
        """Whether a commit takes as long as the disk does."""
        return self.path is not None and self.synchronous == "FULL"

    def begin(self) -> None:
        """Begin a transaction of the writer; raises DatabaseBusy if another process holds the database too
        long.
        """
        for left in reversed(range(_TRIES)):
            try:
                self.writer.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not _is_busy(error):
                    raise
                if not left:
                    raise DatabaseBusy(url=self.url, seconds=self.patience * _TRIES) from error

    def enter(self, connection: Connection) -> None:
        if self.plan.tenanted:
            self.writer.raw.tenant = self.scope()

    def roll_back(self) -> None:
        """Undo what the writer has open, if anything."""
        if self.writer.raw.in_transaction:
            self.writer.run("ROLLBACK")

    @contextmanager
    def altering(self) -> Iterator[Alteration]:
        with self.writing, self.translated(), self._alterer.connect() as connection:
            self.writer.run("PRAGMA foreign_keys=OFF")  # it has no effect within a transaction
            try:
                self.begin()
                yield connection
                broken = self.writer.rows("PRAGMA foreign_key_check")
                if broken:
                    raise Violation(Constraint.REFERENCE, text=f"{len(broken)} rows of {broken[0][0]}")
                self.writer.run("COMMIT")
            finally:
                self.roll_back()
                self.writer.run("PRAGMA foreign_keys=ON")

    def hold_to(self, connection: Alteration, tenant: str | None) -> None:
        self.writer.raw.tenant = tenant

    @cached_property
    def _alterer(self) -> Engine:
        """The writer's connection, as SQLAlchemy sees it."""
        engine = create_engine("sqlite://", creator=lambda: self.writer.raw, poolclass=StaticPool)
        if self.plan.tenanted:
            scope_dialect(engine.dialect)
        return engine

    def create(self) -> bool:
        with self.writing, self.translated():
            self.writer.run("BEGIN IMMEDIATE")
            try:
                present = self.present()
                self.refuse(self.differences(present))
                for table in self.tables.metadata.tables.values():
                    if table.name not in present:
                        self.writer.run(str(CreateTable(table).compile(dialect=self.dialect)))
                        for index in table.indexes:
                            self.writer.run(str(CreateIndex(index).compile(dialect=self.dialect)))
            except BaseException:
                self.writer.run("ROLLBACK")
                raise
            self.writer.run("COMMIT")
        return self.is_extended(present)

    def present(self) -> dict[str, set[str]]:
        with self.writing, self.translated():
            found = self.writer.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
            return {
                name: {row[0] for row in self.writer.rows("SELECT name FROM pragma_table_xinfo(?)", (name,))}
                for (name,) in found
            }

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        if self.path is None:
            with self.writing, self.translated(), self._held(self.writer.raw):
                yield self.writer
            return
        pooled = self.reader.raw_connection()
        try:
            raw: Any = pooled.driver_connection
            with self.translated(), self._held(raw):
                yield SqliteConnection(raw)
        finally:
            pooled.close()

    @property
    def schema(self) -> str:
        return "main"

    @contextmanager
    def inspecting(self) -> Iterator[Alteration]:
        if self.plan.tenanted:  # statements on the catalog are none of a tenant
            with self.writing, self.translated(), self._alterer.connect() as connection:
                yield connection
            return
        with self.open_session() as session:
            yield session.connection()

    @contextmanager
    def open_session(self) -> Iterator[Session]:
        if self.path is None:
            with self.writing, self._session() as session:
                yield session
            return
        with self._session() as session:
            yield session

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with self.translated(), Session(self.reader, expire_on_commit=False) as session:
            if not self.plan.tenanted:
                yield session
                return
            raw: Any = session.connection().connection.driver_connection
            with self._held(raw):
                yield session

    @contextmanager
    def _held(self, raw: HeldConnection) -> Iterator[None]:
        """Hold a connection to the rows of the tenant that is entered, and then to those it was held to."""
        if not self.plan.tenanted:
            yield
            return
        before, raw.tenant = raw.tenant, self.scope()
        try:
            yield
        finally:
            raw.tenant = before

    def hold(self, connection: Connection, *name: str) -> None:
        """Nothing: the one writer holds the whole database."""

    def share(self, connection: Connection, *name: str) -> None:
        """Nothing: the one writer has the whole database alone."""

    def listed(self, values: Sequence[Any]) -> Any:
        return json.dumps(values)

    def meaning(self, error: Exception) -> Exception:
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
        with self.writing:
            self.reader.dispose()
            self.writer.raw.close()
            self._disown()

    def _connect(self) -> HeldConnection:
        try:
            raw = sqlite3.connect(
                str(self.path) if self.path else ":memory:",
                isolation_level=None,
                factory=HeldConnection if self.path else SharedConnection,
                check_same_thread=False,
                timeout=self.patience,
                cached_statements=1024,
            )
        except sqlite3.OperationalError as error:
            raise DatabaseUnreachable(url=self.url, reason=str(error)) from error
        with self.translated():
            if self.path:
                raw.execute(f"PRAGMA page_size={PAGE}")
                raw.execute("PRAGMA journal_mode=WAL")
                raw.execute(f"PRAGMA wal_autocheckpoint={LOG // PAGE}")
            raw.execute(f"PRAGMA synchronous={self.synchronous}")
            raw.execute("PRAGMA foreign_keys=ON")
            raw.execute("PRAGMA cache_size=-65536")
            raw.execute("PRAGMA temp_store=MEMORY")
            raw.execute("PRAGMA case_sensitive_like=ON")  # as everywhere else
        raw.create_function(FUNCTION, 1, meaning, deterministic=True)
        if self.plan.tenanted:  # of the one tenant in the course of a statement, so it is asked once for each
            held = ref(raw)
            raw.create_function("millrace_tenant", 0, lambda: _tenant_of(held()), deterministic=True)
        return raw

    def _read_engine(self, raw: sqlite3.Connection) -> Engine:
        engine = self._open_engine(raw)
        if self.plan.tenanted:
            scope_dialect(engine.dialect)
        return engine

    def _open_engine(self, raw: sqlite3.Connection) -> Engine:
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


def _tenant_of(raw: HeldConnection | None) -> str | None:
    return None if raw is None or raw.tenant is None else str(raw.tenant)


def violation(error: sqlite3.IntegrityError) -> Violation:
    """What SQLite says that a row violates; of a reference it does not say which."""
    match error.sqlite_errorcode:
        case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
            return Violation(Constraint.REFERENCE, text=str(error))
        case sqlite3.SQLITE_CONSTRAINT_UNIQUE | sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
            names = str(error).rpartition(": ")[2].split(", ")
            columns = tuple(column for name in names if (column := name.rpartition(".")[2]) != TENANT)
            return Violation(Constraint.UNIQUE, columns, text=str(error))
        case sqlite3.SQLITE_CONSTRAINT_CHECK:  # the only checks are those of whole numbers
            return Violation(Constraint.NUMBER, text=str(error))
        case _:
            return Violation(Constraint.OTHER, text=str(error))


def _is_busy(error: sqlite3.OperationalError) -> bool:
    """Whether another connection holds the database, so that trying again may help."""
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
