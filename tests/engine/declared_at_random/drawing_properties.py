"""Properties at random, of what there is so far."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

from hypothesis import strategies as st

from tests.engine.declared_at_random.drawn import GLOBAL, Drawn
from tests.engine.declared_at_random.properties import MOVES, OF_ITSELF, Climb, Property
from tests.engine.declared_at_random.rounds import Made, Round
from tests.engine.declared_at_random.seen import (
    Friends,
    Merged,
    Part,
    Reference,
    Relation,
    Seen,
    Subset,
    Through,
    View,
    Whole,
    behind,
)
from tests.engine.declared_at_random.spreads import Spread, Stirred
from tests.engine.declared_at_random.trees import rings
from tests.engine.declared_at_random.values import Value, conditions, tests, values

AGGREGATES = (
    "Count", "Sum", "WeightedSum", "Average", "Every", "Some", "Min", "Max", "First", "Latest", "Collect",
)  # fmt: skip
IN_ORDER = ("First", "Latest", "Collect")
BY_KEY = ("Count", "Sum", "WeightedSum", "Average", "Every", "Some")


@st.composite
def climbing(draw: st.DrawFn, number: int, host: int, drawn: Drawn) -> list[Property]:
    """What goes along the reference of an entity to itself, if there is one."""
    along = drawn.tree(host)
    if along is None:
        return []
    parts = drawn.parts_for(host, Whole((host,), is_base=False))
    ring = draw(rings(number, along, drawn.numbers(host), parts, drawn.beside(host)))
    for (model, _), one in ring.beside.items():
        drawn.properties[model].append(one)
    for one in ring.properties:
        drawn.see(host, one.over)
    return ring.properties


@st.composite
def alone(draw: st.DrawFn, number: int, host: int, drawn: Drawn) -> list[Property]:
    """A property; before a machine perhaps the one that it waits for, because that follows from its state."""
    one = draw(_property(number, host, drawn))
    if not one.is_machine or host == GLOBAL or draw(st.booleans()):
        return [one]
    along = drawn.tree(host)
    if along is not None and (one.over is None or not one.over.is_one) and draw(st.booleans()):
        return draw(_spreading(one, along, drawn.numbers(host)))
    return draw(_going_round(one, host))


@st.composite
def _going_round(draw: st.DrawFn, one: Property, host: int) -> list[Property]:
    """How many there are of what a rule makes of the machine's state, and the machine."""
    number = one.number + 1
    made = Round(
        number,
        host,
        is_event := draw(st.booleans()),
        back := draw(st.sampled_from((None, "moved") if is_event else (None, "moved", "gone"))),
        one.name if back is None and draw(st.booleans()) else None,
    )
    return [Property(one.name, "Count", Made(made)), replace(one, name=f"p{number}", round=made)]


@st.composite
def _spreading(draw: st.DrawFn, one: Property, along: Reference, fields: Sequence[str]) -> list[Property]:
    """What the machine waits for of its children, unless it waits for its parent, and the machine.

    One change fits one transition at most: where it waits for children, it has no other way to be moved by
    its own record.
    """
    if one.over is None or draw(st.booleans()):
        climb = Climb(along, is_up=False, last=one.number)
        return [replace(one, option=False, climb=climb, spread=Spread(along, one.name, None))]
    machine, climb = f"p{one.number + 1}", Climb(along, is_up=True, last=one.number + 1)
    children: Seen = Relation(along, is_one=False)
    if draw(st.booleans()):
        children = Subset(10 * one.number + 9, children, draw(tests(fields)))
    kind = draw(st.sampled_from(("Every", "Some")))
    option = False if kind == "Every" else None
    asked = Property(one.name, kind, children, where=Stirred(machine), option=option, climb=climb)
    spread = Spread(along, machine, one.name)
    return [asked, replace(one, name=machine, option=False, climb=climb, spread=spread)]


