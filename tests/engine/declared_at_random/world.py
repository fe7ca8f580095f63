"""What the facts of a schema's records come to, in plain Python."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any
from uuid import UUID

from tests.engine.declared_at_random.keeping import START, Keeping, is_held
from tests.engine.declared_at_random.machines import Host, Machines
from tests.engine.declared_at_random.properties import Climb, Property
from tests.engine.declared_at_random.rounds import Cause, Made, Round
from tests.engine.declared_at_random.schema import Schema
from tests.engine.declared_at_random.seeing import Bonds, Pair, seen_by
from tests.engine.declared_at_random.seen import Reference, Through
from tests.engine.declared_at_random.trees import is_tree, level_by_level
from tests.engine.declared_at_random.values import Row


@dataclass
class World:
    """The facts of a schema's records, and everything that follows from them, in plain Python."""

    schema: Schema
    rows: list[dict[UUID, Row]] = field(default_factory=list)
    level: int = 1  # what the dial says
    machines: Machines = field(default_factory=Machines)
    made: dict[Round, set[UUID]] = field(default_factory=dict)  # for whom there is what a state makes
    found: dict[Round, set[UUID]] = field(default_factory=dict)  # the same, when last looked at
    told: set[UUID] = field(default_factory=set)
    now: int = 0  # minutes after the start
    numbers: dict[Host, int] = field(default_factory=dict)  # what sequences have given
    last: dict[tuple[str, object], int] = field(default_factory=dict)  # and last, in each scope
    bonds: Bonds = field(default_factory=dict)  # of friends, by entity
    links: tuple[Through, ...] = ()  # through which it will be seen one day

    def __post_init__(self) -> None:
        self.rows = self.rows or [{} for _ in self.schema.models]

    def copy(self) -> "World":
        rows = [{id: row.copy() for id, row in rows.items()} for rows in self.rows]
        return replace(
            self,
            rows=rows,
            machines=self.machines.copy(),
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
            world.machines.states = self.machines.states.copy()  # who was there before has not entered since
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
        while kept is not None and sum(self._lose_some(kept, some) for some in self._lots(kept)):
            pass

    def _lots(self, kept: Keeping) -> Iterator[list[UUID]]:
        for beyond in kept.limits(self.rows, self.now):
            yield [id for id in beyond if not is_held(kept.model, id, self.schema.references, self.rows)]

    def _lose_some(self, kept: Keeping, going: list[UUID]) -> bool:
        """Whether any of them went."""
        return self._lose(kept.model, *going) or sum(self._lose(kept.model, id) for id in going) > 0

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
            together = [(one, self.machines.moved(one, number, full)) for _, one in pairs]
            rows = [total] if number is None else [*full[number].values()]
            if number is not None and isinstance(climb, Climb):
                rows = level_by_level(full[number], climb)
            for row in rows:
                for one, moved in together:
                    row[one.name] = self._value(one, row, number, full, moved)
        self.found = {one: those.copy() for one, those in self.made.items()}
        self.told |= {row["id"] for row in seen_by(self.schema.told, full, total, self.bonds)}
        if self.schema.twins is not None:
            rows = seen_by(self.schema.twins.of, full, total, self.bonds)
            self.twins = list(self.schema.twins.numbers(rows, self.level))
        return full, total

    def _value(
        self,
        one: Property,
        row: Row,
        number: int | None,
        full: list[dict[UUID, Row]],
        moved: Mapping[UUID | None, int],
    ) -> Any:
        if one.kind == "Sequence":
            return self._number(one, row)
        if isinstance(one.over, Made):
            return int(row["id"] in self.made.get(one.over.by, ()))
        records = seen_by(one.over, full, row, self.bonds)
        if one.is_machine:
            news = self._news(one, row, number, full)
            return self.machines.state(one, row.get("id"), records, moved, news)
        return one.compute(row, records, self.level, self.now)

    def _news(self, one: Property, row: Row, host: int | None, full: list[dict[UUID, Row]]) -> list[Cause]:
        """What a rule has done for a record since that was last looked at, which comes first in its wave; or
        what has come to it along a tree.
        """
        if one.spread is not None and host is not None:
            return ["spread"] if one.spread.has_come(row, full[host]) else []
        if one.round is None:
            return []
        then, since = (row["id"] in those.get(one.round, ()) for those in (self.found, self.made))
        return [] if then is since else ["made" if since else "gone"]

    def reasons(self) -> Iterator[tuple[int, UUID, Property, list[UUID]]]:
        """Each property of a record that is over others which have numbers, and of whom it was made."""
        full, _ = self.everything()
        for number, one in in_order(self.schema):
            if number is not None and one.over is not None and one.over.models and not one.is_machine:
                for id, row in full[number].items():
                    records = seen_by(one.over, full, row, self.bonds)
                    taking = one.partakers(row[one.name], records, self.level)
                    yield number, id, one, [other["id"] for other in taking]

    def _number(self, one: Property, row: Row) -> int:
        """What was given to a record, or the next of its scope."""
        if (one.name, row["id"]) not in self.numbers:
            scope = one.name, tuple(row[name] for name in one.per)
            self.last[scope] = self.numbers[one.name, row["id"]] = self.last.get(scope, 0) + 1
        return self.numbers[one.name, row["id"]]


def in_order(schema: Schema) -> Iterator[tuple[int | None, Property]]:
    """All properties, so that each comes after those that it may read."""
    all_of: list[tuple[int | None, Property]] = [
        (model.number, one) for model in schema.models for one in model.properties
    ]
    all_of += [(None, one) for one in schema.totals]
    return iter(sorted(all_of, key=lambda pair: pair[1].turn))


def _host_and_climb(pair: tuple[int | None, Property]) -> tuple[int | None, Climb | int]:
    """What the properties have in common that come to their values together, if not their number alone."""
    number, one = pair
    return number, one.climb or one.number
