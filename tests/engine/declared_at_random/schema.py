"""Declarations as data: their source as a user would write it, and what each property is of its records."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from tests.engine.declared_at_random.seen import Class, Part, Reference, Seen, Through, View, Whole, behind
from tests.engine.declared_at_random.values import Row, Test, Value

HEADER = """
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Optional
from uuid import UUID

from framework import (
    Average, Collect, Count, Custom, Deadline, Entity, Event, Every, Field, First, Formula, Global, Latest,
    Lookup, Max, Min, Relationship, Sequence, Some, StateMachine, Sum, Transition, Unique, WeightedSum,
    computed, derive, entered, left, merged, subset,
)

class Stir(StrEnum):
    STILL = "still"
    STIRRED = "stirred"

class Dials(Global, table=True):
    level: int = 1

class Base(Entity):
    f0: int | None = None

START = datetime(2026, 1, 1, tzinfo=UTC)

def moment(hours, minutes):
    return None if hours is None else START + timedelta(hours=hours, minutes=minutes)
"""


@dataclass(frozen=True)
class Property:
    """A computed property, and what it is over, if anything."""

    name: str
    kind: str
    over: Seen | None = None
    value: Value | None = None
    other: Value | None = None
    where: Test | None = None
    option: Any = None
    by: str | None = None

    @property
    def number(self) -> int:
        """Those that it may read have lower ones."""
        return int(self.name[1:])

    @property
    def needs_dial(self) -> bool:
        parts = (self.value, self.other, self.where)
        return any(part is not None and part.needs_dial for part in parts)

    @property
    def annotation(self) -> str:
        one = self._annotation_of_one
        return one if self.by is None else f"dict[int, {one}]"

    @property
    def is_machine(self) -> bool:
        """Whether it remembers that somebody ever entered, or left, what it is over."""
        return self.kind in ("Entered", "Left")

    @property
    def _annotation_of_one(self) -> str:
        match self.kind:
            case "Entered" | "Left":
                return "Stir"
            case "Count" | "Sum" | "WeightedSum" | "Custom" | "Deadline" | "Sequence":
                return "int"
            case "Average":
                return "float | None" if self.by is None else "float"
            case "Every" | "Some":
                return "bool"
            case "Collect":
                return "list[int]"
            case _:
                return "int | None"

    @property
    def is_number(self) -> bool:
        return self.annotation in ("int", "int | None")

    @property
    def source(self) -> str:
        made = self._machine if self.is_machine else f"{self.kind}({', '.join(self._arguments())})"
        return f"    {self.name}: {self.annotation} = computed({made})"

    @property
    def _machine(self) -> str:
        assert self.over is not None
        moved = f"Transition(Stir.STILL, Stir.STIRRED, when={self.kind.lower()}({self.over.name}))"
        return f"StateMachine(Stir.STILL, {moved})"

    def _arguments(self) -> Iterator[str]:
        if self.kind == "Custom":
            yield from self._arguments_of_custom()
            return
        if self.kind == "Sequence":
            yield f"per={self.per!r}"
            return
        r = "r, dials" if self.needs_dial else "r"
        if self.over is not None:
            yield self.over.name
        if self.kind == "Deadline":
            assert self.value is not None
            yield f"lambda {r}: moment({self.value.source('r')}, {self.minute})"
            yield f"before=0, after={self.option}"
        elif self.value is not None:
            yield f"lambda {r}: {self.value.source('r')}"
        if self.other is not None:
            yield f"weight=lambda {r}: {self.other.source('r')}"
        if self.where is not None:
            yield f"where=lambda {r}: {self.where.source('r')}"
        if self.by is not None:
            yield f"by=lambda {r}: r.{self.by}"
        if self.needs_dial:
            yield "given=Dials"
        match self.kind:
            case "Average" if self.option is not None:
                yield f"missing={self.option}"
            case "Every":
                yield f"empty={self.option}"
            case "Collect":
                yield f"limit={self.option}"
            case "Lookup" if self.option is not None:
                yield f"missing={self.option}"

    def _arguments_of_custom(self) -> Iterator[str]:
        """`option` says whether it steps: a step that is told of nobody who came or went is an error."""
        assert self.over is not None
        assert self.value is not None
        name, dials = self.over.name, ", dials" if self.needs_dial else ""
        takes, records = "r", f"([r.{name}] if r.{name} else [])" if self.over.is_one else f"r.{name}"
        if isinstance(self.over, Whole | Part):
            takes, records = "r, records", "records"
        part, went, came = (f"({self.value.source(one)} or 0) % 3" for one in ("one", "before", "after"))
        yield f"lambda {takes}{dials}: sum({part} for one in {records})"
        if self.option:
            changed = f"value - {went} + (0 if after is None else {came})"
            yield f"lambda value, before, after{dials}: value + {came} if before is None else {changed}"
        yield f"reads=({name + '.' + self.value.field!r},)"
        if isinstance(self.over, Whole | Part):
            yield f"over={name}"
        if self.needs_dial:
            yield "given=Dials"

    @property
    def per(self) -> tuple[str, ...]:
        """The facts that make up the scope of a sequence."""
        return () if self.option is None else (self.option,)

    @property
    def minute(self) -> int:
        """Of the hour in which a deadline turns, so that no two turn at once."""
        return 2 * self.number

    def compute(self, row: Row, records: Sequence[Row], level: int, now: int) -> Any:
        """What the property is, from its own row, or from the records that it is over, oldest first, and
        from what the dial says; so many minutes after the start.
        """
        if self.kind == "Deadline":
            assert self.value is not None
            hours = self.value.of(row, level)
            return self.option if hours is not None and 60 * hours + self.minute <= now else 0
        if self.by is None:
            return self._of(row, records, level)
        keys = {one[self.by] for one in records if self._counts(one, level)} - {None}
        return {key: self._of(row, [one for one in records if one[self.by] == key], level) for key in keys}

    def _counts(self, record: Row, level: int) -> bool:
        """Whether a key is there because of the record."""
        if self.kind in ("Every", "Some"):
            return True
        parts = [one.of(record, level) for one in (self.value, self.other) if one is not None]
        if self.kind == "Average" and self.option is not None:
            parts = []
        return self._meets(record, level) and None not in parts

    def _meets(self, record: Row, level: int) -> bool:
        return self.where is None or self.where.of(record, level)

    def _of(self, row: Row, records: Sequence[Row], level: int) -> Any:
        match self.kind:
            case "Formula":
                assert self.value is not None
                return self.value.of(row, level)
            case "Lookup":
                assert self.value is not None
                found = self.value.of(records[0], level) if records else None
                return self.option if found is None else found
            case "Custom":
                assert self.value is not None
                return sum((self.value.of(one, level) or 0) % 3 for one in records)
            case "Every":
                assert self.where is not None
                return all(self.where.of(one, level) for one in records) if records else self.option
            case "Some":
                assert self.where is not None
                return any(self.where.of(one, level) for one in records)
        counted = [one for one in records if self._meets(one, level)]
        if self.kind == "Count":
            return len(counted)
        assert self.value is not None
        values = [self.value.of(one, level) for one in counted]
        given = [value for value in values if value is not None]
        match self.kind:
            case "Sum":
                return sum(given)
            case "WeightedSum":
                assert self.other is not None
                weights = [self.other.of(one, level) for one in counted]
                pairs = zip(values, weights, strict=True)
                return sum(
                    value * weight for value, weight in pairs if value is not None and weight is not None
                )
            case "Average":
                if self.option is not None:
                    given = [self.option if value is None else value for value in values]
                return fmean(given) if given else None
            case "Min":
                return min(given, default=None)
            case "Max":
                return max(given, default=None)
            case "First":
                return given[0] if given else None
            case "Latest":
                return given[-1] if given else None
            case "Collect":
                return given[::-1][: self.option]
        raise AssertionError(self.kind)


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
    twins: Class | None
    twins_where: Test | None
    told: Class | None

    @property
    def references(self) -> list[Reference]:
        """In the order in which they are written, which decides about what follows first who is deleted."""
        return [one for model in self._in_order for one in model.references]

    @property
    def _in_order(self) -> tuple[Model, ...]:
        return self.models[::-1] if self.is_descending else self.models

    def until(self, number: int) -> "Schema":
        """What there is of it before this property, and before its rules."""
        early = [one for one in self.totals if one.number < number]
        models = [
            replace(model, properties=tuple(one for one in model.properties if one.number < number))
            for model in self.models
        ]
        return replace(self, models=tuple(models), totals=tuple(early), twins=None, told=None)

    @property
    def seen(self) -> dict[Seen, None]:
        """All that something is over, and what that is made of."""
        everything = [*self.totals, *(one for model in self.models for one in model.properties)]
        over = [*(one.over for one in everything), self.twins, self.told]
        return {one: None for each in over if each is not None for one in behind(each)}

    @property
    def links(self) -> list[Through]:
        return [one for one in self.seen if isinstance(one, Through)]

    @property
    def source(self) -> str:
        """The module as a user would write it; classes come after those that they refer to by their class."""
        parts = sorted((one for one in self.seen if isinstance(one, Part)), key=lambda one: one.number)
        written = [HEADER, *(one.source for one in parts if one.whole.is_base)]
        for model in self._in_order:
            written.append(self._class(model))
            written += [one.source for one in parts if one.whole == Whole((model.number,), is_base=False)]
        written.append("class Totals(Global, table=True):\n" + _body([*_written(self.totals)]))
        if self.twins is not None:
            where = "True" if self.twins_where is None else self.twins_where.source("one")
            written.append(
                "class Twin(Entity, table=True):\n    number: int | None\n\n"
                f"@derive\ndef twin(one: {self.twins.name}) -> Twin | None:\n"
                f"    return Twin(number=one.f0) if {where} else None\n"
            )
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
        for one in model.references:
            option = "" if one.ondelete == "RESTRICT" else f', ondelete="{one.ondelete}"'
            kind = "UUID | None" if one.nullable else "UUID"
            default = "default=None, " if one.nullable else ""
            lines.append(f'    {one.key}: {kind} = Field({default}foreign_key="e{one.target}.id"{option})')
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
        return model.heading + _body([*lines, *_written(model.properties)])


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
