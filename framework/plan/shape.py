"""What the plan knows about each record class, each relation and each property."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Table, UniqueConstraint
from sqlalchemy.types import TypeEngine

from framework.computations.admission import Guard
from framework.computations.aggregate import Additive
from framework.computations.custom import Custom
from framework.computations.deadline import Deadline
from framework.computations.formula import Formula
from framework.computations.lookup import Lookup
from framework.computations.rule import Rule
from framework.computations.selective import Collect, Extreme, Recency
from framework.computations.sequence import Sequence
from framework.computations.statemachine import StateMachine, Transition
from framework.computations.triggers import Trigger
from framework.model.record import Record
from framework.plan.view import view_class


class Kind(StrEnum):
    """The kinds of records, by what may happen to them."""

    ENTITY = "entity"  # created, updated, deleted
    EVENT = "event"  # created, and never changed
    GLOBAL = "global"  # one row, there from the start
    CALL = "call"  # an entity whose properties integration events derive


@dataclass(frozen=True, slots=True)
class HiddenColumn:
    """A column that users do not see: the state of an aggregate, an offer to a selection, a lease."""

    name: str
    type: TypeEngine[Any]
    default: Any = None
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """Columns that the engine looks up by, together."""

    columns: tuple[str, ...]
    unique: bool = False
    where: str | None = None  # SQL; only rows for which it holds are in the index
    by_recency: bool = False  # among equals, in the order of their making


@dataclass(eq=False)
class Shape:
    """One record class, as the engine sees it."""

    model: type[Record]
    name: str
    kind: Kind
    table: Table  # as the class declares it, without hidden columns
    position: int
    references: dict[str, "Shape"] = field(default_factory=dict)  # foreign key field -> what it refers to
    referrers: list[tuple["Shape", str, str | None]] = field(default_factory=list)  # shape, field, ondelete
    hidden: list[HiddenColumn] = field(default_factory=list)
    indexes: list[IndexPlan] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)  # columns that only whole numbers are added to
    generated: dict[str, Callable[[Table], ColumnElement[Any]]] = field(default_factory=dict)
    derive_old: dict[str, Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)
    readers: dict[str, tuple["Node", ...]] = field(default_factory=dict)
    watchers: tuple["Node", ...] = ()  # nodes that care whether a record is there at all
    makers: list["RuleNode"] = field(default_factory=list)
    guards: tuple[Guard, ...] = ()  # what an event of this class must meet
    machines: tuple["MachineNode", ...] = ()  # of its own properties
    depth: int = 0  # how many references lead from it to what refers to nothing
    relative: bool = True  # all computed properties can be kept by relative updates

    @property
    def facts(self) -> tuple[str, ...]:
        return tuple(self.model.__facts__)

    @property
    def fields(self) -> tuple[str, ...]:
        return (*self.model.__facts__, *self.model.__computed__)

    def __post_init__(self) -> None:
        self.view = view_class(self.model)
        constraints = [one.columns for one in self.table.constraints if isinstance(one, UniqueConstraint)]
        indexes = [one.columns for one in self.table.indexes if one.unique]
        self.unique = frozenset(column.name for columns in (*constraints, *indexes) for column in columns)

    def __repr__(self) -> str:
        return f"<Shape {self.name}>"


@dataclass(frozen=True, slots=True)
class Route:
    """The way from a source record to the record that it counts for: a foreign key, or the one Global."""

    host: Shape
    source: Shape
    key: str | None  # field of the source; None: all records count for the Global
    relation: str | None


@dataclass(eq=False)
class Node:
    """One step of propagation. It runs at most once per transaction, after all that it reads."""

    name: str
    reads: frozenset[tuple[Shape, str | None]]  # (shape, None) is the existence of its records
    writes: frozenset[tuple[Shape, str | None]]
    height: int = field(default=0, init=False)
    position: int = field(default=0, init=False)


@dataclass(frozen=True, slots=True)
class Member:
    """One additive property of a group, and where its state lies in the group's vector."""

    property: str
    computation: Additive[Any, Any]
    states: tuple[str, ...]  # columns of the host


@dataclass(eq=False)
class AdditiveNode(Node):
    """All additive properties of one host that follow the same route at the same height."""

    route: Route
    members: tuple[Member, ...]

    readers: tuple[Node, ...] = field(default=(), init=False)  # the nodes that read what it writes

    def __post_init__(self) -> None:
        self.states = tuple(state for member in self.members for state in member.states)
        self.contributions = tuple(member.computation.contribution for member in self.members)

    def contribution(self, record: Any) -> list[int]:
        """What one record contributes to all states of the group."""
        vector: list[int] = []
        for contribution in self.contributions:
            vector += contribution(record)
        return vector


@dataclass(eq=False)
class ExtremeNode(Node):
    route: Route
    property: str
    computation: Extreme[Any, Any]
    offer: str  # hidden column of the source


@dataclass(eq=False)
class RecencyNode(Node):
    route: Route
    property: str
    computation: Recency[Any, Any]
    offer: str  # hidden column of the source: whether it takes part


@dataclass(eq=False)
class CollectNode(Node):
    route: Route
    property: str
    computation: Collect[Any, Any]
    offer: str  # hidden column of the source: whether it takes part


@dataclass(eq=False)
class DeadlineNode(Node):
    host: Shape
    property: str
    computation: Deadline[Any]
    turns_at: str  # hidden column of the host: when the value turns, None where it does not


@dataclass(eq=False)
class SequenceNode(Node):
    host: Shape
    property: str
    computation: Sequence
    scope: str  # hidden column of the host: the scope that the number was given in


@dataclass(eq=False)
class CustomNode(Node):
    host: Shape
    property: str
    computation: Custom[Any]
    relations: tuple[tuple[str, Route], ...]  # the relations that are read, by name


@dataclass(eq=False)
class LookupNode(Node):
    host: Shape
    source: Shape
    key: str  # field of the host
    property: str
    computation: Lookup[Any, Any]
    sources: frozenset[str] = frozenset()  # fields of the source that are read


@dataclass(eq=False)
class FormulaNode(Node):
    host: Shape
    property: str
    computation: Formula[Any]


@dataclass(frozen=True, slots=True)
class TriggerPlan:
    """A trigger of a machine with its route, and the transitions that it may cause."""

    trigger: Trigger
    source: Shape
    key: str | None  # field of the source that names the machine's record; None: it is the one Global
    transitions: tuple[Transition[Any], ...]
    label: str


@dataclass(eq=False)
class MachineNode(Node):
    host: Shape
    property: str
    machine: StateMachine[Any]
    triggers: tuple[TriggerPlan, ...]


@dataclass(eq=False)
class RuleNode(Node):
    rule: Rule[Any, Any]
    source: Shape
    targets: tuple[Shape, ...]
    fields: frozenset[str]  # fields of the source that are read

    @property
    def once(self) -> bool:
        """Whether what the rule made is never changed: calls, events, and all that comes from events."""
        return self.source.kind is Kind.EVENT


@dataclass(eq=False)
class ProgressNode(Node):
    """The five derived properties of a call class, from its integration events."""

    host: Shape
    source: Shape
