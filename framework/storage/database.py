"""What the engine asks of a database, whichever it is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from time import monotonic
from typing import Any, ClassVar, Literal, Protocol

from sqlalchemy import Connection as Alteration
from sqlalchemy import Dialect
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from framework import tenancy
from framework.observe import get_logger
from framework.plan.declaration import Declaration, declaration_of
from framework.plan.plan import Plan
from framework.plan.shape import Shape
from framework.storage.belongings import Parting, partings
from framework.storage.bookkeeping import Bookkeeping
from framework.storage.crier import Crier
from framework.storage.errors import MigrationUnfinished, SchemaDiffers, SchemaMissing
from framework.storage.membership import Memberships
from framework.storage.narrowing import Narrow, Shadows, narrow_all
from framework.storage.scoping import scope_dialect
from framework.storage.standing import Standing, is_migrating, standing
from framework.storage.statements import TableStatements
from framework.storage.tables import Tables
from framework.storage.tenants import Tenants
from framework.storage.violation import Refused

_log = get_logger(__name__)

Synchronous = Literal["FULL", "NORMAL", "OFF"]


KNOWN_FOR = 60.0
"""For so many seconds a tenant is taken to be there that was: another process may delete it."""

_SHOWN = 8
"""So many differences are said; of more, that there are more."""


class Connection(Protocol):
    """The one seam through which statements reach the driver. Raises Violation where a constraint is
    violated.
    """

    @property
    def tenant(self) -> str | None:
        """To whose rows it is held; None for nobody's, and where records have no tenants."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Execute and return all rows."""

    def last_rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Execute and return all rows; all that was done up to here may be stored then, whatever comes after
        it in the transaction.
        """

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Execute and return the first row, or None."""

    def rows_each(self, questions: Sequence[tuple[str, Sequence[Any]]]) -> list[list[Any]]:
        """Execute several, each with its parameters, on one trip, and return all rows of each."""

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Execute and return the number of rows changed."""

    def tell(
        self, sql: str, parameters: Sequence[Any] = (), refused: Refused | None = None, about: Any = None
    ) -> int | None:
        """Let the database execute it before it answers anything more, and before it commits.

        Returns the number of rows changed, where that is known already. What a Violation means that comes of
        it, whenever that is, `refused` says of it and of `about`.
        """

    def tell_many(
        self,
        sql: str,
        parameters: Sequence[Sequence[Any]],
        refused: Refused | None = None,
        about: Any = None,
    ) -> None:
        """The same once for each sequence of parameters; a Violation knows the position of its own."""

    def settle(self) -> None:
        """Return when the database has done all that it was told. Raises what came of it."""

    def taken_back(self) -> AbstractContextManager[None]:
        """What is done within the block is taken back at its end, however it ends."""


class Database(ABC):
    """The store of one App: its tables, its compiled statements, and the ways to read what was committed."""

    concurrent: ClassVar[bool]
    """Whether transactions run beside each other, so that a row is locked before it is computed anew."""

    def __init__(self, url: str, plan: Plan, dialect: Dialect, *, patience: float) -> None:
        self.url = url  # as it may be shown
        self.plan = plan
        self.dialect = dialect
        if plan.tenanted:
            scope_dialect(dialect)
        self.patience = patience
        self.tables = Tables(plan, dialect)
        self.statements: Mapping[Shape, TableStatements] = {
            shape: TableStatements(shape, table, dialect) for shape, table in self.tables.of.items()
        }
        self.bookkeeping = Bookkeeping(self.tables, dialect)
        self.tenants = Tenants(self.tables, dialect)
        self._known_tenants: dict[str, float] = {}  # and until when, without asking again

    @cached_property
    def declaration(self) -> Declaration:
        """What the plan declares, in the form that the database remembers."""
        return declaration_of(self.plan)

    def standing(self) -> Standing:
        """What the database is there for, and how it differs from what the plan needs."""
        with self.inspecting() as connection:
            return standing(connection, self.tables, self.declaration)

    def refuse_unfinished(self) -> None:
        """Raise MigrationUnfinished in the midst of a migration."""
        with self.inspecting() as connection:
            if is_migrating(connection, self.tables):
                raise MigrationUnfinished(url=self.url)

    @abstractmethod
    def inspecting(self) -> AbstractContextManager[Alteration]:
        """A connection that reads how tables are, and what tenants share; of records, those it is held to."""

    @abstractmethod
    def altering(self) -> AbstractContextManager[Alteration]:
        """A transaction that may change tables, and the records that it is held to; foreign keys are checked
        at its end.
        """

    @abstractmethod
    def hold_to(self, connection: Alteration, tenant: str | None) -> None:
        """Hold a connection that inspects or alters to the rows of a tenant from now on; None is nobody's."""

    @abstractmethod
    def create(self) -> bool:
        """Make the tables that are missing; whether some were added to others that were there before.

        Raises SchemaDiffers where one is there in another form.
        """

    def check(self) -> None:
        """Raises SchemaMissing or SchemaDiffers unless all tables are there as the plan needs them."""
        present = self.present()
        wanted = self.tables.metadata.tables.keys()
        if not wanted & present.keys():
            raise SchemaMissing(url=self.url)
        self.refuse(self.standing().differences)

    @abstractmethod
    def present(self) -> dict[str, set[str]]:
        """The tables that the database has, with their columns."""

    def differences(self, present: Mapping[str, set[str]]) -> list[str]:
        """How tables that are there differ from what the plan needs."""
        found = []
        for table in self.tables.metadata.tables.values():
            if table.name in present:
                wanted, there = {column.name for column in table.columns}, present[table.name]
                found += [f"{table.name} has no column {name}" for name in sorted(wanted - there)]
                found += [f"{table.name} has a column {name} too many" for name in sorted(there - wanted)]
        return found

    def is_extended(self, present: Mapping[str, set[str]]) -> bool:
        """Whether tables were missing beside others that were there."""
        return bool(present and self.tables.metadata.tables.keys() - present.keys())

    def refuse(self, differences: Sequence[str]) -> None:
        """Raise SchemaDiffers if there are any."""
        if differences:
            shown = [*differences[:_SHOWN], *(["..."] if len(differences) > _SHOWN else [])]
            raise SchemaDiffers(url=self.url, differences="; ".join(shown))

    def scope(self) -> str | None:
        """The tenant that is entered, to whose rows a connection is to be held; None for nobody, and where
        records have no tenants.

        Raises NoTenant or UnknownTenant.
        """
        if not self.plan.tenanted:
            return None
        name = tenancy.entered()
        if name and not self._is_known(name):
            with tenancy.nobody(), self.reading() as connection:
                if not self.tenants.has(connection, name):
                    _log.error("an access by an unknown tenant was refused", name=name)
                    raise tenancy.UnknownTenant(name=name)
            self._known_tenants[name] = monotonic() + KNOWN_FOR
        return name or None

    def _is_known(self, name: str) -> bool:
        return self._known_tenants.get(name, 0.0) > monotonic() or isinstance(name, tenancy.Unlisted)

    def forget_tenant(self, name: str) -> None:
        """Ask again before somebody enters it."""
        self._known_tenants.pop(name, None)

    @cached_property
    def partings(self) -> Sequence[Parting]:
        """How the rows of a tenant go."""
        return partings(self.tables.metadata, self.dialect)

    @abstractmethod
    def enter(self, connection: Connection) -> None:
        """Hold a connection in a transaction to the rows of the tenant that is entered.

        Raises NoTenant or UnknownTenant.
        """

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that reads what was committed, beside whoever writes."""

    @contextmanager
    def session(self, narrow: Narrow | None = None, *, of_members: bool = True) -> Iterator[Session]:
        """A session for statements of the caller's own; it reads, and its records outlive it.

        With `narrow`, whatever it is asked is narrowed first. Who speaks of no views can do without that
        they are their members.
        """
        with self.open_session() as session:
            if narrow is not None:
                narrow_all(session, narrow)
            if of_members:
                self.memberships.show(session)
            yield session

    @abstractmethod
    def open_session(self) -> AbstractContextManager[Session]:
        """A session that reads all there is."""

    @cached_property
    def shadows(self) -> Shadows:
        """What hides tables, or a part of them, from a session."""
        return Shadows((shape.table for shape in self.plan.shapes.values()), self.schema)

    @cached_property
    def memberships(self) -> Memberships:
        """What lets a session see the members of filtered classes."""
        return Memberships(self.plan, self.schema)

    @property
    @abstractmethod
    def schema(self) -> str:
        """Where the tables are, by the name that SQL knows it by."""

    @abstractmethod
    def hold(self, connection: Connection, *name: str) -> None:
        """Keep others from what goes by this name, a row yet to be, until the transaction ends."""

    @abstractmethod
    def share(self, connection: Connection, *name: str) -> None:
        """Keep others from holding what goes by this name, until the transaction ends; they may share it."""

    @abstractmethod
    def listed(self, values: Sequence[Any]) -> Any:
        """Driver values as the one parameter of a statement that asks for any of them."""

    @property
    def living(self) -> str:
        """SQL for the tokens with which the names of all workers end that are alive."""
        raise NotImplementedError(f"only the process that has {self.url} open works on it")

    crier: Crier | None = None
    """Who tells the workers of other processes what was committed, where there may be others."""

    @abstractmethod
    def meaning(self, error: Exception) -> Exception:
        """What an error of the driver says about the database itself; any other error as it is."""

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Say what a driver's error about the database itself means."""
        try:
            yield
        except Exception as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            meaning = self.meaning(cause) if isinstance(cause, Exception) else error
            if meaning in (error, cause):
                raise
            raise meaning from error

    @abstractmethod
    def close(self) -> None:
        """Close all connections. The database can be opened again by another App."""


__all__ = ["Connection", "Database", "Synchronous"]
