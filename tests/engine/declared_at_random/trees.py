"""Trees: what climbs along the reference of an entity to itself, from the children or from the parent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from hypothesis import strategies as st

from tests.engine.declared_at_random.properties import Climb, Property
from tests.engine.declared_at_random.seen import Part, Reference, Relation, Seen, Subset
from tests.engine.declared_at_random.values import Form, Row, Value, conditions, tests, values

UP = ("Sum", "Count", "WeightedSum", "Average", "Every", "Some")
NUMBERS = ("Sum", "Count", "WeightedSum", "Lookup", "Formula")


@st.composite
def climbs(
    draw: st.DrawFn, first: int, along: Reference, fields: Sequence[str], parts: Sequence[Part]
) -> list[Property]:
    """A ring of properties: each reads the one before it, and the first reads the last; if it is no formula,
    of the children, or all of the parent.

    `fields` are numbers that the entity has already, `parts` the filtered classes of its records.
    """
    many = draw(st.integers(1, 4))
    climb = Climb(along, draw(st.booleans()), last=first + many - 1)
    ways = UP if climb.is_up else ("Lookup",) * 3
    names = [f"p{first + place}" for place in range(many)]
    kinds = [draw(st.sampled_from((*ways, *("Formula",) * (2 * (place > 0))))) for place in range(many)]
    numbers = [name for name, kind in zip(names, kinds, strict=True) if kind in NUMBERS]
    ring = []
    for place, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        before = names[place - 1]
        if kind == "Formula":
            more = values([*fields, *(one for one in numbers if one in names[:place])])
            one = Property(name, kind, None, draw(_whole(before, numbers)), draw(more))
        else:
            over: Seen = Relation(along, is_one=not climb.is_up)
            for more_of_it in range(draw(st.integers(0, 2))):
                where = tests([*fields, *names]) | (st.sampled_from(parts) if parts else st.nothing())
                over = Subset(10 * (first + place) + more_of_it, over, draw(where))
            one = draw(_way(name, kind, over, before, [*fields, *numbers], [*fields, *names]))
        ring.append(replace(one, climb=climb))
    return ring


@st.composite
def _way(
    draw: st.DrawFn,
    name: str,
    kind: str,
    over: Seen,
    before: str,
    numbers: Sequence[str],
    fields: Sequence[str],
) -> Property:
    """What reads the one before it of what it is over, and other `fields` there, if it likes."""
    read = values([before]) if before in numbers else st.just(Value(before, "whole"))
    where = st.none() | conditions(fields)
    match kind:
        case "Lookup":
            return Property(name, kind, over, draw(read), option=draw(st.none() | st.just(7)))
        case "Sum":
            return Property(name, kind, over, draw(read), where=draw(where))
        case "WeightedSum":  # of small ones: a weight that climbs as well makes them large enough
            small = Value(before, "scaled" if before in numbers else "whole")
            return Property(name, kind, over, small, draw(values(numbers)), draw(where))
        case "Average":
            missing = draw(st.none() | st.integers(0, 2))
            return Property(name, kind, over, draw(read), where=draw(where), option=missing)
        case _:
            is_empty = draw(st.booleans()) if kind == "Every" else None
            return Property(name, kind, over, where=draw(conditions([before])), option=is_empty)


def _whole(field: str, numbers: Sequence[str]) -> st.SearchStrategy[Value]:
    """Its number, and nothing else."""
    forms: tuple[Form, ...] = ("zeroed", "raised") if field in numbers else ("whole",)
    return st.sampled_from([Value(field, form) for form in forms])


def level_by_level(rows: Mapping[UUID, Row], climb: Climb) -> list[Row]:
    """Each record after those that it reads: its children, or its parent."""

    def depth(row: Row) -> int:
        parent = row[climb.along.key]
        return 0 if parent is None else 1 + depth(rows[parent])

    return sorted(rows.values(), key=depth, reverse=climb.is_up)


def is_tree(rows: Mapping[UUID, Row], key: str) -> bool:
    """Whether no record is above itself."""
    return all(None in _above(rows, key, id) for id in rows)


def _above(rows: Mapping[UUID, Row], key: str, id: UUID | None) -> set[UUID | None]:
    """Who is above a record, to the root and beyond, or once round."""
    found: set[UUID | None] = set()
    while id is not None and id not in found:
        found.add(id)
        id = rows[id][key]
    return found | {id}
