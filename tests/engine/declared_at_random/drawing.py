"""Schemas at random: up to four entities that refer to each other, and properties that read each other."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from tests.engine.declared_at_random.drawing_properties import alone, climbing
from tests.engine.declared_at_random.drawn import GLOBAL, Drawn
from tests.engine.declared_at_random.keeping import Keeping
from tests.engine.declared_at_random.schema import Model, Schema
from tests.engine.declared_at_random.seen import Reference
from tests.engine.declared_at_random.twins import twins


@st.composite
def schemas(draw: st.DrawFn, of: Schema | None = None) -> Schema:
    """A schema of up to four entities, or other properties `of` facts that there are.

    A property reads facts, and properties that were drawn before it.
    """
    if of is not None:
        return draw(_properties(Drawn(of.facts, of.references, of.is_descending, of.friendly), of.kept))
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
    return draw(_properties(Drawn(facts, references, draw(st.booleans()), friendly), kept))


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
def _properties(draw: st.DrawFn, drawn: Drawn, kept: Keeping | None) -> Schema:
    count = len(drawn.facts)
    number = 0
    for _ in range(draw(st.integers(2, 12))):
        host = draw(st.integers(GLOBAL, count - 1))
        new = draw(st.just([]) | climbing(number, host, drawn)) or draw(alone(number, host, drawn))
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
    source, told = (draw(st.none() | st.sampled_from(drawn.classes)) for _ in range(2))
    kept_equal = None if source is None else draw(twins(source, drawn.declared(source)))
    totals = tuple(drawn.properties[GLOBAL])
    return Schema(models, totals, drawn.is_descending, kept_equal, told, drawn.friendly, kept)


@st.composite
def keepings(draw: st.DrawFn, count: int, references: Sequence[Reference]) -> Keeping:
    model = draw(st.integers(0, count - 1))
    cap, hours = draw(
        st.sampled_from([(cap, hours) for cap in (None, 1, 2, 3) for hours in (None, 1, 3)][1:])
    )
    hosts = [one for one in references if one.source == model and cap is not None]
    return Keeping(model, cap, draw(st.none() | st.sampled_from(hosts)) if hosts else None, hours)
