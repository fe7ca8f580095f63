"""One transaction: what a user may do in it, and what follows from that before it commits."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import chain
from typing import Any, Never, TypeVar
from uuid import UUID

from framework.model.apicall import IntegrationEvent
from framework.model.entity import Event
from framework.model.record import ADDED, Record, refuse
from framework.plan.lens import Lens
from framework.plan.mistakes import NoRecordClass
from framework.plan.plan import Plan
from framework.plan.shape import Kind, Shape
from framework.plan.views import sources_of
from framework.runtime.activities import turns
from framework.runtime.admittance import Admittance
from framework.runtime.asking import UNKEPT, id_of, meaning_of, shortened
from framework.runtime.batches import batches, batches_by_type
from framework.runtime.bulk import matching
from framework.runtime.change import Change
from framework.runtime.ensuring import ensure, key_of
from framework.runtime.errors import (
    BesideARecord,
    CallsAreDerived,
    GlobalIsFixed,
    ImmutableRecord,
    IngestOnly,
    InSeveralTables,
    NoSuchRecord,
    NotAMember,
    NotAnEvent,
    NotARecordOfThisApp,
    RuleOwned,
    TransactionFailed,
    TransactionOver,
    UnnamedFacts,
)
from framework.runtime.kept import refuse_losses
from framework.runtime.keys import Keyed, keyed, known, remember
from framework.runtime.present import detached
from framework.runtime.receipt import changes_of
from framework.runtime.refused import too_large
from framework.runtime.removal import remove
from framework.runtime.reserve import reserve
from framework.runtime.resting import collector_at_rest
from framework.runtime.takeover import take_over
from framework.runtime.uses import check_caller, check_count, check_many, require
from framework.runtime.waves import follow
from framework.runtime.work import Work
from framework.storage.codec import Row
from framework.storage.statements import Lock
from framework.storage.tables import MADE_BY
from framework.tenancy import refuse_another

R = TypeVar("R", bound=Record)
E = TypeVar("E", bound=Event)


class Transaction:
    """Facts enter here; all that follows from them is stored in the same transaction, or none of it is."""

    _keyed: tuple[Keyed, ...] = ()  # events that came under a key

    def __init__(self, plan: Plan, work: Work) -> None:
        self.plan = plan
        self.work = work
        self._over = False
        self._failure: Exception | None = None
        self._added: list[Record] = []
        self._promised: dict[tuple[Shape, UUID], Lens] = {}  # made through a view, to which it must belong
        self._rest: AbstractContextManager[None] | None = None  # that of the collector, while there are many

    @property
    def now(self) -> datetime:
        """The moment of the transaction."""
        return self.work.now

    def add(self, record: R) -> R:
        """Store a new entity; raises InvalidRecord, and MissingReference at the latest on commit."""
        self.insert(self._addable(type(record), record), record)
        record.__dict__[ADDED] = True
        self._added.append(record)
        return record

    def ensure(self, record: R, *, by: tuple[str, ...] | None = None) -> R:
        """Store a new entity, unless there is one with its unique values: that one, read-only.

        `by` names the fields of the unique key, where the class has several. Of several transactions that do
        so at once, one stores.
        """
        shape = self._addable(type(record), record)
        self._refuse_if_over()
        unique = key_of(shape, by)
        row = self.work.doors[shape].row(record, self.work.now)
        with _AtStake(self):
            change = ensure(self.work, shape, unique, row)
        self._promise(type(record), shape, [change.after_row or row])
        return record if change.after_row is row else detached(shape, change.after_row or row)

    def add_all(self, records: Iterable[Record]) -> None:
        """Store many new entities: what `add` does with each, at a fraction of the cost.

        Raises InvalidRecord with the number of each that is not valid; the transaction cannot commit then.
        """
        check_many(records, "tx.add_all", "tx.add_all([Order(...), Order(...)])")
        self._let_collector_rest()
        with _AtStake(self):
            for model, number, some in batches_by_type(records):
                shape = self._addable(model)
                rows = self.work.doors[shape].rows_of(some, self.now, number)
                self._insert_all(shape, rows)
                self._promise(model, shape, rows)

    def load(self, model: type[Record], rows: Iterable[Mapping[str, Any]], *, start: int = 1) -> int:
        """Store many new entities or events of one class, given by their facts; returns how many.

        Rows are numbered from `start`. Values are converted as pydantic does, so that parsed lines of a file
        can be given as they are. Raises InvalidRecord with the number of each row that is not valid; the
        transaction cannot commit then.
        """
        if not isinstance(model, type):
            raise NoRecordClass(thing=model)
        check_many(rows, "tx.load", "tx.load(Order, [{...}, {...}])")
        require(type(start) is int, start, "tx.load(start=...)", "the number of the first row", "start=2")
        self._let_collector_rest()
        with _AtStake(self):
            shape = self._dispatchable(model) if issubclass(model, Event) else self._addable(model)
            stored = 0
            for number, some in batches(rows, start):
                made = self.work.doors[shape].rows(some, self.now, number)
                if issubclass(model, Event) and (shape.guards or shape.activities):
                    for row in made:  # it is decided about each on its own
                        self.dispatch(model(**{name: row[name] for name in shape.facts}))
                else:
                    self._insert_all(shape, made)
                    self._promise(model, shape, made)
                stored += len(some)
            return stored

    def dispatch(
        self,
        event: E,
        *,
        key: str | None = None,
        actor: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> E:
        """Store an event; what follows from it is there when the transaction ends.

        With `key`, once: the same key and content give the event that is there, read-only, and do nothing.
        Guards are told of `actor` and `context`; the actor is stored with the event, the context is not.
        """
        shape = self._dispatchable(type(event), event)
        if key is not None:
            said = keyed(key, event, self.work.doors[shape].row(event, self.now))
            there = self._there(shape, said)
            if there is not None:
                return there  # type: ignore[return-value]  # the key stands for an event of its class
            self.dispatch(event, actor=actor, context=context)
            self._keyed = (*self._keyed, said)
            return event
        if actor is not None or context is not None:
            check_caller(actor, context)
        if shape.guards:
            admission = Admittance(self.work, self.get, actor, context)
            for guard in shape.guards:
                guard.admit(event, admission)
        change = self.insert(shape, event)
        if actor is not None and change.after_row is not None:
            change.after_row["_actor"] = actor
        return event

    def _there(self, shape: Shape, said: Keyed) -> Event | None:
        """The event that the key stands for, if it was used, here or before; raises ConflictingKey."""
        self._refuse_if_over()
        here = next((one for one in self._keyed if one.key == said.key), None)
        if here is not None:
            said.refuse_unless_same(here)
            return here.event
        there = known(self.work, shape, said)
        return None if there is None else detached(shape, there.row, type(said.event))

    def update(
        self, record: Record | type[Record], id: UUID | None = None, /, *unnamed: Never, **facts: Any
    ) -> None:
        """Change facts of a stored record, given as a record or as class and id (a Global: the class
        alone).
        """
        self._refuse_if_over()
        if unnamed:
            raise UnnamedFacts(given=shortened(unnamed[0]))
        self._have_alone(self._shape_of(record if isinstance(record, type) else type(record)))
        change = self._stored(record, id)
        self._refuse_unless_facts(change.shape, facts)
        self._change(change, facts)

    def update_where(self, model: type[Record], criterion: Any, /, *criteria: Any, **facts: Any) -> int:
        """Change facts of all records that meet the criteria; returns how many there were.

        `tx.update_where(Order, Order.cents == 0, paid=True)`. Criteria see what this transaction has done so
        far, and what is computed of that; views in them are their members.
        """
        self._refuse_if_over()
        shape = self._shape_of(model)
        self._refuse_unless_facts(shape, facts)
        self._have_alone(shape)
        found = matching(self.work, shape, model, (criterion, *criteria), Lock.CHANGE)
        with _AtStake(self):
            for change in found:
                self._change(change, facts)
        return len(found)

    def delete_where(self, model: type[Record], criterion: Any, /, *criteria: Any) -> int:
        """Delete all entities that meet the criteria, as `delete` does each; returns how many there were."""
        self._refuse_if_over()
        shape = self._shape_of(model)
        if shape.kind is Kind.GLOBAL:
            raise GlobalIsFixed(model=shape.name)
        found = matching(self.work, shape, model, (criterion, *criteria), Lock.REFERENCE)
        with _AtStake(self):
            for change in found:
                self._refuse_unless_editable(change)
            remove(self.work, found)
        return len(found)

    def _have_alone(self, shape: Shape) -> None:
        if shape.is_parameter:  # before its row is locked
            self.work.parameters.have_alone(shape)

    def _refuse_unless_facts(self, shape: Shape, facts: dict[str, Any]) -> None:
        for name in facts:
            if name not in shape.facts or name == "id":
                refuse(shape.model, name)

    def _change(self, change: Change, facts: dict[str, Any]) -> None:
        shape = change.shape
        self._refuse_unless_editable(change)
        assert change.after_row is not None
        current = {name: change.after_row[name] for name in shape.facts}
        valid = self.work.doors[shape].facts(current | facts)
        if shape.takeovers:
            take_over(self.work, shape, change.id, valid, facts.keys())
        for name in facts:
            self.work.set(change, name, valid[name])

    def reserve(self, model: type[Record], property: str, count: int, /, **scope: Any) -> range:
        """The next `count` numbers of a `Sequence`, in the scope of these facts: no record will be given
        them. Raises CannotReserve.

        Like those of records they belong to the transaction: if it rolls back they are given to others.
        """
        self._refuse_if_over()
        check_count(count, "tx.reserve", 'tx.reserve(Invoice, "number", 10)')
        return reserve(self.plan, self.work, self._shape_of(model), property, count, scope)

    def delete(self, record: Record | type[Record], id: UUID | None = None, /) -> None:
        """Delete a stored entity; what refers to it follows its `ondelete`, or keeps it from going."""
        change = self._stored(record, id, Lock.REFERENCE)
        if change.shape.kind is Kind.GLOBAL:
            raise GlobalIsFixed(model=change.shape.name)
        self._refuse_unless_editable(change)
        with _AtStake(self):
            remove(self.work, [change])

    def get(self, model: type[R], id: UUID | None = None) -> R:
        """The record as it is in this transaction, before derived properties have followed."""
        self._refuse_if_over()
        change = self._stored(model, id)
        assert change.after_row is not None, "what is stored is there"
        return detached(change.shape, change.after_row, model)  # type: ignore[no-any-return]  # detached builds the shape's class

    def insert(self, shape: Shape, record: Record) -> Change:
        """Validate a record and let it come to be."""
        self._refuse_if_over()
        row = self.work.doors[shape].row(record, self.work.now)
        taken = turns(self.work, shape, row) if shape.activities else ()
        try:
            for turn in taken:
                turn.take(self.work)
            if type(record) is not shape.model:
                self._promise(type(record), shape, [row])
            if shape.takeovers:
                take_over(self.work, shape, row["id"], row, shape.takeovers)
            return self.work.insert(shape, row)
        except Exception as failure:
            self._failure = failure
            raise

    def _promise(self, model: type[Record], shape: Shape, rows: Sequence[Row]) -> None:
        """What is made through a view must belong to it when everything has followed."""
        if model is not shape.model:
            self._promised |= {(shape, row["id"]): shape.views[model] for row in rows}

    def _insert_all(self, shape: Shape, rows: Sequence[Row]) -> None:
        """Let records come to be whose rows are valid."""
        self._refuse_if_over()
        if not shape.takeovers:
            self.work.insert_all(shape, rows)
            return
        for row in rows:  # each may take over from those before it
            take_over(self.work, shape, row["id"], row, shape.takeovers)
            self.work.insert(shape, row)

    def _addable(self, model: type[Record], record: object = None) -> Shape:
        """The shape of a class whose records users may add."""
        shape = self._shape_of(model, record)
        match shape.kind:
            case Kind.ENTITY:
                return shape
            case Kind.EVENT:
                raise ImmutableRecord(model=f"`tx.add` is for entities. {shape.name}")
            case Kind.GLOBAL:
                raise GlobalIsFixed(model=shape.name)
            case Kind.CALL:
                raise CallsAreDerived(model=shape.name, remedy="Declare a `@derive` rule that returns it.")

    def _dispatchable(self, model: type[Record], event: object = None) -> Shape:
        """The shape of a class whose events users may dispatch."""
        shape = self._shape_of(model, event)
        if shape.kind is not Kind.EVENT:
            raise NotAnEvent(model=shape.name, remedy="Use `tx.add`")
        if shape.model is IntegrationEvent:
            raise IngestOnly(model=shape.name)
        return shape

    def finish(self, *, complete: bool = False) -> None:
        """Let everything follow, and tell the database all of it; once.

        `complete` reads back the rows that only sums changed, for a receipt that leaves nothing out.
        """
        if self._over:
            return
        self._over = True
        if self._failure is not None:
            raise TransactionFailed(reason=self._failure) from self._failure
        if self.work.untold.are_many():
            self._let_collector_rest()
        try:
            self._follow(complete=complete)
        except OverflowError as error:
            changes = chain.from_iterable(known.values() for known in self.work.rows.values())
            raise too_large(self.work, changes, str(error)) from error
        except UNKEPT as error:
            meaning = meaning_of(error)
            if meaning is error:
                raise
            raise meaning from error

    def _follow(self, *, complete: bool) -> None:
        follow(self.work, complete=complete)
        if self.work.followed:
            refuse_losses(self.work)
        for (shape, id), lens in self._promised.items():
            row = self.work.rows[shape][id].after_row
            if row is not None and lens.see(row) is None:
                raise NotAMember(view=lens.name, model=shape.name, id=id)
        for close in self.work.closers:
            close(self.work)
        if self._keyed:
            self._finish_keyed()
        else:
            self.work.finish(complete=complete)

    def _finish_keyed(self) -> None:
        """Remember what followed from the events that came under a key, together: all of it."""
        self.work.finish(complete=True)
        for said in self._keyed:
            remember(self.work, said, changes_of(self.work.rows))

    def give_back(self) -> None:
        """None of it is stored: who was added may be changed, and added again."""
        for record in self._added:
            record.__dict__.pop(ADDED, None)

    def abandon(self, *, let_go: bool = False) -> None:
        """Take nothing more; what was done and is not stored will not be.

        With `let_go`, when all have heard of it, whoever keeps the transaction keeps none of many records.
        """
        self._over = True
        if self._rest is not None:
            if let_go:
                self.work.rows.clear()
            self._rest.__exit__(None, None, None)
            self._rest = None

    def _let_collector_rest(self) -> None:
        """There will be many records, until this is over."""
        if self._rest is None:
            self._rest = collector_at_rest()
            self._rest.__enter__()

    def _stored(self, record: Record | type[Record], id: UUID | None, lock: Lock = Lock.CHANGE) -> Change:
        self._refuse_if_over()
        shape = self._shape_of(record) if isinstance(record, type) else self._shape(record)
        if id is not None and not isinstance(record, type):
            raise BesideARecord(given=shortened(id), model=shape.name)
        identity: UUID = id_of(shape, id) if isinstance(record, type) else record.__dict__["id"]
        change = self.work.find(shape, identity, lock)
        lens = self.plan.home(record)[1] if isinstance(record, type) else None
        if change is None or (lens and change.before_row and not lens.see(change.before_row)):
            raise NoSuchRecord(model=shape.name if lens is None else lens.name, id=identity)
        return change

    def _refuse_unless_editable(self, change: Change) -> None:
        shape = change.shape
        if shape.kind is Kind.EVENT:
            raise ImmutableRecord(model=shape.name)
        if shape.kind is Kind.CALL:
            raise CallsAreDerived(model=shape.name, remedy="To try again, let a rule make a new call.")
        made_by = change.after_row.get(MADE_BY) if change.after_row else None
        if made_by is not None:
            key = made_by.rsplit(":", 2)[0]
            maker = next((node for node in shape.makers if node.key == key), None)
            if maker is not None and not maker.once:
                raise RuleOwned(model=shape.name, id=change.id, rule=maker.rule.name)

    def _shape(self, record: Record) -> Shape:
        return self._shape_of(type(record), record)

    def _shape_of(self, model: type[Record], thing: object = None) -> Shape:
        try:
            shape = self.plan.shapes.get(model) or self.plan.home(model)[0]
        except TypeError:  # a record has no hash
            raise NoRecordClass(thing=model) from None
        if shape is None:
            sources = sources_of(self.plan.shapes, model)
            if sources:
                classes = " and ".join(source.name for source, _ in sources)
                raise InSeveralTables(model=model.__name__, classes=classes)
            raise NotARecordOfThisApp(thing=model if thing is None else thing)
        return shape

    def _refuse_if_over(self) -> None:
        if self._over:
            raise TransactionOver()
        if self.work.tenant is not None:
            refuse_another(self.work.tenant)


class _AtStake:
    """What raises in the block may have been done in part, so that the transaction cannot commit."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def __enter__(self) -> None:
        """Nothing is done yet."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            self._transaction._failure = error
