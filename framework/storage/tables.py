"""The tables of one App: what its classes declare, and what the engine adds."""

from dataclasses import replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Dialect,
    Identity,
    Index,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
    false,
    text,
    true,
)
from sqlalchemy.sql.elements import conv

from framework.model.columns import UtcDateTime
from framework.model.scope import NAMING
from framework.plan.node import CollectNode, CustomNode, RecencyNode
from framework.plan.plan import Plan
from framework.plan.shape import HiddenColumn, Shape
from framework.plan.uniques import UniquePlan
from framework.storage.activities import ActivityStates
from framework.storage.scoping import SHARED, carry_tenant

MADE_BY = "_made_by"
"""The column that remembers which rule made a record from what, so that it is never made twice."""

BORN = "_born"
"""The column that numbers records in the order of their making, where the database does not number rows
itself.
"""


class Tables:
    """Tables of one App, apart from the classes, so that two Apps may add different columns to one class."""

    def __init__(self, plan: Plan, dialect: Dialect) -> None:
        self.metadata = MetaData(naming_convention=NAMING)
        ordered = set() if dialect.name == "sqlite" else _ordered(plan)
        self.of: dict[Shape, Table] = {
            shape: shape.table.to_metadata(self.metadata) for shape in plan.shapes.values()
        }
        for shape, table in self.of.items():
            _complete(shape, table, dialect, born=shape in ordered)
        self.dispatches = _dispatches(self.metadata)
        self.moves = _moves(self.metadata, dialect)
        self.sequences = _sequences(self.metadata)
        self.attempts = _attempts(self.metadata)
        self.cursors = _cursors(self.metadata)
        self.effects = _effects(self.metadata)
        self.activities = ActivityStates(self.metadata, dialect) if plan.activities else None
        self.declarations = _declarations(self.metadata)
        self.migrations = _migrations(self.metadata)
        self.spared = _spared(self.metadata)
        if plan.tenanted:  # statements are made for tables without tenants, and compiled for those with
            self.metadata = Tables(replace(plan, tenanted=False), dialect).metadata
            carry_tenant(self.metadata, dialect)
        of_all = self.metadata if plan.tenanted else MetaData()
        self.tenants, self.addressees = _tenants(of_all), _addressees(of_all)
        if dialect.name == "postgresql":
            for table in self.metadata.tables.values():
                _compare_as_python_does(table)


def _ordered(plan: Plan) -> set[Shape]:
    """The classes whose records somebody wants in the order of their making."""
    found = {one.shape for one in plan.retentions if one.retention.cap is not None}
    for node in plan.nodes:
        if isinstance(node, (RecencyNode, CollectNode)):
            found.add(node.route.source)
        elif isinstance(node, CustomNode):
            found |= {route.source for _, route in node.relations}
    return found


def _complete(shape: Shape, table: Table, dialect: Dialect, *, born: bool) -> None:
    for hidden in shape.hidden:
        table.append_column(
            Column(hidden.name, hidden.type, nullable=hidden.nullable, server_default=_default(hidden))
        )
    if born:
        table.append_column(Column(BORN, BigInteger, Identity(always=True), nullable=False))
    for name, expression in shape.generated.items():
        kind = table.c[name].type
        generated = Column(name, kind, Computed(expression(table), persisted=True))
        table.append_column(generated, replace_existing=True)
    for name in shape.whole:  # SQLite would go on with a float where 64 bits end
        check = CheckConstraint(f"typeof(\"{name}\") = 'integer'", name=f"whole_{table.name}_{name}")
        table.append_constraint(check.ddl_if(dialect="sqlite"))
    if shape.makers:
        table.append_column(Column(MADE_BY, Text, nullable=True))
        Index(None, table.c[MADE_BY], unique=True)
    led = {plan.columns[0] for plan in shape.indexes if plan.where is None and len(plan.columns) > 1}
    for index in list(table.indexes):  # an index that begins with the same column serves its look-ups too
        if len(index.columns) == 1 and index.columns[0].name in led and not index.unique:
            table.indexes.remove(index)
    for unique in shape.uniques:
        if unique.where is not None:
            _index_in_part(table, unique, _only(dialect, unique.where(table.columns)))
    for plan in shape.indexes:
        where = None if plan.where is None else text(plan.where)
        if not (plan.columns or born):
            continue  # the rows have their order by themselves
        Index(
            None,
            *(table.c[name] for name in plan.columns),
            *((table.c[BORN],) if born and plan.by_recency else ()),
            unique=plan.unique,
            **_only(dialect, where),
        )


def _only(dialect: Dialect, where: Any) -> dict[str, Any]:
    """The option of an index that has the rows alone for which a condition holds. It is given for the dialect
    at hand, and for no other, whose module that would bring in.
    """
    return {f"{dialect.name}_where": where}


def _index_in_part(table: Table, unique: UniquePlan, only: dict[str, Any]) -> None:
    name = conv(f"uq_{table.name}_{'_'.join(unique.columns)}")
    columns = [table.c[column] for column in unique.columns]
    Index(name, *columns, unique=True, **only)


def _default(hidden: HiddenColumn) -> Any:
    match hidden.default:
        case None:
            return None
        case bool():
            return true() if hidden.default else false()
        case dict():
            return text("'{}'")
        case []:
            return text("'[]'")
        case _:
            return text(str(hidden.default))


