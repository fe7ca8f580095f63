"""Schemas at random: up to four entities that refer to each other, and properties that read each other."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations

from hypothesis import strategies as st

from tests.engine.declared_at_random.keeping import Keeping
from tests.engine.declared_at_random.properties import MOVES, OF_ITSELF, Property
from tests.engine.declared_at_random.rounds import Made, Round
from tests.engine.declared_at_random.schema import Model, Schema
from tests.engine.declared_at_random.seen import (
    Class,
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
from tests.engine.declared_at_random.trees import climbs
from tests.engine.declared_at_random.values import Test, Value, conditions, tests, values

AGGREGATES = (
    "Count", "Sum", "WeightedSum", "Average", "Every", "Some", "Min", "Max", "First", "Latest", "Collect",
)  # fmt: skip
IN_ORDER = ("First", "Latest", "Collect")
BY_KEY = ("Count", "Sum", "WeightedSum", "Average", "Every", "Some")
GLOBAL = -1


@st.composite
def schemas(draw: st.DrawFn, of: Schema | None = None) -> Schema:
    """A schema of up to four entities, or other properties `of` facts that there are.

    A property reads facts, and properties that were drawn before it.
    """
    if of is not None:
        return draw(_properties(_Drawn(of.facts, of.references, of.is_descending, of.friendly), of.kept))
    count = draw(st.integers(1, 4))
    facts = [tuple(f"f{n}" for n in range(draw(st.integers(1, 2)))) for _ in range(count)]
    references = []
    for source in range(count):
        targets = [one for one in range(source) if draw(st.booleans())] or [*range(source)]
        for target in [*targets, *([source] if draw(st.integers(0, 2)) == 0 else [])]:
            ondelete = draw(st.sampled_from(("CASCADE", "SET NULL", "RESTRICT")))
            references.append(Reference(source, target, ondelete, takes=draw(st.integers(0, 5)) == 0))
    friendly = frozenset(n for n in range(count) if draw(st.integers(0, 3)) == 0)
    kept = draw(keepings(count, references)) if draw(st.integers(0, 3)) == 0 else None
    return draw(_properties(_Drawn(facts, references, draw(st.booleans()), friendly), kept))


@st.composite
def variants(draw: st.DrawFn) -> tuple[Schema, Schema]:
    """Two schemas of the same facts, or of nearly the same, without what remembers more than these."""
    one = draw(schemas())
    return one.of_the_present, draw(schemas(draw(st.just(one) | altered(one)))).of_the_present


@st.composite
def altered(draw: st.DrawFn, one: Schema) -> Schema:
    """A schema whose facts and references come, go, and are others here and there."""
    models = list(one.models)
    if len(models) > 1 and _seldom(draw):
        models.pop()
    elif _seldom(draw):
        models.append(Model(len(models), ("f0",), (), ()))
    for number, model in enumerate(models):
        facts = ("f0", "f1")[: 3 - len(model.facts)] if _seldom(draw) else model.facts
        kept = [one for one in model.references if not _seldom(draw)]
        references = [draw(_other(one)) if _seldom(draw) else one for one in kept]
        new = sorted({*range(number)} - {one.target for one in model.references})
        if new and _seldom(draw):
            references.append(Reference(number, draw(st.sampled_from(new)), "SET NULL"))
        models[number] = Model(number, facts, tuple(references), ())
    everything = range(len(models))
    friendly = frozenset(n for n in everything if (n in one.friendly) is not _seldom(draw))
    known = [each for model in models for each in model.references]
    is_there = one.kept is not None and one.kept.model in everything and one.kept.per in (None, *known)
    kept_then = one.kept if is_there else None
    if _seldom(draw):
        kept_then = draw(st.none() | keepings(len(models), known))
    return replace(one, models=tuple(models), totals=(), friendly=friendly, kept=kept_then)


def _seldom(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 4)) == 4


@st.composite
def _other(draw: st.DrawFn, one: Reference) -> Reference:
    """The same key, with other consequences."""
    takes = draw(st.integers(0, 3)) == 3
    return replace(one, ondelete=draw(st.sampled_from(("CASCADE", "SET NULL", "RESTRICT"))), takes=takes)


@st.composite
def _properties(draw: st.DrawFn, drawn: "_Drawn", kept: Keeping | None) -> Schema:
    count = len(drawn.facts)
    number = 0
    for _ in range(draw(st.integers(2, 12))):
        host = draw(st.integers(GLOBAL, count - 1))
        new = draw(st.just([]) | _climbing(number, host, drawn)) or draw(_alone(number, host, drawn))
        drawn.properties[host] += new
        number = new[-1].last + 1
    models = tuple(
        Model(
            n,
            drawn.facts[n],
            tuple(one for one in drawn.references if one.source == n),
            tuple(drawn.properties[n]),
        )
        for n in range(count)
    )
    twins, told = (draw(st.none() | st.sampled_from(drawn.classes)) for _ in range(2))
    where = draw(st.none() | conditions(["f0"]))
    totals = tuple(drawn.properties[GLOBAL])
    return Schema(models, totals, drawn.is_descending, twins, where, told, drawn.friendly, kept)


@dataclass
class _Drawn:
    """What there is so far."""

    facts: list[tuple[str, ...]]
    references: list[Reference]
    is_descending: bool
    friendly: frozenset[int]
    properties: dict[int, list[Property]] = field(init=False)
    classes: list[Class] = field(init=False)
    views: dict[int, list[View]] = field(init=False)

    def __post_init__(self) -> None:
        everybody = range(len(self.facts))
        self.properties = {host: [] for host in (GLOBAL, *everybody)}
        self.views = {host: [] for host in (GLOBAL, *everybody)}
        self.classes = [Whole((n,), is_base=False) for n in everybody]
        self.classes.append(Whole(tuple(everybody), is_base=True))

    def relations(self, host: int) -> list[Seen]:
        """What a host has without a view."""
        if host == GLOBAL:
            return [*self.classes]
        found: list[Seen] = [Relation(one, is_one=False) for one in self.references if one.target == host]
        found += [Relation(one, is_one=True) for one in self.references if one.source == host]
        found += [Friends(host)] * 3 if host in self.friendly else []
        if self.is_descending:  # the class of the links is there
            pairs = permutations((one for one in self.references if not one.is_own), 2)
            links = {
                near: Through(near, far)
                for near, far in pairs
                if near.source == far.source and near.target == host
            }
            found += [*links.values()] * 3  # they are few
        return found

    def see(self, host: int, over: Seen | None) -> None:
        """Others of the host may be over the views from now on."""
        views = [one for one in behind(over) if isinstance(one, View)] if over is not None else []
        self.views[host] += [one for one in views if one not in self.views[host]]

    def parts_for(self, host: int, seen: Seen) -> list[Part]:
        """The filtered classes that its records may belong to, and that stand before the host."""
        return [
            one
            for one in self.classes
            if isinstance(one, Part)
            and set(seen.models) <= set(one.models)
            and self._stands_before(one, host)
        ]

    def _stands_before(self, part: Part, host: int) -> bool:
        (model, *_) = part.models
        return part.whole.is_base or host == GLOBAL or (model > host if self.is_descending else model < host)

    def common(self, seen: Seen) -> list[str]:
        """The numbers that all of its records have."""
        first, *rest = [self.numbers(model) for model in seen.models]
        return [name for name in first if all(name in names for names in rest)]

    def changing(self, names: Sequence[str]) -> list[str]:
        """Those that are not given once and for ever."""
        everything = [one for properties in self.properties.values() for one in properties]
        given = {one.name for one in everything if one.kind == "Sequence"}
        return [name for name in names if name not in given]

    def numbers(self, model: int) -> list[str]:
        return [*self.facts[model], *(one.name for one in self.properties[model] if one.is_number)]


@st.composite
def _climbing(draw: st.DrawFn, number: int, host: int, drawn: _Drawn) -> list[Property]:
    """What goes along the reference of an entity to itself, if there is one."""
    along = [one for one in drawn.references if one.source == host and one.is_own]
    if not along:
        return []
    ring = draw(climbs(number, along[0], drawn.numbers(host), drawn.parts_for(host, Whole((host,), False))))
    for one in ring:
        drawn.see(host, one.over)
    return ring


@st.composite
def _alone(draw: st.DrawFn, number: int, host: int, drawn: _Drawn) -> list[Property]:
    """A property; of a machine also how many there are of what moves it on, where a rule makes that."""
    one = draw(_property(number, host, drawn))
    if not one.is_machine or host == GLOBAL or draw(st.booleans()):
        return [one]
    counter, number = one.name, number + 1
    made = Round(
        number,
        host,
        is_event := draw(st.booleans()),
        back := draw(st.sampled_from((None, "moved") if is_event else (None, "moved", "gone"))),
        counter if back is None and draw(st.booleans()) else None,
    )
    return [Property(counter, "Count", Made(made)), replace(one, name=f"p{number}", round=made)]


@st.composite
def _property(draw: st.DrawFn, number: int, host: int, drawn: _Drawn) -> Property:
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
    if over is None and (changing := drawn.changing(drawn.numbers(host))) and draw(st.booleans()):
        return draw(machines(name, None, changing))
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
        return draw(machines(name, over, drawn.changing(numbers)))
    if over.is_one:
        return draw(lookups(name, over, numbers))
    return draw(aggregates(name, over, numbers))


def _the_deeper_the_more_often(seen: Sequence[Seen]) -> list[Seen]:
    return [one for one in seen for _ in behind(one)]


@st.composite
def _view(draw: st.DrawFn, number: int, host: int, seen: Sequence[Seen], drawn: _Drawn) -> View:
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
def keepings(draw: st.DrawFn, count: int, references: Sequence[Reference]) -> Keeping:
    model = draw(st.integers(0, count - 1))
    cap, hours = draw(
        st.sampled_from([(cap, hours) for cap in (None, 1, 2, 3) for hours in (None, 1, 3)][1:])
    )
    hosts = [one for one in references if one.source == model and cap is not None]
    return Keeping(model, cap, draw(st.none() | st.sampled_from(hosts)) if hosts else None, hours)


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
def machines(draw: st.DrawFn, name: str, over: Seen | None, fields: Sequence[str]) -> Property:
    moves = MOVES[:2] if over is not None and _goes_through(over) else MOVES
    kind = draw(st.sampled_from(OF_ITSELF if over is None else moves))
    field = Value(draw(st.sampled_from(fields)), "plain") if kind in OF_ITSELF else None
    reached = draw(st.integers(1, 3)) if kind == "Became" else None  # nothing starts with these
    return Property(name, kind, over, field, option=draw(st.booleans()), reached=reached)


def _goes_through(seen: Seen) -> bool:
    """Whether links lead to some of it: what was linked last need not be the newest."""
    return any(isinstance(one, Through | Friends) for one in behind(seen))
