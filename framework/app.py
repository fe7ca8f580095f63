"""The App: declarations, integrations and a database, put together."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, overload
from uuid import UUID

from sqlmodel.sql.expression import Select, SelectOfScalar

from framework.arguments import check_clock, check_database, check_integrations, check_modules, check_settings
from framework.clock import Clock, SystemClock
from framework.computations.activity import Activity, ActivityInstance, ActivityState
from framework.computations.policy import Reader
from framework.computations.rule import Rule
from framework.errors import DeclarationError, StorageError
from framework.model.apicall import PATIENCE, APICall, IntegrationEvent
from framework.model.entity import Event
from framework.model.payload import Payload
from framework.model.record import Record
from framework.model.words import Word
from framework.observe import Metrics
from framework.plan.plan import compile_plan
from framework.plan.shape import Kind, Shape
from framework.runtime.activities import forget, state_of, waiting
from framework.runtime.asking import asking, id_of
from framework.runtime.creation import create
from framework.runtime.dispatch import dispatch
from framework.runtime.engine import Engine
from framework.runtime.errors import NoSuchRecord
from framework.runtime.members import members
from framework.runtime.present import detached
from framework.runtime.reading import Reading
from framework.runtime.receipt import Receipt
from framework.runtime.spoken import Listener
from framework.runtime.timer import turn_due
from framework.runtime.transaction import Transaction
from framework.runtime.uses import check_caller, check_count, check_seconds, check_span, missing, require
from framework.runtime.verify import Difference, rebuild, verify
from framework.storage.database import Database, Synchronous
from framework.storage.opening import open_database
from framework.tenancy import Misdeclared, Tenancy, WithoutTenancy, within

if TYPE_CHECKING:  # what declaring and dispatching do without is brought in by the methods that need it
    from starlette.applications import Starlette

    from framework.integration.attempts import Attempt
    from framework.integration.desk import Desk
    from framework.integration.integration import Integration
    from framework.integration.letterbox import Letterbox
    from framework.integration.office import Office
    from framework.integration.worker import Worker
    from framework.integration.workshop import Health, Workshop
    from framework.migration.backfill import Reached
    from framework.migration.changes import MigrationPlan
    from framework.migration.quiet import QuietEngine
    from framework.plan.graph import Measured
    from framework.runtime.explain import Explanation
    from framework.runtime.sweeping import Swept
    from framework.runtime.trace import Trace
    from framework.runtime.unmatched import Unmatched
    from framework.web.access import Authorize, Permits, TenantOf

R = TypeVar("R", bound=Record)
E = TypeVar("E", bound=Event)
T = TypeVar("T")
Ts = TypeVarTuple("Ts")
N = TypeVar("N", bound=Engine)


@dataclass(frozen=True, kw_only=True)
class Settings(metaclass=Word):
    """How an App behaves.

    `strict_calls`: a call class that no integration serves is an error, not a warning. `strict_reads`, for
    tests: a callback that reads what it does not declare raises UndeclaredRead. `measure`: count the steps of
    propagation and their time, for `app.graph(counts=True)`. `synchronous`: FULL
    makes every commit survive the loss of power, NORMAL the loss of the process. `patience`: seconds to
    wait for somebody else who holds the database, or a row of it. `max_delivery_bytes`: the largest body of
    a webhook or of a request that is taken. `require_actor`: classes with a query policy are read for an
    actor only, and never without one. `authorize`: who sent a request to the API, such as `BearerTokens`;
    without it nobody may use the API. `permits`: for which calls they may; without it for all. `tenancy`:
    whether each record belongs to a tenant, so that what is done with records must say
    `with tenant("acme"):`, and is held to the records of that tenant.
    `tenant_of`: to which tenant somebody belongs who uses the API. `works`: whether the ASGI application
    carries out calls while it is served; False where other processes do, by `millrace work`.
    """

    strict_calls: bool = False
    strict_reads: bool = False
    measure: bool = False
    synchronous: Synchronous = "FULL"
    patience: float = 5.0
    max_delivery_bytes: int = 1024 * 1024
    require_actor: bool = False
    authorize: "Authorize | None" = None
    permits: "Permits | None" = None
    tenancy: Tenancy = "none"
    tenant_of: "TenantOf | None" = None
    works: bool = True


class NobodyWorks(DeclarationError):
    """Nobody would carry out the calls of {database}: a SQLite file has one process, and this one is not to.
    Leave out `Settings(works=False)` and `--web-only`, or use PostgreSQL.
    """


class App:
    """Compiles declarations into a plan and runs it. All mistakes in the declarations are raised here.

    `modules` are Python modules, or lists of record classes and rules. Nothing is opened until it is
    needed; the methods that are not `async` are synchronous, and safe to call from any thread.
    """

    def __init__(
        self,
        modules: Sequence[object],
        integrations: "Sequence[Integration[Any]]" = (),
        database: str = "sqlite:///:memory:",
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        check_modules(modules)
        check_integrations(integrations)
        self.settings = Settings() if settings is None else settings
        self.clock: Clock = SystemClock() if clock is None else clock
        check_clock(self.clock)
        check(self.settings, database)
        self._opening = threading.Lock()
        self.metrics = Metrics()
        self.url = database
        self.plan = compile_plan(
            modules,
            strict_reads=self.settings.strict_reads,
            tenanted=self.settings.tenancy == "required",
        )
        self._listener = Listener(self.plan.by_table)
        self.integrations = tuple(integrations)
        has_vendors = self.integrations or self.plan.of_kind(Kind.CALL)
        self.desks: Mapping[Shape, Desk] = self._office.desks if has_vendors else {}
        for integration in self.integrations:
            integration.setup(self)

    @cached_property
    def _office(self) -> "Office":
        """All that has to do with vendors. Who has nothing to do with any starts without importing it."""
        from framework.integration.office import Office

        office = Office(
            self.plan,
            self.integrations,
            lambda: self.engine,
            self.metrics,
            strict=self.settings.strict_calls,
        )
        kept: Office = self.__dict__.setdefault("_office", office)  # one, whichever thread comes first
        return kept

    @property
    def workshop(self) -> "Workshop":
        """Where calls are carried out, and what an operator may do about them."""
        return self._office.workshop

    @property
    def letterboxes(self) -> "Mapping[tuple[str, str], Letterbox]":
        """Where deliveries are taken, by integration and path."""
        return self._office.letterboxes

    @cached_property
    def engine(self) -> Engine:
        """The engine on its database, which is opened now."""
        with self._opening:  # once, whichever thread comes first
            if "engine" not in self.__dict__:
                self.__dict__["engine"] = self._open()
            return self.__dict__["engine"]  # type: ignore[no-any-return]  # `_open` made it

    def _open_database(self, *, alone: bool = False) -> Database:
        settings = self.settings
        return open_database(
            self.url, self.plan, synchronous=settings.synchronous, patience=settings.patience, alone=alone
        )

    def _open(self) -> Engine:
        database = self._open_database()
        try:
            database.refuse_unfinished()
        except BaseException:
            database.close()
            raise
        return self._engine_on(database, Engine)

    def _engine_on(self, database: Database, kind: type[N]) -> N:
        engine = kind(self.plan, database, self.clock)
        if self.settings.measure:
            from framework.runtime.meter import Meter

            engine.meter = Meter()
        if self.plan.activities:
            engine.closers.append(forget)
        if self.integrations or database.crier is not None:
            self._office.attend(engine)
        return engine

    def create(self) -> None:
        """Make the schema where it is missing; raises SchemaDiffers where it was made for other
        declarations.
        """
        try:
            create(self.engine)
        except StorageError:
            self.close()
            raise

    def create_tenant(self, name: str) -> None:
        """Make a tenant with its row of each Global; nothing happens if it is there. Raises InvalidTenant."""
        self._refuse_without_tenancy()
        self.engine.create_tenant(name)

    def tenants(self) -> list[str]:
        """All tenants, by name: `for name in app.tenants():`, and then `with tenant(name): app.verify()`."""
        self._refuse_without_tenancy()
        return [name for name in self.engine.tenants() if name is not None]

    def delete_tenant(self, name: str, *, abandon_calls: bool = False) -> Mapping[str, int]:
        """Delete a tenant with all its records and whatever was written down about them, and tell how many of
        each class there were. Nobody else's are touched.

        Raises CallsUnderWay while calls or side effects of it are not over, unless it is to `abandon_calls`;
        and UnknownTenant. Killed in the midst of it, do it again: it goes on. On PostgreSQL another process
        may take up to a minute to notice; what it has stored by then goes when this is called again.
        """
        from framework.runtime.departure import delete_tenant

        self._refuse_without_tenancy()
        return delete_tenant(self.engine, name, abandon_calls=abandon_calls)

    def _refuse_without_tenancy(self) -> None:
        if not self.plan.tenanted:
            raise WithoutTenancy()

    def migration(
        self, *, fill: Mapping[str, Any] | None = None, acting: Sequence[Rule[Any, Any]] = ()
    ) -> "MigrationPlan":
        """What has to be done to bring the database to these declarations, with what it loses. `print` it.

        `fill` gives, by "Class.fact", the value of records that have none. A new rule makes no calls and no
        events for old records, unless it is among those that are `acting`.
        """
        from framework.migration.migration import plan_of

        fits = isinstance(fill or {}, Mapping)
        require(fits, fill, "app.migration(fill=...)", "a mapping by fact", 'fill={"Order.email": ""}')
        fits = isinstance(acting, list | tuple) and all(isinstance(rule, Rule) for rule in acting)
        require(fits, acting, "app.migration(acting=...)", "a list of rules", "acting=[charge]")
        with self._quiet() as engine:
            return plan_of(engine, fill or {}, [rule.key for rule in acting])

    def migrate(
        self,
        plan: "MigrationPlan | None" = None,
        *,
        allow_loss: bool = False,
        report: "Callable[[Reached], None] | None" = None,
    ) -> list[Difference]:
        """Carry out a migration, and take up one that was interrupted; returns what `verify` finds then.

        Raises MigrationRefused, FactsWouldBeLost unless `allow_loss`, MigrationOutdated, and on PostgreSQL
        OthersAtWork. `report` hears of each batch that is recomputed.
        """
        from framework.migration.changes import MigrationPlan
        from framework.migration.migration import migrate

        fits = plan is None or isinstance(plan, MigrationPlan)
        require(fits, plan, "app.migrate", "what `app.migration()` gives", "app.migrate(app.migration())")
        with self._quiet(alone=True) as engine:
            return migrate(engine, plan, allow_loss=allow_loss, report=report or (lambda reached: None))

    @contextmanager
    def _quiet(self, *, alone: bool = False) -> "Iterator[QuietEngine]":
        """The engine of a migration, on a database of its own."""
        from framework.migration.quiet import QuietEngine

        self.close()
        database = self._open_database(alone=alone)
        try:
            yield self._engine_on(database, QuietEngine)
        finally:
            database.close()

    def dispatch(
        self,
        event: E,
        *,
        key: str | None = None,
        actor: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> Receipt[E]:
        """Store an event and all that follows from it, in one transaction.

        With `key`, once: the same key and content return the first receipt. Guards are told of
        `actor` and `context`. Raises DispatchError for what the caller can mend, and stores nothing then.
        """
        return dispatch(self.engine, event, key=key, actor=actor, context=context)

    def transaction(self) -> AbstractContextManager[Transaction]:
        """A transaction for facts that are not events: `with app.transaction() as tx: tx.update(...)`."""
        return self.engine.transaction()

    def get(
        self,
        model: type[R],
        id: UUID | None = None,
        *,
        actor: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> R:
        """The record with this id (of a Global: its one row), detached and read-only; raises NoSuchRecord.

        With an actor or a context, as its query policies let them see it.
        """
        shape = self.plan.shape(model)
        _, lens = self.plan.home(model)
        identity = id_of(shape, id)
        if shape.policies:
            return self._reading(actor, context).get(model, identity)  # type: ignore[no-any-return]  # of that class
        statements = self.engine.database.statements[shape]
        sql, parameters = statements.selection(("id",))
        with self.engine.database.reading() as connection:
            found = connection.row(sql, parameters.of({"id": identity}))
        row = None if found is None else statements.codec.decode(found)
        if row is None or (lens is not None and lens.see(row) is None):
            raise NoSuchRecord(model=model.__name__, id=identity)
        return detached(shape, row, model)  # type: ignore[no-any-return]  # of the shape's class

    def members(
        self, model: type[R], *, actor: str | None = None, context: Mapping[str, Any] | None = None
    ) -> list[R]:
        """All records of a class, by id: of a view its members, of a class that others extend those of all
        of them.

        With an actor or a context, as query policies let them see it.
        """
        return members(self.plan, self._reading(actor, context), self.engine.database, model)

    @overload
    def query(
        self,
        statement: SelectOfScalar[T],
        *,
        actor: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[T]: ...
    @overload
    def query(
        self,
        statement: Select[*Ts],
        *,
        actor: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[tuple[*Ts]]: ...
    def query(
        self, statement: Any, *, actor: str | None = None, context: Mapping[str, Any] | None = None
    ) -> list[Any]:
        """What a `select(...)` finds, detached and read-only.

        With an actor or a context, no more than the query policies let them see, however the statement is
        written; without either, everything, unless `Settings(require_actor=True)`.
        """
        with asking():
            return self._reading(actor, context).query(statement)

    def _reading(self, actor: str | None, context: Mapping[str, Any] | None) -> Reading:
        someone = actor is not None or context is not None
        if someone:
            check_caller(actor, context)
        reader = Reader(actor, MappingProxyType(dict(context or {}))) if someone else None
        return Reading(
            self.plan,
            self.engine.database,
            self._listener,
            reader,
            require_actor=self.settings.require_actor,
        )

    def tick(self) -> int:
        """Turn the deadlines whose time has come, and let go what is not kept any more; returns how many
        records that concerned. The worker does it by itself.

        With tenants, those of the one that is entered, or else of all.
        """
        turned = 0
        for name in self.engine.reached():
            with within(name):
                turned += turn_due(self.engine)
        return turned + sum(one.removed for one in self.sweep())

    def sweep(self) -> "list[Swept]":
        """Carry out all retentions now; says of each how many records went, and which are held.

        With tenants, of the one that is entered, or else of each in turn.
        """
        from framework.runtime.sweeping import Sweeper

        swept: list[Swept] = []
        for name in self.engine.reached():
            with within(name):
                swept += Sweeper(self.engine).sweep()
        return swept

    def verify(self) -> list[Difference]:
        """Recompute everything from the facts and report every property that is not as it should be."""
        return verify(self.engine)

    def rebuild(self) -> list[Difference]:
        """Bring every property that `verify` reports to what it should be; returns what was mended."""
        return rebuild(self.engine)

    def explain(
        self, record: Record | type[Record], property: str, id: UUID | None = None, *, depth: int = 1
    ) -> "Explanation":
        """Why a property has its value: its inputs, rule and event. `print` it, or read its fields.

        With a greater `depth` the inputs are explained too, and theirs, back to the facts and who gave them.
        """
        from framework.runtime.explain import explain

        model = record if isinstance(record, type) else type(record)
        shape = self.plan.shape(model)
        check_count(depth, "app.explain(depth=...)", "depth=3")
        identity = id_of(shape, id if isinstance(record, type) else record.id)
        return explain(self.plan, self.engine.database, model, identity, property, depth)

    def explain_dispatch(
        self, event: Event, *, actor: str | None = None, context: Mapping[str, Any] | None = None
    ) -> "Trace":
        """What would follow from the event if it were dispatched now: each step that it wakes, by what, what
        the step writes or why it does not, and the calls with who serves them. `print` it, or read its
        fields.

        It is tried out in a transaction that is taken back: nothing is stored, nothing leaves.
        """
        from framework.runtime.tracing import explain_dispatch

        served_by = {shape: desk.integration.name for shape, desk in self.desks.items()}
        return explain_dispatch(self.engine, event, actor=actor, context=context, served_by=served_by)

    def activity(self, activity: Activity, id: UUID) -> ActivityState:
        """How far the instance is that the event with this id opened: what has happened, what is allowed
        next. Raises NoSuchRecord.
        """
        return state_of(self.plan, self.engine.database, activity, id)

    def activities(
        self,
        activity: Activity,
        *,
        waiting_for: type[Event] | None = None,
        after: UUID | None = None,
        limit: int = 100,
    ) -> list[ActivityInstance]:
        """The instances that are not done, the oldest first, `limit` at most; with `waiting_for`, those of
        which an event of this class may come next. `after` is the last id of the page before.
        """
        return waiting(self.plan, self.engine.database, activity, waiting_for, after, limit)

    def graph(
        self,
        model: type[Record] | Activity | None = None,
        property: str | None = None,
        *,
        counts: bool = False,
    ) -> str:
        """The plan as a Mermaid flowchart; of a state machine, given by class and property, a state
        diagram; of an activity, the ways through it.

        With `counts`, how many records each class has; and, under `Settings(measure=True)`, how often each
        step ran in this process, and how long it took each time.
        """
        from framework.plan.graph import flowchart, ways_through

        fits = property is None or model is not None
        require(fits, property, "app.graph", "a class before a property", 'app.graph(Order, "status")')
        if model is None:
            return flowchart(self.plan, self._measured() if counts else None)
        if isinstance(model, Activity):
            return ways_through(model)
        from framework.plan.statechart import statechart  # it brings in `transitions`
        from framework.runtime.unmatched import machine_of

        return statechart(machine_of(self.plan, model, property))

    def _measured(self) -> "Measured":
        from framework.runtime.meter import measured

        return measured(self.plan, self.engine.database, self.engine.meter)

    def unmatched(self, model: type[Record] | None = None, property: str | None = None) -> "list[Unmatched]":
        """What reached state machines and no transition took, counted by state and trigger: of one machine,
        of all of a class, or of all.
        """
        from framework.runtime.unmatched import unmatched

        return unmatched(self.plan, self.engine.database, model, property)

    @cached_property
    def asgi(self) -> "Starlette":
        """The ASGI application: `POST /webhooks/<integration>/<path>`, `GET /health`, the API of
        `framework.web.api`, and the worker while it is served.
        """
        from framework.web.asgi import create_asgi

        return create_asgi(self)

    @property
    def max_delivery_bytes(self) -> int:
        return self.settings.max_delivery_bytes

    @property
    def authorize(self) -> "Authorize | None":
        return self.settings.authorize

    @property
    def is_tenanted(self) -> bool:
        """Whether each record belongs to a tenant."""
        return self.plan.tenanted

    @property
    def tenant_of(self) -> "TenantOf | None":
        return self.settings.tenant_of

    @property
    def permits(self) -> "Permits | None":
        return self.settings.permits

    def working(self) -> "AbstractAsyncContextManager[Worker]":
        """Carry out calls, and turn deadlines, while the block runs: `async with app.working(): ...`"""
        return self._office.working()

    def listening(self) -> AbstractAsyncContextManager[None]:
        """Hear what workers find out about vendors, while the block runs: for a process that does not work
        and is asked for its `health`.
        """
        return self.workshop.listening()

    def is_working(self) -> bool:
        """Whether calls are being carried out in this process."""
        return self.workshop.is_working

    def workers(self) -> int:
        """How many processes carry out calls of this database at present."""
        return self.workshop.workers()

    @property
    def works(self) -> bool:
        """Whether the ASGI application carries out calls."""
        return self.settings.works

    async def run(self) -> None:
        """Carry out calls, and turn deadlines, until cancelled; then what is under way may end.

        Raises SchemaMissing or SchemaDiffers if the database is not ready.
        """
        await self._office.run()

    async def settle(self, timeout: float = 0.0) -> None:  # noqa: ASYNC109  # how long to wait for others
        """Carry out what is due until nothing is.

        What will be due later, and webhooks, are waited for as long as `timeout` seconds, and not at all
        if the clock stands still. Calls of a paused integration keep waiting.
        """
        check_seconds(timeout, "app.settle", "app.settle(30)")
        await self._office.settle(timeout)

    async def ask(
        self,
        call: type[APICall],
        name: str,
        call_id: UUID,
        input: Payload | Mapping[str, Any] | None = None,  # noqa: A002  # that is what it is
    ) -> Any:
        """What the `api` verb of this name answers about a call, given what the user tells besides.

        `query` asks the vendor how the call stands, wherever there is a poll. Raises DispatchError.
        """
        return await self.workshop.ask(call, name, call_id, input)

    async def cancel(self, call: APICall) -> None:
        """Cancel a call, at its vendor if it has it. Raises CannotBeCanceled."""
        fits = isinstance(call, APICall)
        require(fits, call, "app.cancel", "a call", "app.cancel(app.get(Charge, id))")
        await self.workshop.cancel(call)

    def attempts(self, call_id: UUID) -> "list[Attempt]":
        """All tries at carrying out a call, in order."""
        return self.workshop.attempts(call_id)

    def dead_calls(self) -> list[APICall]:
        """The calls that the framework gave up: exhausted, in doubt, out of time. Oldest first."""
        return self.workshop.dead_calls()

    def orphans(self, patience: timedelta = PATIENCE) -> list[IntegrationEvent]:
        """The events that have waited for their call for so long or longer, oldest first: nobody of ours is
        known under their external id.
        """
        check_span(patience, "app.orphans", "app.orphans(timedelta(minutes=5))")
        return self.workshop.orphans(patience)

    def replay(self, call_id: UUID) -> APICall:
        """Try a dead call again, as a new call with the same facts, which is returned. Raises
        DispatchError.
        """
        return self.workshop.replay(call_id)  # type: ignore[no-any-return]  # of the call's class

    def health(self) -> "list[Health]":
        """How each integration is: paused, breaker, what runs, what is due, what is dead, the last error."""
        return self.workshop.health()

    def resume(self, integration: str) -> None:
        """Let an integration go on that paused itself, once its credentials are mended."""
        self.workshop.resume(integration)

    if not TYPE_CHECKING:  # to type checkers there is what there is

        def __getattr__(self, name: str) -> Any:
            """Say of what transactions have, and an App has not, what to write instead."""
            return missing(self, name)

    def close(self) -> None:
        """Close the database. The App can be used again; it is opened anew then."""
        if "engine" in self.__dict__:
            self.engine.entered.refuse_close()
            self.engine.database.close()
            del self.engine


def check(settings: Settings, database: str) -> None:
    """Refuse settings that contradict each other, or the database."""
    check_database(database)
    check_settings(settings, Settings)
    if not settings.works and database.startswith("sqlite"):
        raise NobodyWorks(database=database)
    if settings.tenant_of is not None and settings.tenancy == "none":
        raise Misdeclared(
            settings="tenant_of=...",
            reason='records have no tenants. Add `tenancy="required"`, or leave it out.',
        )


@contextmanager
def opened(app: App) -> Iterator[App]:
    """The App with its schema made, closed at the end."""
    app.create()
    try:
        yield app
    finally:
        app.close()
