"""Declarations as data, and their source as a user would write it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tests.engine.declared_at_random.keeping import Keeping
from tests.engine.declared_at_random.properties import Property
from tests.engine.declared_at_random.rounds import Made, Round
from tests.engine.declared_at_random.seen import (
    Class,
    Friends,
    Part,
    Reference,
    Seen,
    Through,
    View,
    Whole,
    behind,
)
from tests.engine.declared_at_random.spreads import Stirred
from tests.engine.declared_at_random.twins import Twins
from tests.engine.declared_at_random.values import Value

HEADER = """
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Optional
from uuid import UUID

from framework import (
    Average, Collect, Count, Custom, Deadline, Entity, Event, Every, Field, First, Formula, Global, Latest,
    Lookup, Max, Min, Relationship, Retention, Sequence, Some, StateMachine, Sum, Transition, Unique,
    WeightedSum, became, changed, computed, created, deleted, derive, entered, left, merged, subset,
    takeover,
)

class Stir(StrEnum):
    STILL = "still"
    STIRRED = "stirred"

class Stage(StrEnum):
    STILL = "still"
    STIRRED = "stirred"
    DONE = "done"

class Dials(Global, table=True):
    level: int = 1

class Base(Entity):
    f0: int | None = None

START = datetime(2026, 1, 1, tzinfo=UTC)

def moment(hours, minutes):
    return None if hours is None else START + timedelta(hours=hours, minutes=minutes)
