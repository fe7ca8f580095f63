"""Explain: why a property has its value, from its inputs back to the rule and the event."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from framework.computations.triggers import OneTrigger
from framework.model.apicall import IntegrationEvent
from framework.model.entity import GLOBAL_ID
from framework.model.record import Record
from framework.plan.activities import ActivityPlan
from framework.plan.given import Given
from framework.plan.mistakes import UnknownRead
from framework.plan.node import (
    AdditiveNode,
    CollectNode,
    CustomNode,
    DeadlineNode,
    ExtremeNode,
    FormulaNode,
    GroupedNode,
    LookupNode,
    MachineNode,
    Node,
    ProgressNode,
    RecencyNode,
    SequenceNode,
)
from framework.plan.parameters import givens_of
from framework.plan.plan import Plan
from framework.plan.reading import Read
from framework.plan.shape import Far, Route, Shape
from framework.plan.view import view_of
from framework.runtime.activities import state_of
from framework.runtime.errors import NoSuchRecord
from framework.runtime.partakers import (
    AGGREGATES,
    SELECTIONS,
    Aggregating,
    Found,
    Partakers,
    Stored,
    partakers_of,
)
from framework.runtime.steps.ends import record_at
from framework.storage.codec import Row
from framework.storage.database import Connection, Database
from framework.storage.tables import MADE_BY

_MOST = 20
_MOST_IN_ALL = 500


@dataclass(frozen=True)
class Explanation:
    """Why `model.property` of the record `id` is `value`.

    `because` says it in words; `inputs` are what the value was made from, each explained by name, id and the
    values that were read (at most 20; `more` counts the rest), and where it was asked for by why those are
    what they are. Of an aggregate they are the records that count, or that it selected.
    """

    model: type[Record]
    id: UUID
    property: str
    value: Any
    because: str
    inputs: tuple["Input", ...] = ()
    more: int = 0

    def __str__(self) -> str:
        lines = [
            f"{self.model.__name__} {self.id}: {self.property} is {self.value!r}",
            f"  because {self.because}",
        ]
        for one in self.inputs:
            lines.append(f"  - {one}")
            lines += [f"    {line}" for further in one.because for line in str(further).splitlines()]
        return "\n".join([*lines, f"  - and {self.more} more"] if self.more else lines)


@dataclass(frozen=True)
class Input:
    """One record, or one move, that a value was made from, and why the values are what they are."""

    what: str
    id: UUID
    values: dict[str, Any] = field(default_factory=dict)
    because: tuple[Explanation, ...] = ()
    source: Shape | None = field(default=None, repr=False, compare=False)
    fields: tuple[str, ...] = field(default=(), repr=False, compare=False)  # the properties that were read

    def __str__(self) -> str:
        return f"{self.what} {self.id}" + "".join(
            f", {name} = {value!r}" for name, value in self.values.items()
        )


def explain(
    plan: Plan, database: Database, model: type[Record], id: UUID, property: str, depth: int = 1
) -> Explanation:
    """Why the property has its value; raises NoSuchRecord, or UnknownRead for an unknown property."""
    shape, (_, lens) = plan.shape(model), plan.home(model)
    for activity in shape.activities:
        if activity.name == property and activity.opening is shape:
            return _of_activity(plan, database, activity, id)
    if property not in shape.fields:
        raise UnknownRead(place="explain", model=shape.name, field=property, fields=", ".join(shape.fields))
    with database.reading() as connection:
        reader = _Reader(plan, database, connection)
        rows = reader.where(shape, "id", id)
        if not rows or (lens is not None and lens.see(rows[0]) is None):
            raise NoSuchRecord(model=model.__name__, id=id)
        return reader.explained(shape, rows[0], property, depth)


def _of_activity(plan: Plan, database: Database, activity: ActivityPlan, id: UUID) -> Explanation:
    state = state_of(plan, database, activity.activity, id)
    routes = {activity.opening: "id", **activity.keys}
    with database.reading() as connection:
        reader = _Reader(plan, database, connection)
        inputs = tuple(
            Input(shape.name, row["id"], {"at": row["at"].isoformat()})
            for shape in (plan.shape(event) for event in state.happened)
            for row in reader.where(shape, routes[shape], id)
        )
    happened = tuple(event.__name__ for event in state.happened)
    return Explanation(activity.opening.model, id, activity.name, happened, str(state), inputs)


class _Inputs(list[Input]):
    """Inputs, and how many more there are."""

    more = 0


class _Reader(Stored):
    """Finds the reasons in the database."""

    def __init__(self, plan: Plan, database: Database, connection: Connection) -> None:
        super().__init__(database, connection)
        self.plan = plan
        self._explained: set[tuple[Shape, UUID, str]] = set()

    def explained(self, shape: Shape, row: Row, property: str, depth: int) -> Explanation:
        """Why the property has its value, and at a depth why its inputs have theirs: each once."""
        self._explained.add((shape, row["id"], property))
        because, found = self.reasons(shape, row, property)
        inputs = tuple(
            replace(one, because=self._below(one, depth - 1)) if depth > 1 else one for one in found[:_MOST]
        )
        more = found.more + len(found) - len(inputs)
        return Explanation(shape.model, row["id"], property, row[property], because, inputs, more)

    def _below(self, given: Input, depth: int) -> tuple[Explanation, ...]:
        shape = given.source
        rows = [] if shape is None else self.where(shape, "id", given.id)
        return tuple(
            self.explained(shape, row, name, depth)
            for row in rows
            for name in given.fields
            if shape is not None
            and (shape, given.id, name) not in self._explained
            and len(self._explained) < _MOST_IN_ALL
        )

    def reasons(self, shape: Shape, row: Row, property: str) -> tuple[str, _Inputs]:
        nodes = self._makers(shape, property)
        because, found = self._own_reasons(nodes, shape, row, property)
        given = dict.fromkeys(
            parameters for node in nodes for one in self._carrying(node) for parameters in givens_of(one)
        )
        inputs = _Inputs([*found, *(one for parameters in given for one in self._parameters(parameters))])
        inputs.more = getattr(found, "more", 0)
        return because, inputs

    def _carrying(self, node: Node) -> Iterator[Node]:
        """The node itself, and those of what links carry for it."""
        yield node
        inner = {(shape, name) for shape, name in node.reads if name in shape.inner}
        yield from (one for one in self.plan.nodes if one.writes & inner)

    def _parameters(self, given: Given) -> list[Input]:
        return [_input(given.shape, row, given.fields) for row in self.where(given.shape, "id", GLOBAL_ID)]

    def _own_reasons(
        self, nodes: list[Node], shape: Shape, row: Row, property: str
    ) -> tuple[str, list[Input]]:
        match node := nodes[0] if nodes else None:
            case AdditiveNode() | GroupedNode() | ExtremeNode() | RecencyNode() | CollectNode():
                return self._aggregate([one for one in nodes if isinstance(one, AGGREGATES)], row, property)
            case LookupNode():
                keys = " or ".join(end.key for end in node.ends)
                return f"it is looked up through {keys}", self._at_ends(
                    node.ends, _looked_up(node, property), row
                )
            case FormulaNode():
                return "it is a formula of its own row", [_input(shape, row, _fields(node, shape))]
            case CustomNode():
                return self._custom(node, shape, row)
            case DeadlineNode():
                return self._deadline(node, shape, row)
            case SequenceNode():
                scope = frozenset(node.computation.per)
                return "it was the next number of its scope when the record came to be", [
                    _input(shape, row, scope)
                ]
            case MachineNode() if property != node.property:
                return self._entry(node, row, property)
            case MachineNode():
                return self._machine(node, row)
            case ProgressNode():
                return self._progress(node, row)
            case _:
                return self._fact(shape, row)

    def _makers(self, shape: Shape, property: str) -> list[Node]:
        """The nodes that make a property, without what they make of others at once; of what is merged, those
        that select in each class.
        """
        nodes = self._makers_of({(shape, property)})
        parts = {
            (shape, name)
            for node in nodes
            if isinstance(node, FormulaNode)
            for source, name in node.reads
            if source is shape and name in shape.inner
        }
        return self._makers_of(parts) or nodes

    def _makers_of(self, properties: set[tuple[Shape, str]]) -> list[Node]:
        return [
            one
            for node in self.plan.nodes
            for one in node.parts or (node,)
            if not properties.isdisjoint(one.writes)
        ]

    def _aggregate(self, nodes: Sequence[Aggregating], row: Row, property: str) -> tuple[str, _Inputs]:
        name = type(nodes[0].route.host.model.__computed__[property]).__name__
        found = partakers_of(nodes, row, property, self, _MOST)
        inputs = _Inputs(_input(one.node.route.related, one.row, self._read(one.node)) for one in found.shown)
        inputs.more = 0 if isinstance(nodes[0], SELECTIONS) else found.taking - len(inputs)
        return f"it is the {name} over {_counted(found)}", inputs

    def _read(self, node: Aggregating) -> frozenset[str]:
        """What an aggregate reads of the records."""
        fields = _fields(node, node.route.related)
        return fields if node.route.far is None else fields | self._carried(node.route, node)

    def _custom(self, node: CustomNode, shape: Shape, row: Row) -> tuple[str, _Inputs]:
        inputs = _Inputs([_input(shape, row, _fields(node, shape))])
        for route in (*(route for _, route in node.relations), *node.over):
            for _, related in self.related(route, row["id"]):
                if route.lens is not None and not related[route.lens.column]:
                    continue
                if len(inputs) < _MOST:
                    inputs.append(_input(route.related, related, _fields(node, route.related)))
                else:
                    inputs.more += 1
        for _, ends in node.records:
            inputs += self._at_ends(ends, node.reads, row)
        if node.over:
            titles = _listed(route.title for route in node.over)
            return f"it is computed from all records of {titles}", inputs
        return "it is computed from its own row and related records", inputs

    def _deadline(self, node: DeadlineNode, shape: Shape, row: Row) -> tuple[str, list[Input]]:
        own, moment = _input(shape, row, _fields(node, shape)), row[node.turns_at]
        if moment is not None:
            return f"its moment, {moment.isoformat()}, has not come", [own]
        is_turned = row[node.property] == node.computation.after
        return "its moment has come" if is_turned else "it has no moment", [own]

    def _carried(self, route: Route, node: Node) -> frozenset[str]:
        """The fields of the records at the far ends that a computation over links reads."""
        found = {
            field
            for other in self.plan.nodes
            if isinstance(other, LookupNode) and other.host is route.source
            for member in other.members
            if (other.host, member.property) in node.reads
            for _, field in member.reads
            if field
        }
        return frozenset(found)

    def _at_ends(self, ends: Sequence[Far], reads: frozenset[Read], row: Row) -> list[Input]:
        """The record at the first end that leads to one, with what is read of it."""

        def at(end: Far, id: UUID) -> Any:
            found = self.where(end.shape, "id", id)
            return view_of(end.shape.view, found[0]) if found else None

        for end in ends:
            record = record_at((end,), row, at)
            if record is not None:
                return [_input(end.shape, vars(record), _read_of(end.shape, reads))]
        return []

    def _machine(self, node: MachineNode, row: Row) -> tuple[str, list[Input]]:
        inputs = [
            self._move(node, f"{trigger}: {f'{source} -> {target}' if target else f'stays {source}'}", *rest)
            for trigger, source, target, *rest in self._moves(node, row)
        ]
        return f"it started as {str(node.machine.initial)!r} and was moved by {len(inputs)} triggers", inputs

    def _entry(self, node: MachineNode, row: Row, property: str) -> tuple[str, list[Input]]:
        state = next(
            state for state, plans in node.entries.items() if any(plan.property == property for plan in plans)
        )
        entries = [move for move in self._moves(node, row) if move[2] == str(state)]
        if not entries:
            return f"{node.name} has not entered {str(state)!r} yet", []
        trigger, source, target, *rest = entries[-1]
        because = f"it was computed when {node.name} last entered {str(state)!r}"
        return because, [self._move(node, f"{trigger}: {source} -> {target}", *rest)]

    def _moves(self, node: MachineNode, row: Row) -> list[tuple[Any, ...]]:
        moves = self.database.bookkeeping.moves_to(self.connection, node.name, row["id"])
        return [(trigger, source, target, trigger, cause, at) for trigger, cause, source, target, at in moves]

    def _move(self, node: MachineNode, what: str, trigger: str, cause: UUID, at: datetime) -> Input:
        plan = next((plan for plan in node.triggers if plan.label == trigger), None)
        if plan is None:
            return Input(f"{what}, caused by", cause, {"at": at.isoformat()})
        declared = plan.trigger.declared if isinstance(plan.trigger, OneTrigger) else plan.trigger
        source = self._at_one_end(plan.route, cause) if plan.route.ends else plan.source
        fields = (declared.field if declared.field in source.fields else "id",)
        return Input(f"{what}, caused by", cause, {"at": at.isoformat()}, source=source, fields=fields)

    def _at_one_end(self, route: Route, id: UUID) -> Shape:
        """The class of the record with this id, of those that what leads to one record may lead to."""
        shapes = [end.shape for end in route.ends]
        there = (shape for shape in shapes[1:] if self.where(shape, "id", id))
        return next(there, shapes[0])

    def _progress(self, node: ProgressNode, row: Row) -> tuple[str, list[Input]]:
        events = self.where(self.plan.shapes[IntegrationEvent], "call_id", row["id"])
        shown = ("kind", "source", "standing", "external_id", "code", "detail")
        inputs = [
            Input(
                f"IntegrationEvent at {one['at'].isoformat()}",
                one["id"],
                {name: str(one[name]) for name in shown if one[name]},
            )
            for one in sorted(events, key=lambda event: event["id"])
        ]
        return f"it is derived from {len(inputs)} integration events", inputs

    def _fact(self, shape: Shape, row: Row) -> tuple[str, list[Input]]:
        made_by = row.get(MADE_BY)
        if made_by is None:
            actor = f" by {row['_actor']}" if row.get("_actor") else ""
            return f"it is a fact, given{actor} from outside", []
        key, source, _ = made_by.rsplit(":", 2)
        maker = next(node for node in shape.makers if node.key == key)
        rows = self.where(maker.source, "id", UUID(hex=source))
        reads = maker.fields or frozenset(maker.source.facts)
        return f"the rule {maker.rule.name} made it from", [_input(maker.source, one, reads) for one in rows]


def _looked_up(node: LookupNode, property: str) -> frozenset[Read]:
    return next(member.reads for member in node.members if member.property == property)


def _fields(node: Node, shape: Shape) -> frozenset[str]:
    return _read_of(shape, node.reads)


def _read_of(shape: Shape, reads: frozenset[Read]) -> frozenset[str]:
    return frozenset(name for source, name in reads if source is shape and name and name not in shape.inner)


def _counted(partakers: Partakers) -> str:
    """How many records of which classes count, and by which way they are found."""
    if partakers.found[0].route.key is None:
        some = partakers.taking != partakers.there
        many = f"{partakers.taking} of all {partakers.there}" if some else "all"
        return f"{many} records of {_listed(one.route.title for one in partakers.found)}"
    return _listed(
        f"{_share(one)} records of {one.route.title}, by {_way(one.route)}" for one in partakers.found
    )


def _share(found: Found) -> str:
    return str(found.there) if found.taking == found.there else f"{found.taking} of {found.there}"


def _way(route: Route) -> str:
    return f"{route.source.title}.{route.key}" if route.far else f"{route.key}"


def _listed(things: Iterable[str]) -> str:
    return " and ".join(things)


def _input(shape: Shape, row: Row, fields: Iterable[str]) -> Input:
    names = sorted(fields)
    read = tuple(name for name in names if name in shape.fields and name != "id")
    return Input(shape.name, row["id"], {name: row[name] for name in names}, source=shape, fields=read)
