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


class _Value:
    """A unique value that changes hands. Several give it up where, by a filter, only one of them counts."""

    __slots__ = ("givers", "takers", "unique")

    def __init__(self, unique: UniquePlan) -> None:
        self.unique = unique
        self.givers: dict[Change, None] = {}
        self.takers: dict[Change, None] = {}


Waits = dict[Change, dict[_Value, None]]
"""Who waits for which values."""


def in_order(changed: Collection[Change]) -> Iterable[Telling]:
    """Who gives a unique value up is told of before who takes it; of those in a circle, one is parked first.

    Raises CannotExchange where none can be.
    """
    waits = _waits(changed)
    return _in_turn(changed, waits) if waits else [(change, None) for change in changed]


def _in_turn(changed: Iterable[Change], waits: Waits) -> Iterator[Telling]:
    given: dict[Change, list[_Value]] = {}
    for value in dict.fromkeys(value for values in waits.values() for value in values):
        for giver in value.givers:
            given.setdefault(giver, []).append(value)
    ready = deque(change for change in changed if change not in waits)
    while ready or waits:
        if ready:
            told = ready.popleft()
            yield told, None
            for value in given.get(told, ()):
                ready += _let_go(value, told, waits)
            continue
        for giver, values in _who_can_be_parked(waits).items():
            yield giver, _to_park(giver.shape, values)
            for value in values:
                ready += _let_go(value, giver, waits)


def _let_go(value: _Value, giver: Change, waits: Waits) -> list[Change]:
    """One has given the value up; those who need not wait for anything any longer."""
    value.givers.pop(giver, None)
    if len(value.givers) > 1:
        return []
    free = value.givers.keys() & value.takers.keys() if value.givers else value.takers
    ready = []
    for taker in free:
        values = waits.get(taker)
        if values is not None and value in values:
            del values[value]
            if not values:
                del waits[taker]
                ready.append(taker)
    return ready


def _who_can_be_parked(waits: Waits) -> dict[Change, list[_Value]]:
    """Those in a circle for whom one of it waits, with the values: all of them, if there is such a one."""
    some: dict[Change, list[_Value]] = {}
    nobody: dict[Change, list[_Value]] = {}
    for change, values in waits.items():
        givers: dict[Change, list[_Value]] = {}
        for value in values:
            for giver in value.givers:
                if giver is not change:
                    givers.setdefault(giver, []).append(value)
        can = {giver: of for giver, of in givers.items() if _can_park(giver.shape, of)}
        if len(can) == len(givers):
            return can
        some = some or can
        nobody = nobody or givers
    return some or nobody


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
        for value in waits.get(rest.popleft(), ()):
            new = [giver for giver in value.givers if giver not in found]
            found |= dict.fromkeys(new)
            rest += new
    return list(found)


def _waits(changed: Iterable[Change]) -> Waits:
    waits: Waits = {}
    movers = [one for one in changed if one.shape.unique and not one.shape.unique.isdisjoint(one.dirty)]
    if len(movers) < 2:
        return waits
    for shape in dict.fromkeys(change.shape for change in movers):
        for unique in shape.uniques:
            these = [change for change in movers if change.shape is shape and _gives(change, unique)]
            values: dict[tuple[object, ...], _Value] = {}
            for change in these:
                held = _held(change, unique)
                if held is not None:
                    values.setdefault(held, _Value(unique)).givers[change] = None
            for change in these:
                taken = _values(change.after_row, unique.columns)
                value = None if taken is None else values.get(taken)
                if value is not None and len(value.givers) > (change in value.givers):
                    value.takers[change] = None
                    waits.setdefault(change, {})[value] = None
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


def _can_park(shape: Shape, values: Iterable[_Value]) -> bool:
    return all(_parkable(shape, value.unique) for value in values)


def _to_park(shape: Shape, values: Iterable[_Value]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for value in values:
        columns = _parkable(shape, value.unique)
        if not columns and value.unique.where is None:
            raise CannotExchange(model=shape.title, columns=", ".join(value.unique.columns))
        found |= dict.fromkeys(columns)
    return tuple(found)


def _parkable(shape: Shape, unique: UniquePlan) -> tuple[str, ...]:
    """The columns that may be empty; else one that can be parked elsewhere."""
    nullable = tuple(name for name in unique.columns if shape.table.c[name].nullable)
    return nullable or tuple(name for name in unique.columns if can_be_parked(shape, name))[:1]
