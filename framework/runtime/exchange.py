"""Unique values that go from one record to another: in which order the database is told of them."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence

from framework.plan.shape import Shape
from framework.plan.uniques import UniquePlan
from framework.runtime.change import Change
from framework.runtime.errors import CannotExchange
from framework.runtime.parking import can_be_parked

Telling = tuple[Change, tuple[str, ...] | None]
"""A changed record, and the columns that are parked at first; None: all that is new is told."""

Waits = dict[Change, dict[Change, list[UniquePlan]]]
"""Who waits for whom to give up what is unique."""


def in_order(changed: Collection[Change]) -> Iterable[Telling]:
    """Who gives a unique value up is told of before who takes it; of those in a circle, one is parked first.

    Raises CannotExchange where none can be.
    """
    waits = _waits(changed)
    return _in_turn(changed, waits) if waits else [(change, None) for change in changed]


def _in_turn(changed: Iterable[Change], waits: Waits) -> Iterator[Telling]:
    followers: dict[Change, list[Change]] = {}
    for change, givers in waits.items():
        for giver in givers:
            followers.setdefault(giver, []).append(change)
    ready = deque(change for change in changed if change not in waits)
    while ready or waits:
        if not ready:
            change, giving = _one_that_need_not_wait(waits)
            for giver in giving:
                yield giver, _to_park(giver.shape, waits[change].pop(giver))
            if waits[change]:
                continue  # it waits for others still
            del waits[change]
            ready.append(change)
        told = ready.popleft()
        yield told, None
        for follower in followers.get(told, ()):
            if follower in waits:
                waits[follower].pop(told, None)
                if not waits[follower]:
                    del waits[follower]
                    ready.append(follower)


def _one_that_need_not_wait(waits: Waits) -> tuple[Change, list[Change]]:
    """Of those in a circle one, and for whom it need not wait: best for nobody, because all can be parked."""
    found = None
    for change, givers in waits.items():
        giving = [giver for giver, uniques in givers.items() if _can_park(giver.shape, uniques)]
        if len(giving) == len(givers):
            return change, giving
        if giving and found is None:
            found = change, giving
    change, givers = next(iter(waits.items()))
    return found or (change, list(givers))


def given_up(changed: Iterable[Change], new: Sequence[Change]) -> Iterator[Telling]:
    """The records whose unique values the database must forget before new records bring them."""
    shape = new[0].shape
    those = [change for change in changed if change.shape is shape]
    if not those:
        return
    first: list[Change] = []  # there is nothing that they could be in between
    for unique in shape.uniques:
        wanted = {_values(change.after_row, unique.columns) for change in new}
        for change in those:
            held = _held(change, unique) if _gives(change, unique) else None
            if held is not None and held in wanted:
                columns = _parkable(shape, unique)
                if columns:
                    yield change, columns
                else:
                    first.append(change)
    if first:
        yield from in_order(_with_givers(first, _waits(those)))


def _with_givers(takers: list[Change], waits: Waits) -> list[Change]:
    """Those who take, and all whom they wait for."""
    found = dict.fromkeys(takers)
    rest = deque(takers)
    while rest:
        for giver in waits.get(rest.popleft(), ()):
            if giver not in found:
                found[giver] = None
                rest.append(giver)
    return list(found)


def _waits(changed: Iterable[Change]) -> Waits:
    waits: Waits = {}
    movers = [one for one in changed if one.shape.unique and not one.shape.unique.isdisjoint(one.dirty)]
    if len(movers) < 2:
        return waits
    for shape in dict.fromkeys(change.shape for change in movers):
        for unique in shape.uniques:
            these = [change for change in movers if change.shape is shape and _gives(change, unique)]
            held: dict[tuple[object, ...] | None, list[Change]] = {}  # several, where a filter counts one
            for change in these:
                held.setdefault(_held(change, unique), []).append(change)
            held.pop(None, None)
            for change in these:
                for giver in held.get(_values(change.after_row, unique.columns), ()):
                    if giver is not change:
                        waits.setdefault(change, {}).setdefault(giver, []).append(unique)
    return waits


def _gives(change: Change, unique: UniquePlan) -> bool:
    """Whether the record has been changed in what is unique, or in what makes it count there."""
    columns = (*unique.columns, *unique.filters)
    return change.stored and change.after_row is not None and any(name in change.dirty for name in columns)


def _held(change: Change, unique: UniquePlan) -> tuple[object, ...] | None:
    """The values that the database has of the record."""
    return _values(change.before_row if change.held is None else change.held, unique.columns)


def _values(row: dict[str, object] | None, names: Sequence[str]) -> tuple[object, ...] | None:
    """The values of unique columns; None where one is None, which is like nothing else."""
    values = () if row is None else tuple(row[name] for name in names)
    return None if row is None or None in values else values


def _can_park(shape: Shape, uniques: Iterable[UniquePlan]) -> bool:
    return all(_parkable(shape, unique) for unique in uniques)


def _to_park(shape: Shape, uniques: Iterable[UniquePlan]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for unique in uniques:
        columns = _parkable(shape, unique)
        if not columns and unique.where is None:
            raise CannotExchange(model=shape.title, columns=", ".join(unique.columns))
        found |= dict.fromkeys(columns)
    return tuple(found)


def _parkable(shape: Shape, unique: UniquePlan) -> tuple[str, ...]:
    """The columns that may be empty; else one that can be parked elsewhere."""
    nullable = tuple(name for name in unique.columns if shape.table.c[name].nullable)
    return nullable or tuple(name for name in unique.columns if can_be_parked(shape, name))[:1]