def _compare_as_python_does(table: Table) -> None:
    """Let text be ordered by code points, whatever the language of the database."""
    for column in table.columns:
        if isinstance(column.type, String):
            kind = column.type.adapt(type(column.type))
            kind.collation = "C"
            column.type = kind


def _dispatches(metadata: MetaData) -> Table:
    """One row for each dispatch with a key: what it was, and what came of it."""
    return Table(
        "millrace_dispatch",
        metadata,
        Column("key", Text, primary_key=True),
        Column("fingerprint", Text, nullable=False),
        Column("event", Text, nullable=False),
        Column("event_id", Uuid, nullable=False),
        Column("changes", Text, nullable=False),
        Column("at", UtcDateTime, nullable=False),
    )


def _moves(metadata: MetaData, dialect: Dialect) -> Table:
    """One row for each trigger that reached a state machine, in order: what it caused, if anything."""
    return Table(
        "millrace_move",
        metadata,
        Column(
            "position", BigInteger().with_variant(_integer(), "sqlite"), primary_key=True, autoincrement=True
        ),
        Column("machine", Text, nullable=False),
        Column("record_id", Uuid, nullable=False),
        Column("trigger", Text, nullable=False),
        Column("cause_id", Uuid, nullable=False),
        Column("source", Text, nullable=False),
        Column("target", Text),  # None: no transition took it
        Column("entered", Text),  # what was computed on the entry of the target, as JSON
        Column("at", UtcDateTime, nullable=False),
        Index(None, "record_id", "machine", "position"),
        Index(None, "machine", "source", "trigger", **_only(dialect, text("target IS NULL"))),
    )


def _sequences(metadata: MetaData) -> Table:
    """One row for each scope of each sequence: the number that was given last."""
    return Table(
        "millrace_sequence",
        metadata,
        Column("name", Text, primary_key=True),
        Column("scope", Text, primary_key=True),
        Column("last", BigInteger, nullable=False),
    )


def _attempts(metadata: MetaData) -> Table:
    """One row for each try at carrying out a call, written before the vendor is called."""
    return Table(
        "millrace_attempt",
        metadata,
        Column("call_id", Uuid, primary_key=True),
        Column("number", BigInteger, primary_key=True),
        Column("verb", Text, nullable=False),
        Column("idempotency_key", Text, nullable=False),
        Column("request_hash", Text, nullable=False),
        Column("worker", Text, nullable=False),
        Column("started_at", UtcDateTime, nullable=False),
        Column("finished_at", UtcDateTime),
        Column("doubtful", Boolean, nullable=False),  # the vendor may have acted, and we have not heard
        Column("error", Text),
        Column("code", Text),
    )


def _cursors(metadata: MetaData) -> Table:
    """One row for each call class whose vendor is asked what happened: up to when the answer is known."""
    return Table(
        "millrace_cursor",
        metadata,
        Column("name", Text, primary_key=True),
        Column("at", UtcDateTime, nullable=False),
        info={SHARED: True},  # a vendor is asked once, for all of them
    )


def _tenants(metadata: MetaData) -> Table:
    """One row for each tenant, where records have tenants."""
    return Table(
        "millrace_tenant",
        metadata,
        Column("name", Text, primary_key=True),
        Column("at", UtcDateTime, nullable=False),
        info={SHARED: True},
    )


def _addressees(metadata: MetaData) -> Table:
    """One row for each name by which a vendor knows a call: whose call it is."""
    return Table(
        "millrace_addressee",
        metadata,
        Column("call_type", Text, primary_key=True),
        Column("name", Text, primary_key=True),
        Column("tenant", Text, primary_key=True),
        info={SHARED: True},
    )


def _effects(metadata: MetaData) -> Table:
    """One row for each bare side effect that is still to happen; it goes when it has."""
    return Table(
        "millrace_effect",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("name", Text, nullable=False),  # the integration and its function
        Column("record_id", Uuid, nullable=False),
        Column("due_at", UtcDateTime),  # None: nobody will try again by themselves
        Column("tried", BigInteger, nullable=False),
        Column("first_tried_at", UtcDateTime),
        Column("error", Text),
        Index(None, "name", "due_at"),
    )


def _declarations(metadata: MetaData) -> Table:
    """One row for each class and each rule that the database was made for."""
    return Table(
        "millrace_declaration",
        metadata,
        Column("name", Text, primary_key=True),
        Column("form", Text, nullable=False),
        info={SHARED: True},
    )


def _migrations(metadata: MetaData) -> Table:
    """One row while a migration is under way: what is to be recomputed, and how far that has come."""
    return Table(
        "millrace_migration",
        metadata,
        Column("id", BigInteger, primary_key=True),
        Column("task", Text, nullable=False),
        Column("step", Text),  # None: none is finished yet
        Column("after", Text),
        info={SHARED: True},
    )


def _spared(metadata: MetaData) -> Table:
    """One row for each call or event that a rule would have made of an old record, and shall not make."""
    return Table(
        "millrace_spared",
        metadata,
        Column("made_by", Text, primary_key=True),
        Column("at", UtcDateTime, nullable=False),
    )


def _integer() -> "BigInteger":
    from sqlalchemy import Integer

    return Integer()  # type: ignore[return-value]  # SQLite numbers rows by itself only in an INTEGER column
