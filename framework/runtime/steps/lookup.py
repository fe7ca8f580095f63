"""Values through a to-one relation: read when the link changes, fanned out when the far record changes."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from framework.plan.node import LookupNode
from framework.plan.shape import Far
from framework.runtime.change import Change
from framework.runtime.parameters import given_to, has_changed
from framework.runtime.put_off import go_along
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.steps.ends import record_at, record_in
from framework.runtime.sweep import claimed, seen_among, untouched
from framework.runtime.work import Work


def step(node: LookupNode, work: Work) -> None:
    """Bring the properties of every record up to date whose link, or whose far record, changed; of every
    record, if a parameter did: first of those at which the transaction has not looked, because who reads a
    far record looks at it.
    """
    if node.waits:
        go_along(work, node)
        return
    everybody = has_changed(work, node.given)
    done = _bring_untouched(node, work) if everybody else set()
    for end, sources in node.sources:
        for target in work.changes(end.shape):
            if target.before_row is not None and target.after_row is not None and target.differs(sources):
                for change in work.where(node.host, end.key, target.id):
                    _bring(node, work, change)
    for change in work.changes(node.host):
        if change.after_row is None or change in done:
            continue
        if everybody or change.differs(node.keys):
            _bring(node, work, change)


def descend(node: LookupNode, seen_by: Work, work: Work) -> None:
    """Bring the children up to date whose parent changed on the last level, or is another one; everybody, if
    a parameter changed: also those at which this level has looked, for others or to find who is above.
    """
    (end, sources), stale = node.sources[0], dict[UUID, None]()
    if has_changed(seen_by, node.given):
        done = _bring_untouched(node, work)
        stale |= dict.fromkeys(change.id for change in work.changes(node.host) if change not in done)
    for change in seen_by.changes(node.host):
        if change.after_row is not None and change.differs(node.keys):
            stale[change.id] = None
        if change.before_row is not None and change.after_row is not None and change.differs(sources):
            stale |= dict.fromkeys(one.id for one in work.where(node.host, end.key, change.id))
    for id in sorted(stale):
        found = work.find(node.host, id)
        if found is not None:
            _bring(node, work, found)


def expected(node: LookupNode, facts: Recomputation) -> Iterator[Expectation]:
    """What the facts say."""
    given = facts.given(node.given)
    for id, row in list(facts.expected[node.host].items()):
        record = record_in(node.ends, row, facts)
        for member in node.members:
            yield node.host, id, member.property, member.value(record, *given)


def _bring(node: LookupNode, work: Work, change: Change) -> None:
    assert change.after_row is not None

    def at(end: Far, id: UUID) -> Any:
        target = work.find(end.shape, id)
        return None if target is None else target.after

    record = record_at(node.ends, change.after_row, at)
    given = given_to(work, node.given)
    for member in node.members:
        work.set(change, member.property, member.value(record, *given))


def _bring_untouched(node: LookupNode, work: Work) -> set[Change]:
    """The far records of a batch are read by one statement, and those records touched that differ."""
    given, done = given_to(work, node.given), set[Change]()
    for rows in untouched(work, node.host):
        found = {
            end.key: seen_among(work, end.shape, "id", {row[end.key] for row in rows} - {None})
            for end in node.ends
        }

        def at(end: Far, id: UUID, found: Mapping[str, Any] = found) -> Any:
            return next(iter(found[end.key][id]), None)

        stale = []
        for row in rows:
            record = record_at(node.ends, row, at)
            if any(member.value(record, *given) != row[member.property] for member in node.members):
                stale.append(row)
        for change in claimed(work, node.host, stale):
            _bring(node, work, change)
            done.add(change)
    return done
