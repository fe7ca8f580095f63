"""What the plan knows about each record class, each relation and each property."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Table
from sqlalchemy.types import TypeEngine

from framework.computations.admission import Guard
from framework.computations.policy import QueryPolicy
from framework.model.record import Record
from framework.model.symmetric import LinkEnd
from framework.plan.uniques import UniquePlan
from framework.plan.view import view_class

if TYPE_CHECKING:
    from framework.plan.activities import ActivityPlan
    from framework.plan.lens import Lens
    from framework.plan.node import MachineNode, Node, RuleNode


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
    uniques: tuple[UniquePlan, ...] = ()
    references: dict[str, "Shape"] = field(default_factory=dict)  # foreign key field -> what it refers to
    referrers: list[tuple["Shape", str, str | None]] = field(default_factory=list)  # shape, field, ondelete
    hidden: list[HiddenColumn] = field(default_factory=list)
    indexes: list[IndexPlan] = field(default_factory=list)
    inner: list[str] = field(default_factory=list)  # hidden columns that nodes compute, as they do properties
    whole: list[str] = field(default_factory=list)  # columns that only whole numbers are added to
    generated: dict[str, Callable[[Table], ColumnElement[Any]]] = field(default_factory=dict)
    derive_old: dict[str, Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)
    readers: dict[str, tuple["Node", ...]] = field(default_factory=dict)
    watchers: tuple["Node", ...] = ()  # nodes that care whether a record is there at all
    parameters: tuple[tuple["Shape", bool], ...] = ()  # Globals that are read because of it; if it moves them
    is_parameter: bool = False  # a Global whose row others are given
    makers: list["RuleNode"] = field(default_factory=list)
    guards: tuple[Guard, ...] = ()  # what an event of this class must meet
    policies: tuple[QueryPolicy, ...] = ()  # what readers may see of it
    activities: tuple["ActivityPlan", ...] = ()  # what an event of this class is a step of
    views: dict[object, "Lens"] = field(default_factory=dict)  # by filtered class, or by class and relation
    machines: tuple["MachineNode", ...] = ()  # of its own properties
    depth: int = 0  # how many references lead from it to what refers to nothing
    seldom: tuple[str, ...] = ()  # columns in which new rows hardly ever have anything
    takeovers: tuple[str, ...] = ()  # unique facts that go to whoever takes them last
    relative: bool = True  # all computed properties can be kept by relative updates

    @cached_property
    def facts(self) -> tuple[str, ...]:
        return tuple(self.model.__facts__)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        return (*self.model.__facts__, *self.model.__computed__)

    @cached_property
    def derived_and_read(self) -> tuple[tuple[str, Callable[[Mapping[str, Any]], Any]], ...]:
        """What the database derives and a node reads, and how."""
        return tuple((name, derive) for name, derive in self.derive_old.items() if name in self.readers)

    @cached_property
    def forward(self) -> tuple[tuple[str, "Shape"], ...]:
        """The keys, with where they lead, by which a new record can refer to one that comes after it: in its
        own class, or in a circle of classes. They may be empty until it is there.
        """
        return tuple(
            (key, target)
            for key, target in self.references.items()
            if target.depth >= self.depth and self.table.c[key].nullable
        )

    @property
    def title(self) -> str:
        """The name of the class as users know it: the ends of a symmetric link go by the link's."""
        return self.model.__link__.__name__ if issubclass(self.model, LinkEnd) else self.name

    def is_derived(self, name: str | None) -> bool:
        """Whether a node writes this field: a computed property, or an inner one."""
        return name in self.model.__computed__ or name in self.inner

    def __post_init__(self) -> None:
        self.view = view_class(self.model)
        self.is_global = self.kind is Kind.GLOBAL
        self.unique = frozenset(
            name for one in self.uniques for name in (*one.columns, *one.filters)
        )  # columns that give room for another record when they change

    def __repr__(self) -> str:
        return f"<Shape {self.name}>"


@dataclass(frozen=True, slots=True)
class Far:
    """The one record that a key leads to: the other end of a link, or of a to-one relation."""

    shape: Shape
    key: str  # field of the link, or of the record that has the relation
    lens: "Lens | None" = None  # of a view of a to-one relation: what it shows of the record
    before: tuple["Far", ...] = ()  # the ends that it is behind: while one leads to a record, it does not

    @property
    def taken_for(self) -> type[Record]:
        """The class that callbacks take the record for."""
        return self.shape.model if self.lens is None else self.lens.model

    def shown(self, record: Any) -> Any:
        """The record as it is seen there; None if it is not there, or no member."""
        return record if self.lens is None else self.lens.member(record)


@dataclass(frozen=True, slots=True)
class Route:
    """The way from a source record to the record that it counts for: a foreign key, or the one Global.

    Through a link model the source is the link, and what counts is the record at its far end.
    """

    host: Shape
    source: Shape
    key: str | None  # field of the source; None: all records count for the Global
    relation: str | None
    far: Far | None = None
    lens: "Lens | None" = None  # of a view: what it shows of the records that count
    ends: tuple[
        Far, ...
    ] = ()  # of what leads to one record: the first end that is there; the source is the host

    @property
    def related(self) -> "Shape":
        """The class of the records that count."""
        return self.source if self.far is None else self.far.shape

    @property
    def shown(self) -> list[tuple["Shape", type[Record]]]:
        """The classes of what callbacks are shown of it, and what they take that for."""
        return [(end.shape, end.taken_for) for end in self.ends] or [(self.source, self.taken_for)]

    @property
    def title(self) -> str:
        """What counts, as people say it: the class, or the view of it."""
        if self.ends:
            return f"{self.host.name}.{self.relation}"
        return self.related.name if self.lens is None else self.lens.name

    @property
    def taken_for(self) -> type[Record]:
        """The class that callbacks take the records for."""
        return self.related.model if self.lens is None else self.lens.model
