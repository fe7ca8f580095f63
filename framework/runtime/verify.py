"""The oracle: everything recomputed from the facts, compared with what is stored."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from framework.errors import InvariantBroken
from framework.model.apicall import Standing
from framework.model.record import Record
from framework.plan.shape import (
    AdditiveNode,
    CollectNode,
    CustomNode,
    DeadlineNode,
    ExtremeNode,
    FormulaNode,
    Kind,
    LookupNode,
    MachineNode,
    Node,
    ProgressNode,
    RecencyNode,
    RuleNode,
    SequenceNode,
    Shape,
)
from framework.plan.view import view_of
from framework.runtime.engine import Engine
from framework.runtime.steps.progress import ORDER, after_event
from framework.runtime.steps.route import GLOBAL_ID
from framework.runtime.steps.rule import made
from framework.runtime.transaction import Transaction
from framework.runtime.work import DELETED, Work
from framework.storage.codec import Row
from framework.storage.tables import MADE_BY

Rows = dict[UUID, Row]


@dataclass(frozen=True)
class Difference:
    """A property whose stored value is not what the facts say, or a record that should (not) be there."""

    model: type[Record]
    id: UUID
    property: str
    stored: Any
    expected: Any

    def __str__(self) -> str:
        place = f"{self.model.__name__} {self.id}: {self.property}"
        return f"{place} is {self.stored!r}, should be {self.expected!r}"


def verify(engine: Engine) -> list[Difference]:
    """All differences, in order of height; none after any sequence of transactions.

    Reads all records into memory.
    """
    return engine.write(
        lambda transaction: _Recomputation(transaction.work, engine).differences(), snapshot=True
    )


def rebuild(engine: Engine) -> list[Difference]:
    """Write what the facts say wherever something else is stored; returns what was mended.

    Records that a rule should have made, or should not have, are reported and left to the operator.
    """

    def operation(transaction: Transaction) -> list[Difference]:
        found = _Recomputation(transaction.work, engine).differences()
        for difference in found:
            change = transaction.work.find(engine.plan.shape(difference.model), difference.id)
            if change is not None and difference.property in change.shape.model.__computed__.keys() | _hidden(
                change.shape
            ):
                _mend(transaction.work, change, difference)
        return found

    return engine.write(operation, snapshot=True)


def _hidden(shape: Shape) -> set[str]:
    return {hidden.name for hidden in shape.hidden}


def _mend(work: Work, change: Any, difference: Difference) -> None:
    if difference.property in change.shape.generated:
        return  # the database derives it from the states, which are reported too
    change.after_row[difference.property] = difference.expected
    change.dirty[difference.property] = None
    work._dirty[change] = None


class _Recomputation:
    """Rows as they are stored, and beside them what each node, lowest first, would have made of the facts."""

    def __init__(self, work: Work, engine: Engine) -> None:
        self.work = work
        self.engine = engine
        self.stored: dict[Shape, Rows] = {}
        self.expected: dict[Shape, Rows] = {}
        for shape, statements in work.statements.items():
            rows = [statements.codec.decode(values) for values in work.connection.rows(statements.everything)]
            self.stored[shape] = {row["id"]: row for row in rows}
            self.expected[shape] = {row["id"]: row.copy() for row in rows}
        self.found: list[Difference] = []

    def differences(self) -> list[Difference]:
        for node in self.engine.plan.nodes:
            for shape, id, property, value in self._expectations(node):
                row = self.expected[shape].get(id)
                if row is not None and row[property] != value:
                    self.found.append(Difference(shape.model, id, property, row[property], value))
                    row[property] = value
        return self.found

    def _expectations(self, node: Node) -> Iterator[tuple[Shape, UUID, str, Any]]:
        match node:
            case AdditiveNode():
                return self._additive(node)
            case ExtremeNode() | RecencyNode() | CollectNode():
                return self._selective(node)
            case DeadlineNode():
                return self._deadline(node)
            case SequenceNode():
                return self._sequence(node)
            case CustomNode():
                return self._custom(node)
            case LookupNode():
                return self._lookup(node)
            case FormulaNode():
                return self._formula(node)
            case MachineNode():
                return self._machine(node)
            case ProgressNode():
                return self._progress(node)
            case RuleNode():
                return self._rule(node)
            case _:
                raise InvariantBroken(problem=f"no oracle is known for {node!r}")

    def _views(self, shape: Shape) -> Iterator[tuple[Row, Any]]:
        for row in self.expected[shape].values():
            yield row, view_of(shape.view, row)

    def _additive(self, node: AdditiveNode) -> Iterator[tuple[Shape, UUID, str, Any]]:
        host, key = node.route.host, node.route.key
        for member in node.members:
            zero = (0,) * len(member.states)
            totals: dict[UUID, tuple[int, ...]] = dict.fromkeys(self.expected[host], zero)
            for row, record in self._views(node.route.source):
                id = GLOBAL_ID if key is None else row[key]
                if id in totals:
                    contribution = member.computation.contribution(record)
                    totals[id] = tuple(a + b for a, b in zip(totals[id], contribution, strict=True))
            for id, state in totals.items():
                for name, value in zip(member.states, state, strict=True):
                    yield host, id, name, value
                if member.property not in member.states:
                    yield host, id, member.property, member.computation.value(state)

    def _selective(
        self, node: ExtremeNode | RecencyNode | CollectNode
    ) -> Iterator[tuple[Shape, UUID, str, Any]]:
        host, key = node.route.host, node.route.key
        offers: dict[UUID, list[Any]] = defaultdict(list)
        for row, record in self._views(node.route.source):
            offer = node.computation.offer(record)
            yield (
                node.route.source,
                row["id"],
                node.offer,
                offer if isinstance(node, ExtremeNode) else offer is not None,
            )
            if offer is not None:
                offers[GLOBAL_ID if key is None else row[key]].append(offer)
        for id in self.expected[host]:
            yield host, id, node.property, _select(node, offers[id])

    def _deadline(self, node: DeadlineNode) -> Iterator[tuple[Shape, UUID, str, Any]]:
        """A deadline that is due and has not turned yet is not wrong: its timer has yet to run."""
        for row, record in list(self._views(node.host)):
            at = node.computation.at(record)
            waits = at is not None and row[node.turns_at] == at
            turned = at is not None and at <= self.work.now and not waits
            yield (
                node.host,
                row["id"],
                node.property,
                node.computation.after if turned else node.computation.before,
            )
            yield node.host, row["id"], node.turns_at, None if turned else at

    def _sequence(self, node: SequenceNode) -> Iterator[tuple[Shape, UUID, str, Any]]:
        """Numbers are given, not computed: each must be of its sequence, and given once in its scope."""
        given: dict[tuple[str, int], UUID] = {}
        computation = node.computation
        for id, row in self.expected[node.host].items():
            number = row[node.property]
            place = (row[node.scope], number)
            if number is None or (number - computation.start) % computation.step or place in given:
                self.found.append(
                    Difference(node.host.model, id, node.property, number, "a number of its own")
                )
            given[place] = id
        return iter(())

    def _custom(self, node: CustomNode) -> Iterator[tuple[Shape, UUID, str, Any]]:
        for id, row in list(self.expected[node.host].items()):
            lists = {
                name: [
                    view_of(route.source.view, one)
                    for one in self.expected[route.source].values()
                    if one[route.key or ""] == id
                ]
                for name, route in node.relations
            }
            yield node.host, id, node.property, node.computation.compute(view_of(node.host.view, row | lists))

    def _lookup(self, node: LookupNode) -> Iterator[tuple[Shape, UUID, str, Any]]:
        for id, row in self.expected[node.host].items():
            target = self.expected[node.source].get(row[node.key])
            value = None if target is None else node.computation.of(view_of(node.source.view, target))
            yield node.host, id, node.property, value

    def _formula(self, node: FormulaNode) -> Iterator[tuple[Shape, UUID, str, Any]]:
        for row, record in list(self._views(node.host)):
            yield node.host, row["id"], node.property, node.computation.of(record)

    def _machine(self, node: MachineNode) -> Iterator[tuple[Shape, UUID, str, Any]]:
        """Replay what was written down: each move must start where the last one ended."""
        states = dict.fromkeys(self.expected[node.host], node.machine.initial)
        kind = type(node.machine.initial)
        legal = {(t.source, t.target, plan.label) for plan in node.triggers for t in plan.transitions}
        for id, trigger, source, target in self.work.database.bookkeeping.moves_of(
            self.work.connection, node.name
        ):
            if id not in states or target is None:
                continue
            if trigger == DELETED:
                states[id] = node.machine.initial
                continue
            if kind(source) != states[id] or (kind(source), kind(target), trigger) not in legal:
                self.found.append(
                    Difference(
                        node.host.model, id, node.property, f"{source} -> {target} by {trigger}", states[id]
                    )
                )
                continue
            states[id] = kind(target)
        yield from ((node.host, id, node.property, state) for id, state in states.items())

    def _progress(self, node: ProgressNode) -> Iterator[tuple[Shape, UUID, str, Any]]:
        """Fold the applied events of each call: each moved it a step up, so their kinds are their order."""
        names = [name for shape, name in node.writes if shape is node.host and name]
        calls = {
            id: {name: node.host.model.__computed__[name].initial for name in names}
            for id in self.expected[node.host]
        }
        events = sorted(self._views(node.source), key=lambda pair: ORDER[pair[0]["kind"]])
        for _, event in events:
            if (
                event.call_type == node.host.name
                and event.standing is Standing.APPLIED
                and event.call_id in calls
            ):
                calls[event.call_id] |= after_event(node, calls[event.call_id], event)
        for id, values in calls.items():
            for name, value in values.items():
                yield node.host, id, name, value

    def _rule(self, node: RuleNode) -> Iterator[tuple[Shape, UUID, str, Any]]:
        """What the rule returns for each source must be there; of what may change, with these facts."""
        existing = {
            row[MADE_BY]: (shape, row)
            for shape in node.targets
            for row in self.expected[shape].values()
            if row[MADE_BY]
        }
        for row, record in list(self._views(node.source)):
            for position, target in enumerate(made(node, record)):
                key = f"{node.rule.key}:{row['id'].hex}:{position}"
                found = existing.pop(key, None)
                shape = self.engine.plan.shapes[type(target)]
                if found is None:
                    if not (
                        node.once and shape.kind is Kind.ENTITY
                    ):  # an entity from an event may be deleted later
                        self.found.append(Difference(shape.model, target.id, "existence", "missing", key))
                elif shape.kind is Kind.ENTITY and not node.once:
                    facts = self.engine.doors[shape].facts(
                        {name: target.__dict__[name] for name in shape.facts}
                    )
                    for name in target.__pydantic_fields_set__ - {"id"}:
                        yield shape, found[1]["id"], name, facts[name]
        for key, (shape, row) in existing.items():
            if key.startswith(f"{node.rule.key}:") and shape.kind is Kind.ENTITY and not node.once:
                self.found.append(
                    Difference(shape.model, row["id"], "existence", "present", f"no source for {key}")
                )


def _select(node: ExtremeNode | RecencyNode | CollectNode, offers: list[Any]) -> Any:
    if isinstance(node, CollectNode):
        return offers[::-1][: node.computation.limit]
    if not offers:
        return None
    if isinstance(node, RecencyNode):
        return offers[-1] if node.computation.newest else offers[0]
    return max(offers) if node.computation.descending else min(offers)
