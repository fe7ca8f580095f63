"""Schemas at random: up to four entities that refer to each other, and properties that read each other."""

from collections.abc import Sequence

from hypothesis import strategies as st

from tests.engine.declared_at_random.schema import Model, Property, Reference, Schema, Subset, Test, Value

AGGREGATES = (
    "Count", "Sum", "WeightedSum", "Average", "Every", "Some", "Min", "Max", "First", "Latest", "Collect",
)  # fmt: skip


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """A schema of up to four entities. A property reads facts, and properties that were drawn before it."""
    count = draw(st.integers(1, 4))
    facts = [tuple(f"f{n}" for n in range(draw(st.integers(1, 2)))) for _ in range(count)]
    references = []
    for source in range(1, count):
        for target in draw(st.sets(st.integers(0, source - 1), min_size=1, max_size=2)):
            ondelete = draw(st.sampled_from(("CASCADE", "SET NULL", "RESTRICT")))
            references.append(Reference(source, target, ondelete))
    properties: list[list[Property | Subset]] = [[] for _ in range(count)]
    totals: list[Property] = []
    parts: list[list[Subset]] = [[] for _ in range(count)]
    for number in range(draw(st.integers(2, 12))):
        name = f"p{number}"
        host = draw(st.integers(-1, count - 1))
        if host == -1:
            over = draw(st.integers(0, count - 1))
            totals.append(draw(aggregates(name, over, _numbers(facts, properties, over))))
            continue
        choices = [formulas(name, _numbers(facts, properties, host))]
        for one in references:
            if one.target == host:
                numbers = _numbers(facts, properties, one.source)
                choices += [aggregates(name, one, numbers), customs(name, one, numbers)]
                if draw(st.booleans()):
                    part = Subset(number, one, draw(tests(numbers)))
                    parts[host].append(part)
                    choices.append(aggregates(name, part, numbers))
            if one.source == host:
                numbers = _numbers(facts, properties, one.target)
                choices.append(lookups(name, one, numbers))
                if draw(st.booleans()):
                    part = Subset(number, one, draw(tests(numbers)), is_one=True)
                    parts[host].append(part)
                    choices.append(lookups(name, part, numbers))
        chosen = draw(st.one_of(choices))
        properties[host] += [part for part in parts[host] if part is chosen.over]
        properties[host].append(chosen)
    models = tuple(
        Model(n, facts[n], tuple(one for one in references if one.source == n), tuple(properties[n]))
        for n in range(count)
    )
    twins = draw(st.none() | tests([*facts[0]]))
    return Schema(models, tuple(totals), twins)


def _numbers(
    facts: list[tuple[str, ...]], properties: list[list[Property | Subset]], number: int
) -> list[str]:
    return [
        *facts[number],
        *(one.name for one in properties[number] if isinstance(one, Property) and one.is_number),
    ]


def values(fields: Sequence[str]) -> st.SearchStrategy[Value]:
    return st.builds(Value, st.sampled_from(fields), st.sampled_from(("plain", "scaled", "zeroed", "raised")))


def tests(fields: Sequence[str]) -> st.SearchStrategy[Test]:
    """Without a dial."""
    return st.builds(Test, st.sampled_from(fields), st.integers(-1, 2))


def conditions(fields: Sequence[str]) -> st.SearchStrategy[Test]:
    return st.builds(Test, st.sampled_from(fields), st.none() | st.integers(-1, 2))


def formulas(name: str, fields: Sequence[str]) -> st.SearchStrategy[Property]:
    return values(fields).map(lambda value: Property(name, "Formula", value=value))


def lookups(name: str, over: Reference | Subset, fields: Sequence[str]) -> st.SearchStrategy[Property]:
    return values(fields).map(lambda value: Property(name, "Lookup", over, value))


def customs(name: str, over: Reference, fields: Sequence[str]) -> st.SearchStrategy[Property]:
    return st.sampled_from(fields).map(lambda read: Property(name, "Custom", over, Value(read, "plain")))


@st.composite
def aggregates(draw: st.DrawFn, name: str, over: Reference | Subset | int, fields: Sequence[str]) -> Property:
    kind = draw(st.sampled_from(AGGREGATES))
    where = draw(conditions(fields) if kind in ("Every", "Some") else st.none() | conditions(fields))
    by = draw(st.none() | st.sampled_from(fields)) if kind in ("Count", "Sum", "Every", "Some") else None
    match kind:
        case "Count" | "Some":
            return Property(name, kind, over, where=where, by=by)
        case "Sum":
            return Property(name, kind, over, draw(values(fields)), where=where, by=by)
        case "Every":
            return Property(name, kind, over, where=where, option=draw(st.booleans()), by=by)
        case "WeightedSum":
            return Property(name, kind, over, draw(values(fields)), draw(values(fields)), where)
        case "Average":
            return Property(
                name,
                kind,
                over,
                draw(values(fields)),
                where=where,
                option=draw(st.none() | st.integers(0, 2)),
            )
        case "Collect":
            return Property(name, kind, over, draw(values(fields)), option=draw(st.integers(1, 3)))
        case _:
            return Property(name, kind, over, draw(values(fields)), where=where)