"""


@dataclass(frozen=True)
class Model:
    """An entity: its facts are numbers, some of which may be missing."""

    number: int
    facts: tuple[str, ...]
    references: tuple[Reference, ...]
    properties: tuple[Property, ...]

    @property
    def name(self) -> str:
        return f"E{self.number}"

    @property
    def heading(self) -> str:
        return f"class {self.name}(Base, table=True):\n"


@dataclass(frozen=True)
class Schema:
    """A module of entities, of their views, and of a Global over all of them; a rule that keeps twins of some
    records, and one that tells of some for ever.
    """

    models: tuple[Model, ...]
    totals: tuple[Property, ...]
    is_descending: bool  # whether what refers stands before what it refers to
    twins: Twins | None
    told: Class | None
    friendly: frozenset[int] = frozenset()  # the entities whose records are friends of each other
    kept: Keeping | None = None

    @property
    def references(self) -> list[Reference]:
        """In the order in which they are written, which decides about what follows first who is deleted."""
        return [one for model in self._in_order for one in model.references]

    @property
    def _in_order(self) -> tuple[Model, ...]:
        return self.models[::-1] if self.is_descending else self.models

    def until(self, number: int) -> "Schema":
        """What there is of it before this property, and before its rules."""
        early = [one for one in self.totals if one.last < number]
        models = [
            replace(model, properties=tuple(one for one in model.properties if one.last < number))
            for model in self.models
        ]
        return replace(self, models=tuple(models), totals=tuple(early), twins=None, told=None)

    @property
    def facts(self) -> list[tuple[str, ...]]:
        return [model.facts for model in self.models]

    @property
    def of_the_present(self) -> "Schema":
        """What follows from the facts alone; others stand for the numbers that were given."""
        models = [replace(one, properties=_of_the_present(one.properties)) for one in self.models]
        return replace(self, models=tuple(models), totals=_of_the_present(self.totals), told=None)

    @property
    def seen(self) -> dict[Seen, None]:
        """All that something is over, and what that is made of."""
        everything = [*self.totals, *(one for model in self.models for one in model.properties)]
        over = [*(one.over for one in everything), self.told, None if self.twins is None else self.twins.of]
        return {one: None for each in over if each is not None for one in behind(each)}

    @property
    def links(self) -> list[Through]:
        return [one for one in self.seen if isinstance(one, Through)]

    @property
    def rounds(self) -> list[Round]:
        everything = [one for model in self.models for one in model.properties]
        return [one.round for one in everything if one.round is not None]

    @property
    def trees(self) -> set[Reference]:
        """Those along which something climbs: nobody is above itself."""
        everything = [one for model in self.models for one in model.properties]
        return {one.climb.along for one in everything if one.climb is not None}

    @property
    def source(self) -> str:
        """The module as a user would write it; classes come after those that they refer to by their class."""
        parts = sorted((one for one in self.seen if isinstance(one, Part)), key=lambda one: one.number)
        written = [HEADER, *(one.source for one in parts if one.whole.is_base)]
        written += [_bond(number) for number in sorted(self.friendly)]
        written += [one.class_source for one in self.rounds]
        for model in self._in_order:
            written.append(self._class(model))
            written += [one.source for one in parts if one.whole == Whole((model.number,), is_base=False)]
        if self.kept is not None:
            written.append(self.kept.source)
        written.append("class Totals(Global, table=True):\n" + _body([*_written(self.totals)]))
        written += [one.rule_source for one in self.rounds]
        if self.twins is not None:
            written.append(self.twins.source)
        if self.told is not None:
            written.append(
                "class Told(Event, table=True):\n    source_id: UUID\n\n"
                f"@derive\ndef told(one: {self.told.name}) -> Told:\n    return Told(source_id=one.id)\n"
            )
        return "\n\n".join(written)

    def _class(self, model: Model) -> str:
        unique = {
            f'Unique("{one.near.key}", "{one.far.key}")' for one in self.links if one.link == model.number
        }
        lines = [f"    __table_args__ = ({', '.join(sorted(unique))},)"] if unique else []
        lines += [f"    {fact}: int | None = None" for fact in model.facts[1:]]
        if self.kept is not None and self.kept.model == model.number:
            lines.append("    at: datetime = START")
        for one in model.references:
            option = "" if one.ondelete == "RESTRICT" else f', ondelete="{one.ondelete}"'
            kind = "UUID | None" if one.nullable else "UUID"
            default = "default=None, " if one.nullable else ""
            field = f'Field({default}foreign_key="e{one.target}.id"{option}{", unique=True" * one.takes})'
            lines.append(f"    {one.key}: {kind} = {f'takeover({field})' if one.takes else field}")
            back = f'back_populates="{one.to_many}"'
            if one.is_own:
                back += f', sa_relationship_kwargs={{"remote_side": "{model.name}.id"}}'
            lines.append(f'    {one.to_one}: Optional["E{one.target}"] = Relationship({back})')
        for one in self.references:
            if one.target == model.number:
                back = f'back_populates="{one.to_one}"'
                lines.append(f'    {one.to_many}: list["E{one.source}"] = Relationship({back})')
        for link in self.links:
            if link.near.target == model.number:
                far = link.far.target
                lines.append(f'    {link.name}: list["E{far}"] = Relationship(link_model=E{link.link})')
        if Friends(model.number) in self.seen:
            bond = f"link_model=Bond{model.number}, symmetric=True"
            lines.append(f'    friends: list["{model.name}"] = Relationship({bond})')
        for made in self.rounds:
            if made.model == model.number:
                lines.append(f'    {made.relation}: list["{made.name}"] = Relationship()')
        return model.heading + _body([*lines, *_written(model.properties)])


def _of_the_present(properties: Sequence[Property]) -> tuple[Property, ...]:
    return tuple(
        Property(one.name, "Formula", value=Value("f0", "plain")) if _remembers(one) else one
        for one in properties
        if not one.is_machine and not isinstance(one.where, Stirred)
    )


def _remembers(one: Property) -> bool:
    """Whether the number is of something that was given, or made, at some time."""
    return one.kind == "Sequence" or isinstance(one.over, Made)


def _bond(number: int) -> str:
    """The class of the links between friends."""
    key = f'UUID = Field(foreign_key="e{number}.id", ondelete="CASCADE")'
    return f"class Bond{number}(Entity, table=True):\n    one_id: {key}\n    other_id: {key}\n"


def _written(properties: Sequence[Property]) -> Iterator[str]:
    """Each below what it is over."""
    written: dict[Seen, None] = {}
    for one in properties:
        for seen in behind(one.over) if one.over is not None else ():
            if isinstance(seen, View) and seen not in written:
                written[seen] = None
                yield seen.source
        yield one.source


def _body(lines: list[str]) -> str:
    return "\n".join(lines or ["    pass"]) + "\n"
