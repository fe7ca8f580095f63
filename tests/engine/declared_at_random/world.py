"""What the facts of a schema's records come to, in plain Python."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any
from uuid import UUID

from tests.engine.declared_at_random.keeping import START, Keeping, is_held
from tests.engine.declared_at_random.properties import MOVES, Climb, Property
from tests.engine.declared_at_random.rounds import Cause, Made, Round, State
from tests.engine.declared_at_random.schema import Schema
from tests.engine.declared_at_random.seen import (
    Friends,
    Merged,
    Part,
    Reference,
    Relation,
    Seen,
    Subset,
    Through,
    Whole,
)
from tests.engine.declared_at_random.trees import is_tree, level_by_level
from tests.engine.declared_at_random.values import Row, Test

Host = tuple[str, UUID | None]
"""A property of a record, or of the Global."""

Members = dict[UUID, tuple[UUID | None, Row]]
"""The records of a relation of anybody, or of a class: for whom each counts, and what it is."""

NOBODY = UUID(int=1)

Pair = tuple[UUID, UUID]
"""The ends of a bond, as they were given."""

Bonds = dict[int, dict[UUID, Pair]]


@dataclass
class World:
    """The facts of a schema's records, and everything that follows from them, in plain Python."""

    schema: Schema
    rows: list[dict[UUID, Row]] = field(default_factory=list)
    level: int = 1  # what the dial says
    seen: dict[Host, frozenset[UUID]] = field(default_factory=dict)  # who was there when last looked at
    members: dict[str, Members] = field(default_factory=dict)  # the same, of whomever
    states: dict[Host, State] = field(default_factory=dict)
    made: dict[Round, set[UUID]] = field(default_factory=dict)  # for whom there is what a state makes
    found: dict[Round, set[UUID]] = field(default_factory=dict)  # the same, when last looked at
    told: set[UUID] = field(default_factory=set)
    now: int = 0  # minutes after the start
    numbers: dict[Host, int] = field(default_factory=dict)  # what sequences have given
    last: dict[tuple[str, object], int] = field(default_factory=dict)  # and last, in each scope
    bonds: Bonds = field(default_factory=dict)  # of friends, by entity
    values: dict[Host, int | None] = field(default_factory=dict)  # of the one record, when last looked at

    links: tuple[Through, ...] = ()  # through which it will be seen one day

    def __post_init__(self) -> None:
        self.rows = self.rows or [{} for _ in self.schema.models]

    def copy(self) -> "World":
        rows = [{id: row.copy() for id, row in rows.items()} for rows in self.rows]
        return replace(
            self,
            rows=rows,
            seen=self.seen.copy(),
            members=self.members.copy(),
            values=self.values.copy(),
            states=self.states.copy(),
            made={one: those.copy() for one, those in self.made.items()},
            found=self.found.copy(),
            told=self.told.copy(),
            bonds={number: those.copy() for number, those in self.bonds.items()},
            numbers=self.numbers.copy(),
            last=self.last.copy(),
        )

    def under(self, schema: Schema) -> "World":
        """The same facts, as far as they are there still, of which other things are said from now on."""
        world = replace(self.copy(), schema=schema)
        rows = [*self.rows, *({} for _ in schema.models)]
        world.rows = [
            {id: world._facts(model.number, row) for id, row in rows[model.number].items()}
            for model in schema.models
        ]
        world.bonds = {number: those for number, those in self.bonds.items() if number in schema.friendly}
        if not world.in_the_way:
            world._wave()
            world.states = self.states.copy()  # who was there before has not entered since
        return world

    def _facts(self, number: int, row: Row) -> Row:
        """What there is of a record, with nothing in what is new."""
        model = self.schema.models[number]
        names = [*model.facts, *(one.key for one in model.references)]
        since = {"at": row.get("at", START)} if self.is_timed(number) else {}
        return {name: row.get(name) for name in names} | since

    @property
    def in_the_way(self) -> set[str]:
        """The entities of which records do not fit: with nothing where something is needed, or not unique."""
        found = set()
        for one in self.schema.references:
            given = [row[one.key] for row in self.rows[one.source].values()]
            there = [key for key in given if key is not None]
            if (None in given and not one.nullable) or (one.takes and len({*there}) < len(there)):
                found.add(self.schema.models[one.source].name)
        for one in self.circular:
            found.add(self.schema.models[one.source].name)
        for link in self.schema.links:
            pairs = [(row[link.near.key], row[link.far.key]) for row in self.rows[link.link].values()]
            pairs = [pair for pair in pairs if None not in pair]
            if len({*pairs}) < len(pairs):
                found.add(self.schema.models[link.link].name)
        return found

    @property
    def circular(self) -> list[Reference]:
        """The trees that are none, because a record is above itself."""
        trees = self.schema.trees
        return [one for one in trees if not is_tree(self.rows[one.source], one.key)]

    def delete(self, number: int, *ids: UUID) -> bool:
        """Delete records with what follows them; whether nothing that stays keeps one of them from going."""
        going = rest = {(number, id) for id in ids}
        while rest:
            follow = {
                (one.source, id)
                for one in self.schema.references
                if one.ondelete == "CASCADE"
                for id, row in self.rows[one.source].items()
                if (one.target, row[one.key]) in rest
            }
            rest = follow - going
            going = going | rest
        for model, id in going:
            self.rows[model].pop(id, None)
            bonds = self.bonds.get(model, {})
            self.bonds[model] = {bond: pair for bond, pair in bonds.items() if id not in pair}
        for made, hosts in self.made.items():
            hosts -= {id for model, id in going if model == made.model}
        for one in self.schema.references:
            for row in self.rows[one.source].values():
                if (one.target, row[one.key]) in going:
                    if one.ondelete == "RESTRICT":
                        return False
                    row[one.key] = None
        return True

    def is_linked(self, number: int, facts: Row, but: UUID | None = None) -> bool:
        """Whether a link has these ends already."""
        links = [one for one in (*self.schema.links, *self.links) if one.link == number]
        return any(
            id != but
            and (facts[one.near.key], facts[one.far.key]) == (row[one.near.key], row[one.far.key])
            and None not in (row[one.near.key], row[one.far.key])
            for one in links
            if one.near.key in facts and one.far.key in facts
            if not (one.near.takes or one.far.takes)  # the other one lets go
            for id, row in self.rows[number].items()
        )

    def is_timed(self, number: int) -> bool:
        """Whether its records know since when they are there."""
        return self.schema.kept is not None and self.schema.kept.model == number

    def take(self, number: int, id: UUID, facts: Row) -> None:
        """A record refers to others from now on, which it takes from who referred to them before."""
        for one in self.schema.models[number].references:
            target = facts.get(one.key)
            if one.takes and target is not None:
                for other, row in self.rows[number].items():
                    if other != id and row[one.key] == target:
                        row[one.key] = None

    def are_bound(self, number: int, pair: Pair, but: UUID | None = None) -> bool:
        """Whether these are friends already, whichever of them was named first."""
        bonds = self.bonds.get(number, {}).items()
        return any(bond != but and set(pair) == set(ends) for bond, ends in bonds)

    def sweep(self) -> None:
        """Let those go who are not kept any longer: each lot together, or one by one if one has to stay;
        and then those who were held by these.
        """
        kept = self.schema.kept
        while kept is not None and any([self._lose_some(kept, some) for some in self._lots(kept)]):
            pass

    def _lots(self, kept: Keeping) -> Iterator[list[UUID]]:
        for beyond in kept.limits(self.rows, self.now):
            yield [id for id in beyond if not is_held(kept.model, id, self.schema.references, self.rows)]

    def _lose_some(self, kept: Keeping, going: list[UUID]) -> bool:
        """Whether any of them went."""
        return self._lose(kept.model, *going) or any([self._lose(kept.model, id) for id in going])

    def _lose(self, number: int, *ids: UUID) -> bool:
        """Delete records in a transaction of their own, if nothing keeps them; whether any went."""
        world, there = self.copy(), [id for id in ids if id in self.rows[number]]
        if not there or not world.delete(number, *there):
            return False
        self.__dict__.update(world.__dict__)
        self.everything()
        return True

    def everything(self) -> tuple[list[dict[UUID, Row]], Row]:
        """All rows with their computed properties, and the Global's, at the end of a day."""
        rows, total = self._wave()
        while self._make(rows):
            rows, total = self._wave()
        return rows, total

    def _make(self, rows: list[dict[UUID, Row]]) -> bool:
        """Make what is made of states; whether there is another wave."""
        before = self.made
        self.made = {
            one: {id for id, row in rows[one.model].items() if row[f"p{one.number}"] == "stirred"}
            | (before.get(one, set()) if one.is_event else set())
            for one in self.schema.rounds
        }
        return self.made != {one: before.get(one, set()) for one in self.made}

    def _wave(self) -> tuple[list[dict[UUID, Row]], Row]:
        """What follows from what there is."""
        full = [{id: {"id": id, **row} for id, row in rows.items()} for rows in self.rows]
        total: Row = {}
        for (number, climb), pairs in groupby(in_order(self.schema), _host_and_climb):
            together = [(one, self._moved(one, number, full)) for _, one in pairs]
            rows = [total] if number is None else [*full[number].values()]
            for row in level_by_level(full[number], climb) if isinstance(climb, Climb) else rows:
                for one, moved in together:
                    row[one.name] = self._value(one, row, full, moved)
        self.found = {one: those.copy() for one, those in self.made.items()}
        self.told |= {row["id"] for row in _seen(self.schema.told, full, total, self.bonds)}
        self.twins = [
            row["f0"]
            for row in _seen(self.schema.twins, full, total, self.bonds)
            if self.schema.twins_where is None or self.schema.twins_where.of(row, self.level)
        ]
        return full, total

    def _value(
        self, one: Property, row: Row, full: list[dict[UUID, Row]], moved: Mapping[UUID | None, int]
    ) -> Any:
        if one.kind == "Sequence":
            return self._number(one, row)
        if isinstance(one.over, Made):
            return int(row["id"] in self.made.get(one.over.by, ()))
        records = _seen(one.over, full, row, self.bonds)
        if one.is_machine:
            return self._state(one, row.get("id"), records, moved)
        return one.compute(row, records, self.level, self.now)

    def reasons(self) -> Iterator[tuple[int, UUID, Property, list[UUID]]]:
        """Each property of a record that is over others which have numbers, and who those are."""
        full, _ = self.everything()
        for number, one in in_order(self.schema):
            if number is not None and one.over is not None and one.over.models and not one.is_machine:
                for id, row in full[number].items():
                    yield number, id, one, [other["id"] for other in _seen(one.over, full, row, self.bonds)]

    def _number(self, one: Property, row: Row) -> int:
        """What was given to a record, or the next of its scope."""
        if (one.name, row["id"]) not in self.numbers:
            scope = one.name, tuple(row[name] for name in one.per)
            self.last[scope] = self.numbers[one.name, row["id"]] = self.last.get(scope, 0) + 1
        return self.numbers[one.name, row["id"]]

    def _state(
        self, one: Property, id: UUID | None, records: list[Row], moved: Mapping[UUID | None, int]
    ) -> State:
        """How a machine stands, after what happened since it was last looked at."""
        host = one.name, id
        was, now = self.seen.get(host, frozenset()), frozenset(row["id"] for row in records)
        self.seen[host] = now
        times = {"Entered": len(now - was), "Left": len(was - now)}.get(one.kind, moved.get(id, 0))
        if one.over is not None and one.over.is_one:
            times = self._times_of_one(one, host, was, records, times)
        causes: list[Cause] = ["moved"] * times
        if one.round is not None:  # what a rule does comes first in its wave
            then, since = (those.get(one.round, set()) for those in (self.found, self.made))
            causes[:0] = ["made"] * (id in since - then) + ["gone"] * (id in then - since)
        for cause in causes:
            state = self.states.get(host, "still")
            self.states[host] = next(
                (target for source, target, by in one.moves if (source, by) == (state, cause)), state
            )
        return self.states.get(host, "still")

    def _times_of_one(
        self, one: Property, host: Host, was: frozenset[UUID], records: list[Row], times: int
    ) -> int:
        """How often the one record that another leads to gave reason to move."""
        match one.kind:
            case "Created":
                return int(not was and bool(records))
            case "Deleted":
                return int(bool(was) and not records)
            case "Changed":
                assert one.value is not None, "it is the value that changes"
                value = records[0][one.value.field] if records else None
                then, self.values[host] = self.values.get(host), value
                return int(was == {row["id"] for row in records} and then != value and bool(was))
            case "Became":
                assert one.value is not None, "it is the value that is reached"
                value = records[0][one.value.field] if records else None
                then, self.values[host] = self.values.get(host), value
                is_another = was != {row["id"] for row in records}
                return int(value == one.reached and (is_another or then != value))
            case _:
                return times

    def _moved(
        self, one: Property, host: int | None, full: list[dict[UUID, Row]]
    ) -> Mapping[UUID | None, int]:
        """How many came to be, are gone, or have changed, by the record for which they count."""
        if one.kind not in MOVES[2:] or (one.over is not None and one.over.is_one):
            return {}
        now: Members
        if one.over is not None:
            now = _members(one.over, full)
        else:
            assert host is not None, "it is a record that moves of itself"
            now = {id: (id, row) for id, row in full[host].items()}
        was, self.members[one.name] = self.members.get(one.name, {}), now
        match one.kind:
            case "Created":
                return Counter(now[id][0] for id in now.keys() - was.keys())
            case "Deleted":
                return Counter(was[id][0] for id in was.keys() - now.keys())
        assert one.value is not None, "it is the value that changes"
        name = one.value.field
        if one.kind == "Became":
            come = [id for id in now if id not in was or was[id][1][name] != one.reached]
            return Counter(now[id][0] for id in come if now[id][1][name] == one.reached)
        return Counter(now[id][0] for id in now.keys() & was.keys() if now[id][1][name] != was[id][1][name])


