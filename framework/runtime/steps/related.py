"""The records of a relation, as a computation over all of them sees them: how they moved, who they are."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from framework.plan.shape import Far, Route
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.runtime.recomputation import Recomputation
from framework.runtime.steps.route import host_of
from framework.runtime.work import Work
from framework.storage.codec import Row

Moved = tuple[UUID, Any, Any]
"""A host, a related record as it was, and as it is; None: it came, or it went."""


def moved(route: Route, work: Work) -> Iterator[Moved]:
    """How the related records of each host have changed in this transaction; not who never was one."""
    for host, was, now in _moved(route, work):
        if route.lens is not None:
            was, now = route.lens.member(was), route.lens.member(now)
        if was is not None or now is not None:
            yield host, was, now


def _moved(route: Route, work: Work) -> Iterator[Moved]:
    if route.far is None:
        for change in work.changes(route.source):
            old, new = host_of(route, change.before_row), host_of(route, change.after_row)
            yield from _between(old, new, change.before, change.after)
    else:
        yield from _relinked(route, route.far, work)
        yield from _changed_beyond(route, route.far, work)


def related(route: Route, work: Work, host: UUID) -> list[Any]:
    """The related records of a host."""
    found = work.look(route.source, route.key or "", host)
    if route.far is not None:
        ids = [getattr(link, route.far.key) for link in found]
        found = [record for id in ids if id is not None for record in work.look(route.far.shape, "id", id)]
    return found if route.lens is None else route.lens.members(found)


def related_in(route: Route, facts: Recomputation) -> Mapping[UUID, list[Any]]:
    """The related records of each host, as they should be."""
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row, record in facts.views(route.source, route.lens if route.far is None else None):
        if route.far is None:
            found[row[route.key or ""]].append(record)
        elif (end := facts.expected[route.far.shape].get(row[route.far.key])) is not None:
            far = view_of(route.far.shape.view, end)
            found[row[route.key or ""]] += [far] if route.lens is None else route.lens.members([far])
    return found


def _between(old: UUID | None, new: UUID | None, was: Any, now: Any) -> Iterator[Moved]:
    for id in {old, new} - {None}:
        assert id is not None, "it was taken out"
        yield id, was if old == id else None, now if new == id else None


def _relinked(route: Route, far: Far, work: Work) -> Iterator[Moved]:
    """What came and went by links that were made, removed, moved, or pointed at another record.

    Who is newly linked is locked: others who change it do not see the link yet.
    """
    changes = [change for change in work.changes(route.source) if _is_relinked(route, far, change)]
    ends = {row[far.key] for change in changes for row in (change.before_row, change.after_row) if row}
    work.find_in_order(far.shape, ends - {None})
    for change in changes:
        old, new = host_of(route, change.before_row), host_of(route, change.after_row)
        was, now = _end(work, far, change.before_row), _end(work, far, change.after_row)
        yield from _between(old, new, was and was.before, now and now.after)


def _changed_beyond(route: Route, far: Far, work: Work) -> Iterator[Moved]:
    """Every host that a changed record is linked to hears of it."""
    for change in work.changes(far.shape):
        if (
            change.before_row is not None
            and change.after_row is not None
            and change.before_row != change.after_row
        ):
            for link in work.where(route.source, far.key, change.id):
                if not _is_relinked(route, far, link):
                    host = host_of(route, link.after_row)
                    yield from _between(host, host, change.before, change.after)


def _is_relinked(route: Route, far: Far, change: Change) -> bool:
    return change.differs({route.key or "", far.key})


def _end(work: Work, far: Far, link: Row | None) -> Change | None:
    """The record at the far end of a link, even if it has gone since."""
    if link is None or link[far.key] is None:
        return None
    return work.find(far.shape, link[far.key]) or work.rows.get(far.shape, {}).get(link[far.key])
