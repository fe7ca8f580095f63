"""Anything pure: computed from the whole, or stepped from the last value by each related record that
changed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from framework.plan.node import CustomNode
from framework.plan.shape import Route
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.parameters import bound_to, has_changed
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.steps.ends import record_at, record_in
from framework.runtime.steps.related import moved, related, related_in
from framework.runtime.sweep import claimed, found, seen, seen_among, untouched
from framework.runtime.work import Work
from framework.storage.codec import Row


def step(node: CustomNode, work: Work) -> None:
    """Bring the property of every record up to date that changed itself, or whose related records changed;
    of every record, if a parameter did.
    """
    compute = bound_to(work, node.computation, node.given).compute
    if has_changed(work, node.given):
        _bring_everybody(node, work, compute)
        return
    own = {change.id: change for change in work.changes(node.host) if change.after_row is not None}
    for change in _pointing(node, work):
        own.setdefault(change.id, change)
    others: dict[UUID, list[tuple[Any, Any]]] = {}
    for route in _routes(node):
        for id, went, came in moved(route, work):
            others.setdefault(id, []).append((went, came))
    work.find_in_order(node.host, others)
    stepping = _stepping(node, work)
    for id in dict.fromkeys((*own, *others)):
        host = own.get(id) or work.find(node.host, id)
        if host is not None and host.after_row is not None:
            if stepping is not None and _is_as_it_was(node, work, host):
                value = host.after_row[node.property]
                for went, came in others.get(id, []):
                    value = stepping(value, went, came)
            else:
                (value,) = _computed(node, work, compute, [host.after_row])
            work.set(host, node.property, value)


def expected(node: CustomNode, facts: Recomputation) -> Iterator[Expectation]:
    """What the facts say."""
    compute = facts.bound(node.computation, node.given).compute
    everything = _in_order(one for route in node.over for _, one in facts.views(route.source, route.lens))
    related = [(name, related_in(route, facts)) for name, route in node.relations]
    for id, row in list(facts.expected[node.host].items()):
        parts: dict[str, Any] = {}
        for name, records in related:
            parts[name] = _in_order([*parts.get(name, ()), *records[id]])
        for name, ends in node.records:
            parts[name] = record_in(ends, row, facts)
        record = view_of(node.host.view, row | parts)
        value = compute(record, everything) if node.over else compute(record)
        yield node.host, id, node.property, value


def _bring_everybody(node: CustomNode, work: Work, compute: Callable[..., Any]) -> None:
    """First those at which the transaction has not looked: who computes looks at others of the class."""
    done: set[Change] = set()
    for rows in untouched(work, node.host):
        values = _computed(node, work, compute, rows)
        stale = [row for row, value in zip(rows, values, strict=True) if row[node.property] != value]
        changes = claimed(work, node.host, stale)
        _bring(node, work, compute, changes)
        done.update(changes)
    _bring(node, work, compute, [change for change in work.changes(node.host) if change not in done])


def _bring(node: CustomNode, work: Work, compute: Callable[..., Any], changes: Sequence[Change]) -> None:
    there = [(change, change.after_row) for change in changes if change.after_row is not None]
    values = _computed(node, work, compute, [row for _, row in there])
    for (change, _), value in zip(there, values, strict=True):
        work.set(change, node.property, value)


def _routes(node: CustomNode) -> list[Route]:
    return [*(route for _, route in node.relations), *node.over]


def _pointing(node: CustomNode, work: Work) -> Iterator[Change]:
    """The records that point to one that changed in what is read of it."""
    for end in (end for _, ends in node.records for end in ends):
        fields = frozenset(name for shape, name in node.fields if shape is end.shape)
        for change in work.changes(end.shape):
            if change.before_row is not None and change.after_row is not None and change.differs(fields):
                yield from work.where(node.host, end.key, change.id)


def _stepping(node: CustomNode, work: Work) -> Callable[[Any, Any, Any], Any] | None:
    """The step with what it is given, if the value can be stepped at all."""
    step = node.computation.step
    names = {*(name for name, _ in node.relations), *(["over"] if node.over else [])}
    if step is None or len(names) != 1 or node.records:
        return None
    if node.given is None:
        return step
    parameters = work.parameters.now(node.given)
    return lambda value, before, after: step(value, before, after, parameters)


def _is_as_it_was(node: CustomNode, work: Work, host: Change) -> bool:
    """Whether the record was there, and has not changed in what is read of itself."""
    fields = frozenset(name for shape, name in node.reads if shape is node.host and name)
    return host.before_row is not None and not host.differs(fields)


def _computed(node: CustomNode, work: Work, compute: Callable[..., Any], rows: Sequence[Row]) -> list[Any]:
    """The values of some records, with those that they are related to."""
    parts: dict[str, Any] = {}
    for name, route in node.relations:
        here = _related(work, route, [row["id"] for row in rows])
        there = parts.setdefault(name, {})
        for row in rows:
            there[row["id"]] = _in_order([*there.get(row["id"], ()), *here[row["id"]]])
    far: dict[str, Mapping[UUID, Any]] = {}  # by key
    for end in (end for _, ends in node.records for end in ends):
        ids = {row[end.key] for row in rows} - {None}
        far[end.key] = {one.id: one.after for one in found(work, end.shape, sorted(ids))}
    everything = []
    if node.over and rows:
        found_all = (one for route in node.over for one in _shown(route, seen(work, route.source)))
        everything = [_in_order(found_all)]
    values = []
    for row in rows:
        lists = {name: parts[name][row["id"]] for name, _ in node.relations}
        records = {
            name: record_at(ends, row, lambda end, id: far[end.key].get(id)) for name, ends in node.records
        }
        values.append(compute(view_of(node.host.view, row | lists | records), *everything))
    return values


def _related(work: Work, route: Route, hosts: Sequence[UUID]) -> Mapping[UUID, list[Any]]:
    """The records of a relation by their host."""
    if route.far is not None or len(hosts) == 1:
        return {host: related(route, work, host) for host in hosts}
    assert route.key is not None, "a relation is joined by a foreign key"
    found = seen_among(work, route.source, route.key, hosts)
    return {host: _shown(route, records) for host, records in found.items()}


def _in_order(records: Iterable[Any]) -> list[Any]:
    """By id, which is the order of their making, so that code to which the order matters always says the
    same.
    """
    return sorted(records, key=lambda record: record.id.int)


def _shown(route: Route, records: list[Any]) -> list[Any]:
    return records if route.lens is None else route.lens.members(records)