@st.composite
def _property(draw: st.DrawFn, number: int, host: int, drawn: Drawn) -> Property:
    name = f"p{number}"
    if draw(st.booleans()):
        of = draw(st.sampled_from(drawn.classes))
        drawn.classes.append(Part(number, of, draw(tests(drawn.common(of)))))
    seen = [*drawn.relations(host), *drawn.views[host]]
    for more in range(draw(st.integers(0, 4)) if seen else 0):
        seen.append(draw(_view(10 * number + more, host, seen, drawn)))
    over = draw(
        st.sampled_from([*([] if host == GLOBAL else [None, None]), *_the_deeper_the_more_often(seen)])
    )
    if over is None and draw(st.booleans()):
        numbers = drawn.numbers(host)
        return draw(machines(name, None, drawn.changing(numbers), drawn.open_ended(numbers)))
    if over is None:
        value = draw(values(drawn.numbers(host)))
        kind = draw(st.sampled_from(("Formula", "Deadline", "Sequence")))
        if kind == "Sequence":
            return Property(name, kind, option=draw(st.none() | st.sampled_from(drawn.facts[host])))
        if kind == "Deadline":
            return Property(name, "Deadline", value=value, option=draw(st.integers(1, 2)))
        return Property(name, "Formula", value=value)
    drawn.see(host, over)
    numbers, is_custom = drawn.common(over), draw(st.integers(0, 3)) == 0
    if is_custom and (host != GLOBAL or isinstance(over, Whole | Part)):
        return draw(customs(name, over, numbers))
    if draw(st.integers(0, 4)) == 0:
        return draw(machines(name, over, drawn.changing(numbers), drawn.open_ended(numbers)))
    if over.is_one:
        return draw(lookups(name, over, numbers))
    return draw(aggregates(name, over, numbers))


def _the_deeper_the_more_often(seen: Sequence[Seen]) -> list[Seen]:
    return [one for one in seen for _ in behind(one)]


@st.composite
def _view(draw: st.DrawFn, number: int, host: int, seen: Sequence[Seen], drawn: Drawn) -> View:
    """Some of what is seen already; together with others, if there are any of other entities."""
    is_one = draw(st.sampled_from(sorted({one.is_one for one in seen})))
    alike = [one for one in seen if one.is_one is is_one]
    apart = [(one, other) for one, other in permutations(alike, 2) if not one.ways & other.ways]
    if apart and draw(st.booleans()):
        return Merged(number, draw(st.sampled_from(apart)))
    one = draw(st.sampled_from([one for one in alike if isinstance(one, Merged)] or alike))
    parts = drawn.parts_for(host, one)
    if parts and draw(st.booleans()):
        return Subset(number, one, draw(st.sampled_from(parts)))
    return Subset(number, one, draw(tests(drawn.common(one))))


@st.composite
def lookups(draw: st.DrawFn, name: str, over: Seen, fields: Sequence[str]) -> Property:
    return Property(name, "Lookup", over, draw(values(fields)), option=draw(st.none() | st.just(7)))


@st.composite
def customs(draw: st.DrawFn, name: str, over: Seen, fields: Sequence[str]) -> Property:
    read = Value(draw(st.sampled_from(fields)), draw(st.sampled_from(("plain", "plain", "raised"))))
    return Property(name, "Custom", over, read, option=not over.is_one and draw(st.booleans()))


@st.composite
def aggregates(draw: st.DrawFn, name: str, over: Seen, fields: Sequence[str]) -> Property:
    links_and_more = isinstance(over, Subset | Merged) and len(over.models) > 1 and _goes_through(over)
    kind = draw(st.sampled_from([one for one in AGGREGATES if one not in IN_ORDER or not links_and_more]))
    where = draw(conditions(fields) if kind in ("Every", "Some") else st.none() | conditions(fields))
    by = draw(st.none() | st.sampled_from(fields)) if kind in BY_KEY else None
    match kind:
        case "Count" | "Some":
            return Property(name, kind, over, where=where, by=by)
        case "Sum":
            return Property(name, kind, over, draw(values(fields)), where=where, by=by)
        case "Every":
            return Property(name, kind, over, where=where, option=draw(st.booleans()), by=by)
        case "WeightedSum":
            return Property(name, kind, over, draw(values(fields)), draw(values(fields)), where, by=by)
        case "Average":
            missing = draw(st.none() | st.integers(0, 2))
            return Property(name, kind, over, draw(values(fields)), where=where, option=missing, by=by)
        case "Collect":
            return Property(name, kind, over, draw(values(fields)), option=draw(st.integers(1, 3)))
        case _:
            return Property(name, kind, over, draw(values(fields)), where=where)


@st.composite
def machines(
    draw: st.DrawFn, name: str, over: Seen | None, changing: Sequence[str], open_ended: Sequence[str]
) -> Property:
    moves = MOVES[:2] if over is not None and _goes_through(over) else MOVES
    kind = draw(st.sampled_from(OF_ITSELF if over is None else moves))
    fields = open_ended if kind == "Became" else changing
    field = Value(draw(st.sampled_from(fields)), "plain") if kind in OF_ITSELF else None
    reached = draw(st.integers(1, 3)) if kind == "Became" else None  # nothing starts with these
    return Property(name, kind, over, field, option=draw(st.booleans()), reached=reached)


def _goes_through(seen: Seen) -> bool:
    """Whether links lead to some of it: what was linked last need not be the newest."""
    return any(isinstance(one, Through | Friends) for one in behind(seen))
