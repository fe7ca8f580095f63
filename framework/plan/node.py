"""Nodes: the steps of propagation, each with what it reads and writes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from pydantic import TypeAdapter

from framework.computations.aggregate import Additive
from framework.computations.custom import Custom
from framework.computations.deadline import Deadline
from framework.computations.formula import Formula
from framework.computations.on_entry import OnEntry
from framework.computations.rule import Rule
from framework.computations.selective import Collect, Extreme, Recency
from framework.computations.sequence import Sequence
from framework.computations.statemachine import StateMachine, Transition
from framework.computations.triggers import LinkTrigger, Occasion, Trigger
from framework.model.columns import Structured
from framework.plan.given import Given
from framework.plan.lens import Lens, presence
from framework.plan.shape import Far, Kind, Route, Shape
from framework.plan.tally import Tally, tally_of


@dataclass(eq=False)
class Node:
    """One step of propagation. It runs at most once per transaction, after all that it reads."""

    name: str
    reads: frozenset[tuple[Shape, str | None]]  # (shape, None) is the existence of its records
    writes: frozenset[tuple[Shape, str | None]]
    given: Given | None = field(default=None, init=False)  # what its callbacks take beside their record
    height: int = field(default=0, init=False)
    position: int = field(default=0, init=False)
    bit: int = field(default=0, init=False)  # of its position
    parts: tuple["Node", ...] = field(default=(), init=False)  # the nodes that this one does at once
    waits: bool = field(default=False, init=False)  # it is in a circle: what it does comes when all else has
    tree: "TreeNode | None" = field(default=None, init=False)  # with which it goes along, level by level

    def with_given(self, given: Given | None) -> Self:
        """The node itself, which reads what its callbacks are given."""
        if given is not None:
            self.given = given
            self.reads |= given.reads
        return self


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

    @cached_property
    def tally(self) -> Tally:
        """What rows contribute to all states of the group, where callbacks take nothing else."""
        return tally_of((member.computation for member in self.members), self.route.source)

    def tally_with(self, parameters: Any) -> Tally:
        """`tally` where callbacks take parameters."""
        bound = (member.computation.with_parameters(parameters) for member in self.members)
        return tally_of(bound, self.route.source)


@dataclass(eq=False)
class GroupedNode(Node):
    """An additive property with one value for each key."""

    route: Route
    property: str | None  # None: of several classes, whose groups are added up
    computation: Additive[Any, Any]
    key: type  # of what `by` gives
    groups: str  # hidden column of the host: by key, how many records count, and their state


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
    relations: tuple[tuple[str, Route], ...]  # the relations to many that are read, by name
    records: tuple[tuple[str, tuple[Far, ...]], ...] = ()  # those to one: the first end that is there counts
    over: tuple[Route, ...] = ()  # the classes of which all records are read
    fields: frozenset[tuple[Shape, str]] = frozenset()  # of the records of relations, what is read


@dataclass(frozen=True, slots=True)
class LookupMember:
    """One property that is looked up."""

    property: str
    of: Callable[..., Any]
    reads: frozenset[tuple[Shape, str | None]]  # what is read of the records at the ends
    missing: Any = None  # what stands for nothing

    def value(self, record: Any, *given: Any) -> Any:
        """The property, from the record at the other end or None."""
        value = None if record is None else self.of(record, *given)
        return self.missing if value is None else value


@dataclass(eq=False)
class LookupNode(Node):
    """All properties of one host that are looked up through the same keys at the same height."""

    host: Shape
    ends: tuple[Far, ...]  # of what is merged several: the first that leads to a record counts
    members: tuple[LookupMember, ...]

    def __post_init__(self) -> None:
        self.keys = frozenset(end.key for end in self.ends)
        reads = frozenset[tuple[Shape, str | None]]().union(*(member.reads for member in self.members))
        self.sources = tuple(
            (end, frozenset(name for shape, name in reads if shape is end.shape and name))
            for end in self.ends
        )  # what is read at each end


@dataclass(eq=False)
class FormulaNode(Node):
    host: Shape
    property: str
    computation: Formula[Any]


@dataclass(frozen=True, slots=True)
class TriggerPlan:
    """A trigger of a machine with its route, and the transitions that it may cause."""

    trigger: Trigger
    route: Route  # from the record whose change it waits for, a link perhaps, to the machine's
    transitions: tuple[Transition[Any], ...]
    label: str
    declared: Route  # the route as people say it, to what is at the far end of a link

    @property
    def source(self) -> Shape:
        """The class of the records whose changes it waits for."""
        return self.route.source

    @property
    def wakes(self) -> set[tuple[Shape, str | None]]:
        """The changes after which the trigger may fire: a new record may come with the value of a fact."""
        field = self.trigger.field
        watched = {(self.source, field)}
        if self.trigger.occasion is Occasion.BECAME and field in self.source.facts:
            watched.add((self.source, None))
        if isinstance(self.trigger, LinkTrigger):
            watched |= {(self.source, None), (self.source, self.trigger.far_key)}
        key, lens = self.route.key, self.route.lens
        if self.trigger.occasion in (Occasion.ENTERED, Occasion.LEFT) and key is not None:
            watched.add((self.source, key))
        return watched | presence(self.source, lens) if lens else watched


@dataclass(frozen=True, slots=True)
class EntryPlan:
    """A value that is computed when a machine enters a state, and what it may be."""

    property: str
    computation: OnEntry[Any]
    adapter: TypeAdapter[Any]
    own: frozenset[tuple[Shape, str | None]]  # what is read of the record, beside the cause


@dataclass(frozen=True, slots=True)
class GuardPlan:
    """The guard of a transition: what it takes after the record, and what it reads."""

    guard: Callable[..., object]
    takes_cause: bool
    given: Given | None
    own: frozenset[tuple[Shape, str | None]]  # of the record
    of_cause: frozenset[tuple[Shape, str | None]]


@dataclass(eq=False)
class MachineNode(Node):
    host: Shape
    property: str
    machine: StateMachine[Any]
    triggers: tuple[TriggerPlan, ...]
    entries: Mapping[Any, tuple[EntryPlan, ...]]  # by state
    guards: Mapping[Transition[Any], GuardPlan]


@dataclass(eq=False)
class RuleNode(Node):
    rule: Rule[Any, Any]
    source: Shape
    targets: tuple[Shape, ...]
    fields: frozenset[str]  # fields of the source that are read
    key: str  # what the records that it makes are keyed by
    lens: Lens | None = None  # of a view: what it shows of the source

    @cached_property
    def made(self) -> Mapping[type, Shape]:
        """What the rule makes, by the classes of its records."""
        return {target.model: target for target in self.targets}

    def __post_init__(self) -> None:
        self.once = self.source.kind is Kind.EVENT
        """Whether what the rule made is never changed: calls, events, and all that comes from events."""


@dataclass(eq=False)
class ProgressNode(Node):
    """The five derived properties of a call class, from its integration events."""

    host: Shape
    source: Shape

    @cached_property
    def result_of(self) -> Callable[[Any], Any]:
        """Makes of what an event keeps the payload that the call class declares."""
        kind = self.host.table.c.result.type
        return kind.adapter.validator.validate_python if isinstance(kind, Structured) else lambda kept: kept


@dataclass(eq=False)
class TreeNode(Node):
    """The steps that go along a tree of records together, level by level: what climbs, and what is between.

    It runs when all that they read has settled, and before all that reads them.
    """

    shape: Shape
    key: str  # by which records name their parents
    may_go_round: bool  # through a machine, so that it need not end

    members: frozenset[Node] = field(default=frozenset(), init=False)
