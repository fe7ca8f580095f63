"""The plan: the immutable graph that all declarations compile into."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from framework.model.record import Record, is_filtered
from framework.plan.activities import ActivityPlan, take_activities
from framework.plan.behind import Behind
from framework.plan.builders.additive import merge_additive
from framework.plan.builders.lookup import merge_lookups
from framework.plan.collect import collect
from framework.plan.deadlines import Clocks, clocks_of
from framework.plan.erasures import check_erasures
from framework.plan.guards import take_guard
from framework.plan.heights import give_heights
from framework.plan.lens import Lens
from framework.plan.mistakes import NoRecordClass, UndeclaredRecord
from framework.plan.node import (
    AdditiveNode,
    CollectNode,
    ExtremeNode,
    GroupedNode,
    LookupNode,
    MachineNode,
    Node,
    ProgressNode,
    RecencyNode,
    TreeNode,
)
from framework.plan.nodes import computation_nodes
from framework.plan.parameters import tell_parameters
from framework.plan.policies import take_policies
from framework.plan.renames import check_renames
from framework.plan.retentions import RetentionPlan, take_retentions
from framework.plan.rules import rule_nodes
from framework.plan.shape import Kind, Shape
from framework.plan.shapes import shapes_of
from framework.plan.tableless import with_table
from framework.plan.views import view_nodes


@dataclass(frozen=True)
class Plan:
    """All record classes of an App, and the steps that keep their properties true, in order of height."""

    shapes: Mapping[type[Record], Shape]
    nodes: tuple[Node, ...]
    activities: tuple[ActivityPlan, ...] = ()
    retentions: tuple[RetentionPlan, ...] = ()
    deadlines: tuple[Clocks, ...] = ()
    tenanted: bool = False  # each record belongs to a tenant

    @cached_property
    def by_table(self) -> Mapping[Any, Shape]:
        """The classes by their tables, as they are declared."""
        return {shape.table: shape for shape in self.shapes.values()}

    def shape(self, model: type[Record], place: str = "This") -> Shape:
        """What is known about a record class, of a view about the class it is a part of; raises
        UndeclaredRecord if it is not part of the App.
        """
        if not isinstance(model, type):
            raise NoRecordClass(thing=model)
        shape, _ = self.home(model)
        if shape is None:
            raise UndeclaredRecord(place=place, model=getattr(model, "__name__", repr(model)))
        return shape

    def home(self, model: type[Any]) -> tuple[Shape | None, Lens | None]:
        """Where the records of a class are kept, and how they are seen, if it is a view; None: nowhere."""
        shape = self.shapes.get(model)
        if shape is None and is_filtered(model):
            for one in self.shapes.values():
                if model in one.views and issubclass(model, one.model):
                    return one, one.views[model]
        return shape, None

    def column_of_members(self, view: type[Record]) -> str:
        """The column that says who is a member of a view; raises UndeclaredRecord."""
        _, lens = self.home(view)
        if lens is None:
            raise UndeclaredRecord(place="This criterion", model=view.__name__)
        return lens.column

    @cached_property
    def behind(self) -> Behind:
        """The steps on which it depends what a property is."""
        return Behind(self.nodes)

    def of_kind(self, kind: Kind) -> list[Shape]:
        return [shape for shape in self.shapes.values() if shape.kind is kind]

    def named(self, name: str) -> Shape:
        """The shape of a class by its name; raises UndeclaredRecord."""
        for shape in self.shapes.values():
            if shape.name == name:
                return shape
        raise UndeclaredRecord(place="This", model=name)


def compile_plan(modules: Iterable[object], *, strict_reads: bool = False, tenanted: bool = False) -> Plan:
    """Compile declarations. With `strict_reads`, callbacks are held to the reads that they declare.

    1. Collect the classes and rules.
    2. Resolve tables, references and relations.
    3. Make a node of each view, each computed property and each rule, with what it reads and writes.
    4. Give heights; a circle has none.
    5. Merge what moves together, and tell each field who reads it.
    """
    declarations = collect(modules)
    shapes = shapes_of(declarations.models, declarations.filtered)
    nodes: list[Node] = [
        *view_nodes(shapes, declarations.filtered, strict_reads=strict_reads),
        *computation_nodes(shapes, strict_reads=strict_reads),
        *rule_nodes(shapes, declarations.rules, strict_reads=strict_reads),
    ]
    check_erasures(nodes)
    check_renames(shapes.values())
    nodes += give_heights(nodes)
    ordered = in_order(merge_lookups(merge_additive(nodes)))
    for position, node in enumerate(ordered):
        node.position, node.bit = position, 1 << position
    for node in ordered:
        if isinstance(node, TreeNode):
            node.members = frozenset(one for one in ordered if one.tree is node)
    _tell_readers(shapes.values(), ordered)
    tell_parameters(ordered)
    for guard in declarations.guards:
        take_guard(with_table(shapes, guard.event, f"the guard {guard.condition.name}"), guard)
    take_policies(shapes, declarations.policies)
    activities = take_activities(shapes, declarations.activities)
    retentions = take_retentions(shapes, declarations.retentions)
    deadlines = clocks_of(ordered, wakes)
    return Plan(MappingProxyType(shapes), tuple(ordered), activities, retentions, deadlines, tenanted)


def in_order(nodes: Sequence[Node]) -> list[Node]:
    """By height; but what concerns Globals alone comes last, because every transaction wants their rows."""
    last: set[Node] = set()
    for node in sorted(nodes, key=lambda node: -node.height):
        is_global = node.writes and all(shape.kind is Kind.GLOBAL for shape, _ in node.writes)
        if is_global and all(other in last for other in nodes if other.reads & node.writes):
            last.add(node)
    return sorted(nodes, key=lambda node: (node in last, node.height))


def _tell_readers(shapes: Iterable[Shape], nodes: Sequence[Node]) -> None:
    readers: dict[tuple[Shape, str | None], dict[Node, None]] = defaultdict(dict)
    for node in nodes:
        for read in wakes(node):
            readers[read][node] = None
    for shape in shapes:
        shape.machines = tuple(one for one in nodes if isinstance(one, MachineNode) and one.host is shape)
        shape.watchers = tuple(readers[shape, None])
        for name in (*shape.fields, *shape.inner):
            if readers[shape, name]:
                shape.readers[name] = tuple(readers[shape, name])
    for node in nodes:
        if isinstance(node, AdditiveNode):
            node.readers = tuple(dict.fromkeys(one for written in node.writes for one in readers[written]))


def wakes(node: Node) -> frozenset[tuple[Shape, str | None]]:
    """The changes after which a node has something to do: less than it reads, and the foreign keys of its
    routes.

    A host that comes to be needs no step of its own: what counts for it comes to be, or moves, after it.
    """
    given = node.given.reads if node.given else frozenset()
    return _own_wakes(node) | given


def _own_wakes(node: Node) -> frozenset[tuple[Shape, str | None]]:
    match node:
        case AdditiveNode() | GroupedNode() | ExtremeNode() | RecencyNode() | CollectNode():
            route = node.route
            own = {(route.source, None)} | ({(route.source, route.key)} if route.key else set())
            return frozenset({read for read in node.reads if read[0] is route.source} | own)
        case MachineNode():
            return frozenset(read for one in node.triggers for read in one.wakes)
        case LookupNode():
            return frozenset(read for read in node.reads if read[1] is not None or read[0] is node.host)
        case ProgressNode():
            return frozenset({(node.source, None), (node.source, "call_id")})
        case _:
            return node.reads


__all__ = ["Plan", "compile_plan", "wakes"]
