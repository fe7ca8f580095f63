"""Trees: what climbs along the reference of an entity to itself, from the children or from the parent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from hypothesis import strategies as st

from tests.engine.declared_at_random.properties import Climb, Property
from tests.engine.declared_at_random.seen import Merged, Part, Reference, Relation, Seen, Subset
from tests.engine.declared_at_random.values import Form, Row, Value, conditions, tests, values

UP = ("Sum", "Count", "WeightedSum", "Average", "Every", "Some")
NUMBERS = ("Sum", "Count", "WeightedSum", "Lookup", "Formula")


Beside = tuple[Seen, Sequence[str]]
"""What leads to records of one other entity, and the numbers that it has in common with the entity."""


@dataclass
class Ring:
    """Properties each of which reads the one before it, and the first the last one: formulas of the record
    itself, and all others of its children, or all of its parent.
    """

    climb: Climb
    names: list[str]
    kinds: list[str]
    properties: list[Property] = field(default_factory=list)
    beside: dict[tuple[int, str], Property] = field(default_factory=dict)
    """What other entities have by that name, because their records are read together with the children."""

    @property
    def numbers(self) -> list[str]:
        return [name for name, kind in zip(self.names, self.kinds, strict=True) if kind in NUMBERS]


@st.composite
def rings(
    draw: st.DrawFn,
    first: int,
    along: Reference,
    fields: Sequence[str],
    parts: Sequence[Part],
    beside: Sequence[Beside],
) -> Ring:
    """What climbs where the entity has these numbers, and its records may belong to these classes."""
    many = draw(st.integers(1, 4))
    climb = Climb(along, draw(st.booleans()), last=first + many - 1)
    ways = UP if climb.is_up else ("Lookup",) * 3
    names = [f"p{first + place}" for place in range(many)]
    kinds = [draw(st.sampled_from((*ways, *("Formula",) * (2 * (place > 0))))) for place in range(many)]
    ring = Ring(climb, names, kinds)
    for place, kind in enumerate(kinds):
        if kind == "Formula":
            one = draw(_formula(ring, place, fields))
        elif climb.is_up and beside and draw(st.booleans()):
            one = draw(_way_with_others(ring, place, *draw(st.sampled_from(beside))))
        else:
            over: Seen = Relation(along, is_one=not climb.is_up)
            for more in range(draw(st.integers(0, 2))):
                where = tests([*fields, *names]) | (st.sampled_from(parts) if parts else st.nothing())
                over = Subset(10 * (first + place) + more, over, draw(where))
            one = draw(_way(ring, place, over, [*fields, *ring.numbers], [*fields, *names]))
        ring.properties.append(replace(one, climb=climb))
    return ring


@st.composite
def _formula(draw: st.DrawFn, ring: Ring, place: int, fields: Sequence[str]) -> Property:
    """What stands before it, and another number."""
    before = ring.names[place - 1]
    forms: tuple[Form, ...] = ("zeroed", "raised") if before in ring.numbers else ("whole",)
    other = draw(values([*fields, *(one for one in ring.numbers if one in ring.names[:place])]))
    return Property(ring.names[place], "Formula", None, Value(before, draw(st.sampled_from(forms))), other)


@st.composite
def _way_with_others(draw: st.DrawFn, ring: Ring, place: int, other: Seen, fields: Sequence[str]) -> Property:
    """What is over the children and over records of another entity, which has what is read, too."""
    before, number = ring.names[place - 1], 10 * int(ring.names[place][1:])
    (model,) = other.models
    ring.beside[model, before] = Property(before, "Formula", value=draw(values(fields)))
    over: Seen = Merged(number, (Relation(ring.climb.along, is_one=False), other))
    if draw(st.booleans()):
        over = Subset(number + 1, over, draw(tests([*fields, before])))
    return draw(_way(ring, place, over, [*fields, *({before} & {*ring.numbers})], [*fields, before]))


@st.composite
def _way(
    draw: st.DrawFn, ring: Ring, place: int, over: Seen, numbers: Sequence[str], fields: Sequence[str]
) -> Property:
    """What reads the one before it of what it is over, and other `fields` there, if it likes."""
    name, kind, before = ring.names[place], ring.kinds[place], ring.names[place - 1]
    is_number = before in ring.numbers
    read = values([before]) if is_number else st.just(Value(before, "whole"))
    where = st.none() | conditions(fields)
    match kind:
        case "Lookup":
            return Property(name, kind, over, draw(read), option=draw(st.none() | st.just(7)))
        case "Sum":
            return Property(name, kind, over, draw(read), where=draw(where))
        case "WeightedSum":  # of small ones: a weight that climbs as well makes them large enough
            small = Value(before, "scaled" if is_number else "whole")
            return Property(name, kind, over, small, draw(values(numbers)), draw(where))
        case "Average":
            missing = draw(st.none() | st.integers(0, 2))
            return Property(name, kind, over, draw(read), where=draw(where), option=missing)
        case _:
            is_empty = draw(st.booleans()) if kind == "Every" else None
            return Property(name, kind, over, where=draw(conditions([before])), option=is_empty)


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
