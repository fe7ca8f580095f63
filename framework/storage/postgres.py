"""PostgreSQL: transactions beside each other, each on a connection of its own, with locks on what they
compute.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar

import psycopg
from psycopg import errors
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import TextLoader
from sqlalchemy import Connection as Alteration
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.dialects.postgresql import psycopg as sqlalchemy_psycopg
from sqlalchemy.engine import URL
from sqlalchemy.schema import ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint
from sqlmodel import Session

from framework import tenancy
from framework.plan.plan import Plan
from framework.storage.crier import TELL, Crier
from framework.storage.database import Connection, Database, Synchronous
from framework.storage.errors import (
    CommitUnknown,
    DatabaseFailed,
    DatabaseUnreachable,
    MigrationUnfinished,
    OthersAtWork,
    TransactionInterrupted,
)
from framework.storage.pool import Pool
from framework.storage.postgres_connection import PostgresConnection
from framework.storage.presence import LISTENS, LIVING, WORKS, Presence
from framework.storage.rowsecurity import protect, unprotected, warn_of_bypass
from framework.storage.scoping import TENANT, scope_dialect, scoped_tables
from framework.storage.violation import Constraint, Violation
from framework.storage.wire import WiredConnection, is_forgotten

_CONNECTIONS = 40
"""At most so many at a time: as many as the threads in which an event loop lets work run."""

_SHORT = 0.05
"""Seconds: longer than most locks are held, and less than a server waits before it looks for a deadlock."""

_HOLD_TO = "SELECT set_config('millrace.tenant', $1, true)"

_dialect: Any = sqlalchemy_psycopg.dialect
_AGAIN = (errors.SerializationFailure, errors.DeadlockDetected, errors.LockNotAvailable)
_LOST = ("08", "57P", "25P03")
"""Beginnings of the states of errors that end a connection; of a broken one there is no state at all."""


class PostgresDatabase(Database):
    """A database of a PostgreSQL server.

    `synchronous` is the durability of a commit: FULL survives the loss of power, anything else may lose
    what was committed within the last second; `patience` is how many seconds to wait for a lock, or for a
    connection.
    """

    concurrent: ClassVar[bool] = True

    def __init__(
        self, url: URL, plan: Plan, *, synchronous: Synchronous, patience: float, alone: bool = False
    ) -> None:
        shown = url.render_as_string(hide_password=True)
        super().__init__(shown, plan, _dialect(paramstyle="numeric_dollar"), patience=patience)
        self.synchronous = synchronous
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._pool = Pool(self._connect, shown, size=_CONNECTIONS, patience=patience)
        self.crier = None if alone else Crier(self._tell)
        self._alone = alone
        self._guard: psycopg.Connection[Any] | None = None
        self._constraints = self._named_constraints()
        self._engine = _open_engine(url)
        self._sessions = self._engine
        if plan.tenanted:
            self._sessions = _open_engine(url)
            for engine in (self._engine, self._sessions):
                scope_dialect(engine.dialect)
            event.listen(self._sessions, "begin", self._hold_session)
        self.reader = self._sessions.execution_options(postgresql_readonly=True)
        with tenancy.nobody(), self.reading() as connection:
            self._schema: str = connection.row("SELECT current_schema()")[0]
            if plan.tenanted:
                warn_of_bypass(connection, shown)

    def begin(self, *, snapshot: bool = False, in_parts: bool = False) -> PostgresConnection:
        """Begin a transaction on a connection of its own; `snapshot` shows it the database as it is now, to
        its end; of one `in_parts` some can be undone.
        """
        if snapshot:
            return self._begin("BEGIN ISOLATION LEVEL REPEATABLE READ")
        return self._begin("BEGIN" if in_parts else None)

    def enter(self, connection: Connection) -> None:
        assert isinstance(connection, PostgresConnection), "it began here"
        scope = self.scope()
        if connection.tenant != scope:
            connection.tenant = scope
            connection.tell(_HOLD_TO, [scope or ""])

    def give_way(self, connection: PostgresConnection) -> None:
        """From here on the transaction does not wait for a lock for long, because others may wait for its
        own.
        """
        connection.tell(f"SET LOCAL lock_timeout = {round(min(self.patience, _SHORT) * 1000)}")

    def _begin(self, begin: str | None) -> PostgresConnection:
        """Begin a transaction, held to the rows of the tenant that is entered."""
        scope = self.scope()
        connection = PostgresConnection(
            self._pool.take(), self.meaning, scope, ending=self._meaning_of_commit, together=begin is None
        )
        if begin is not None:
            connection.begin(begin)
        if self.plan.tenanted:
            connection.tell(_HOLD_TO, [scope or ""])
        return connection

    def commit(self, connection: PostgresConnection) -> None:
        """Commit; raises TransactionInterrupted if nothing is stored, CommitUnknown if nobody knows."""
        if not connection.raw.is_alive():  # so the server is not even asked
            raise TransactionInterrupted(reason="the connection is closed")
        if not connection.commit():
            raise DatabaseFailed(url=self.url, reason="the transaction had failed before it was committed")

    def _meaning_of_commit(self, error: psycopg.Error) -> Exception:
        meaning = self.meaning(error)
        if isinstance(meaning, TransactionInterrupted) and not isinstance(error, _AGAIN):
            return CommitUnknown(url=self.url, reason=_said(error))
        return meaning

    def roll_back(self, connection: PostgresConnection) -> None:
        """Undo the transaction, if the connection is still there to say so; if not, the server does it."""
        try:
            connection.roll_back()
        except (TransactionInterrupted, DatabaseFailed):
            connection.raw.close()

    def end(self, connection: PostgresConnection) -> None:
        """Give the connection back."""
        connection.close()
        self._pool.give(connection.raw)

    @contextmanager
    def altering(self) -> Iterator[Alteration]:
        with self.translated(), self._engine.begin() as connection:
            patience = f"{round(self.patience * 1000)}ms"
            connection.execute(
                text("SELECT set_config('lock_timeout', :patience, true)"), {"patience": patience}
            )
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _key("millrace schema")})
            yield connection

    def create(self) -> bool:
        with (
            self.translated(),
            self._engine.begin() as connection,
        ):
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _key("millrace schema")})
            present = _present(connection.execute(text(_COLUMNS)).all())
            self.refuse(self.differences(present))
            missing = [table for table in self.tables.metadata.tables.values() if table.name not in present]
            self.tables.metadata.create_all(connection, tables=missing, checkfirst=False)
            if self.plan.tenanted:
                protect(connection, missing)
        return self.is_extended(present)

    def present(self) -> dict[str, set[str]]:
        with tenancy.nobody(), self.reading() as connection:
            return _present(connection.rows(_COLUMNS))

    def check(self) -> None:
        super().check()
        if self.plan.tenanted:
            with tenancy.nobody(), self.reading() as connection:
                open_ones = unprotected(connection) & scoped_tables(self.tables.metadata)
            self.refuse(
                [f"{name} is not held to its tenants by row-level security" for name in sorted(open_ones)]
            )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        if self.plan.tenanted:  # what holds a connection to a tenant ends with the transaction
            connection = self._begin("BEGIN READ ONLY")
            try:
                yield connection
            finally:
                self.roll_back(connection)
                self.end(connection)
            return
        connection = PostgresConnection(self._pool.take(), self.meaning)
        try:
            yield connection
        finally:
            self.end(connection)

    @property
    def schema(self) -> str:
        return self._schema

    @contextmanager
    def inspecting(self) -> Iterator[Alteration]:
        with self.translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def open_session(self) -> Iterator[Session]:
        self.scope()  # what is wrong with it is no error of the database
        with self.translated(), Session(self.reader, expire_on_commit=False) as session:
            yield session

    def _hold_session(self, connection: Alteration) -> None:
        self.hold_to(connection, self.scope())

    def hold_to(self, connection: Alteration, tenant: str | None) -> None:
        connection.exec_driver_sql("SELECT set_config('millrace.tenant', %s, true)", (tenant or "",))

    def hold(self, connection: Connection, *name: str) -> None:
        connection.tell("SELECT pg_advisory_xact_lock($1)", [_key(*name)])

    def share(self, connection: Connection, *name: str) -> None:
        connection.tell("SELECT pg_advisory_xact_lock_shared($1)", [_key(*name)])

    def listed(self, values: Sequence[Any]) -> Any:
        return list(values)

    def _tell(self, texts: Sequence[str]) -> None:
        connection = PostgresConnection(self._pool.take(), self.meaning)
        try:
            connection.rows(TELL, [self._channel, list(texts)])
        finally:
            self.end(connection)

    @cached_property
    def _channel(self) -> str:
        return f"millrace_{self.workers:08x}"

    @cached_property
    def workers(self) -> int:
        """The number under which the workers of this schema hold their locks."""
        return _key("millrace workers", self._schema) & 0x3FFFFFFF

    @property
    def living(self) -> str:
        return f"({LIVING.format(workers=self.workers)})"

    def presence(self, *, works: bool = True) -> Presence:
        """The place of one worker among all of this database, or of one who only listens."""
        return Presence(
            self._conninfo,
            self.url,
            channel=self._channel,
            workers=self.workers,
            patience=self.patience,
            kind=WORKS if works else LISTENS,
        )

    def meaning(self, error: Exception) -> Exception:
        match error:
            case psycopg.IntegrityError():
                return self._violation(error)
            case errors.NumericValueOutOfRange():
                return Violation(Constraint.NUMBER, text=_said(error))
            case errors.ProgramLimitExceeded():  # an index holds no text of any length
                return Violation(Constraint.TEXT, text=_said(error))
            case errors.DivisionByZero():  # by no rows: see `demanding`
                return Violation(Constraint.PRESENCE, text=_said(error))
            case psycopg.DataError():
                return Violation(Constraint.TEXT, text=_said(error))
            case _ if isinstance(error, _AGAIN):
                return TransactionInterrupted(reason=_said(error))
            case psycopg.Error() if _is_lost(error) or is_forgotten(error):
                return TransactionInterrupted(reason=_said(error))
            case psycopg.Error():
                return DatabaseFailed(url=self.url, reason=_said(error))
            case _:
                return error

    def close(self) -> None:
        if self.crier is not None:
            self.crier.close()
        self._pool.close()
        if self._guard is not None:
            self._guard.close()
        self._engine.dispose()
        self._sessions.dispose()

    def _connect(self) -> WiredConnection:
        """A connection that speaks in moments of UTC and in whole numbers of 64 bits, so that statements
        stay few.

        All that the engine asks has an index. A plan that scans a table, because it was made when that was
        small, would be kept when it has grown.
        """
        try:
            raw = WiredConnection.connect(
                self._conninfo, autocommit=True, connect_timeout=max(2, round(self.patience))
            )
            self._prepare(raw)
        except psycopg.OperationalError as error:
            raise DatabaseUnreachable(url=self.url, reason=_said(error)) from error
        return raw

    def _prepare(self, raw: WiredConnection) -> None:
        raw.adapters.register_dumper(int, Int8BinaryDumper)
        raw.adapters.register_loader("json", TextLoader)
        raw.execute(
            "SELECT set_config('timezone', 'UTC', false), set_config('lock_timeout', %s, false),"
            " set_config('synchronous_commit', %s, false), set_config('application_name', 'millrace', false),"
            " set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false),"
            " set_config('plan_cache_mode', 'force_generic_plan', false)",
            (f"{round(self.patience * 1000)}ms", "on" if self.synchronous == "FULL" else "off"),
        )
        self._enter(raw)

    def _enter(self, raw: "psycopg.Connection[Any]") -> None:
        """Hold the database together with others, or alone, as long as the connection lasts."""
        if self._alone and self._guard is not None:
            return
        kind = "" if self._alone else "_shared"
        key = "hashtextextended('millrace declaration ' || current_schema(), 0)"
        if raw.execute(f"SELECT pg_try_advisory_lock{kind}({key})").fetchone() == (False,):
            raw.close()
            raise OthersAtWork(url=self.url) if self._alone else MigrationUnfinished(url=self.url)

    def _violation(self, error: psycopg.IntegrityError) -> Violation:
        columns = self._constraints.get(error.diag.constraint_name or "", ())
        detail = error.diag.message_detail
        if self.plan.tenanted and detail is not None:  # row-level security keeps the values from everybody
            detail = _WHOSE.sub(r"(\1)=(", detail) if "=(" in detail else None
        match error:
            case errors.ForeignKeyViolation():
                return Violation(Constraint.REFERENCE, columns, detail, _said(error))
            case errors.UniqueViolation():
                return Violation(Constraint.UNIQUE, columns, detail, _said(error))
            case _:
                return Violation(Constraint.OTHER, columns, text=_said(error))

    def _named_constraints(self) -> Mapping[str, tuple[str, ...]]:
        """The columns of each constraint, by the name that the server knows it by."""
        preparer = self.dialect.identifier_preparer
        found: dict[str, tuple[str, ...]] = {}
        for table in self.tables.metadata.tables.values():
            for constraint in table.constraints:
                if isinstance(constraint, (ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint)):
                    name = preparer.format_constraint(constraint)
                    if name:
                        found[name.strip('"')] = _own(constraint.columns)
            for index in table.indexes:
                found[preparer.format_index(index).strip('"')] = _own(index.columns)
        return found


_WHOSE = re.compile(rf"\({TENANT}, (.*?)\)=\([^,]*, ")
"""The tenant in front of the values of a key."""

_COLUMNS = (
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
)


def _present(columns: Sequence[Any]) -> dict[str, set[str]]:
    present: dict[str, set[str]] = {}
    for table, column in columns:
        present.setdefault(table, set()).add(column)
    return present


def _open_engine(url: URL) -> Engine:
    parts = url.set(drivername="postgresql+psycopg")
    return create_engine(parts, pool_size=8, max_overflow=32, pool_pre_ping=True)


def _own(columns: Iterable[Any]) -> tuple[str, ...]:
    """The names of columns, without that of the tenant, which is always the same."""
    return tuple(column.name for column in columns if column.name != TENANT)


def _key(*name: str) -> int:
    """A number of 64 bits for a name; two names of one number wait for each other, and nothing else."""
    digest = hashlib.blake2b("\0".join(name).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def _is_lost(error: psycopg.Error) -> bool:
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(_LOST)


def _said(error: psycopg.Error) -> str:
    """What the server said, without the values of the row."""
    return error.diag.message_primary or str(error).strip().partition("\n")[0] or type(error).__name__