def in_order(schema: Schema) -> Iterator[tuple[int | None, Property]]:
    """All properties, so that each comes after those that it may read."""
    all_of: list[tuple[int | None, Property]] = [
        (model.number, one) for model in schema.models for one in model.properties
    ]
    all_of += [(None, one) for one in schema.totals]
    return iter(sorted(all_of, key=lambda pair: pair[1].number))


def _host_and_climb(pair: tuple[int | None, Property]) -> tuple[int | None, Climb | int]:
    """What the properties have in common that come to their values together, if not their number alone."""
    number, one = pair
    return number, one.climb or one.number


def _seen(over: Seen | None, full: list[dict[UUID, Row]], row: Row, bonds: Bonds) -> list[Row]:
    """The records that a row sees, oldest first: of what leads to one, that one or none."""
    match over:
        case Relation(of=reference, is_one=True):
            key = row[reference.key]
            return [] if key is None else [full[reference.target][key]]
        case Relation(of=reference):
            return [other for other in full[reference.source].values() if other[reference.key] == row["id"]]
        case Through():
            links = [one for one in full[over.link].values() if one[over.near.key] == row["id"]]
            ends = [one[over.far.key] for one in links if one[over.far.key] is not None]
            return [full[over.far.target][end] for end in ends]
        case Friends(model=model):
            pairs = [pair for pair in bonds.get(model, {}).values() if row["id"] in pair]
            return [full[model][one if other == row["id"] else other] for one, other in pairs]
        case Whole():
            return _oldest_first([one for model in over.models for one in full[model].values()])
        case Part() | Subset():
            return [other for other in _seen(over.of, full, row, bonds) if _belongs(other, over.where)]
        case Merged():
            found = [other for part in over.parts for other in _seen(part, full, row, bonds)]
            return found[:1] if over.is_one else _oldest_first(found)
        case None:
            return []


def _members(over: Seen, full: list[dict[UUID, Row]]) -> Members:
    """All that count for anybody in what is no way through links; where a reference is empty, for nobody."""
    match over:
        case Relation(of=reference):
            return {id: (row[reference.key] or NOBODY, row) for id, row in full[reference.source].items()}
        case Whole():
            return {id: (None, row) for model in over.models for id, row in full[model].items()}
        case Part() | Subset():
            members = _members(over.of, full).items()
            return {id: member for id, member in members if _belongs(member[1], over.where)}
        case Merged():
            return {id: member for part in over.parts for id, member in _members(part, full).items()}
        case _:
            raise AssertionError("of links it is said who enters and leaves")


def _oldest_first(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["id"])


def _belongs(row: Row, where: Test | Part) -> bool:
    if isinstance(where, Test):
        return where.of(row)
    return where.where.of(row) and (isinstance(where.of, Whole) or _belongs(row, where.of))
