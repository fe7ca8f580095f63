"""Declarations as data: their source as a user would write it, and what each property is of its records."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

Row = dict[str, Any]
OnDelete = Literal["CASCADE", "SET NULL", "RESTRICT"]

HEADER = """
from typing import Any, Optional
from uuid import UUID

from framework import (
    Average, Collect, Count, Custom, Entity, Every, Field, First, Formula, Global, Latest, Lookup, Max, Min,
    Relationship, Some, Sum, WeightedSum, computed, derive, subset,
)

class Dials(Global, table=True):
    level: int = 1
"""


@dataclass(frozen=True)
class Reference:
    """A foreign key of an entity to an earlier one, with relations on both ends."""

    source: int
    target: int
    ondelete: OnDelete

    @property
    def key(self) -> str:
        return f"e{self.target}_id"

    @property
    def to_one(self) -> str:
        return f"e{self.target}"

    @property
    def to_many(self) -> str:
        return f"all_e{self.source}"

    @property
    def nullable(self) -> bool:
        return self.ondelete == "SET NULL"


@dataclass(frozen=True)
class Value:
    """A number of a record, or None: one of its fields, perhaps with arithmetic, or with what a dial says."""

    field: str
    form: Literal["plain", "scaled", "zeroed", "raised"]

    @property
    def needs_dial(self) -> bool:
        return self.form == "raised"

    def source(self, record: str) -> str:
        read = f"{record}.{self.field}"
        match self.form:
            case "plain":
                return read
            case "scaled":
                return f"(None if {read} is None else {read} % 5 - 2)"
            case "zeroed":
                return f"({read} or 0)"
            case "raised":
                return f"({read} or 0) + dials.level"

    def of(self, row: Row, level: int) -> int | None:
        value: int | None = row[self.field]
        match self.form:
            case "plain":
                return value
            case "scaled":
                return None if value is None else value % 5 - 2
            case "zeroed":
                return value or 0
            case "raised":
                return (value or 0) + level


@dataclass(frozen=True)
class Test:
    """A yes or no about a record: whether a number is above another, or above what a dial says (None)."""

    field: str
    above: int | None

    @property
    def needs_dial(self) -> bool:
        return self.above is None

    def source(self, record: str) -> str:
        return f"({record}.{self.field} or 0) > {'dials.level' if self.above is None else self.above}"

    def of(self, row: Row, level: int = 0) -> bool:
        return bool((row[self.field] or 0) > (level if self.above is None else self.above))


@dataclass(frozen=True)
class Subset:
    """Those of a relation for which a test holds: of many, or of the one at the other end."""

    number: int
    of: Reference
    where: Test
    is_one: bool = False

    @property
    def name(self) -> str:
        return f"some{self.number}"

    @property
    def source(self) -> str:
        test = self.where.source("r")
        kind, relation = ("Any", self.of.to_one) if self.is_one else ("list[Any]", self.of.to_many)
        return f"    {self.name}: {kind} = subset({relation}, lambda r: {test})"


@dataclass(frozen=True)
class Property:
    """A computed property. `over` is the relation (or the class, on the Global) that it is over, if any."""

    name: str
    kind: str
    over: Reference | Subset | int | None = None
    value: Value | None = None
    other: Value | None = None
    where: Test | None = None
    option: Any = None
    by: str | None = None

    @property
    def needs_dial(self) -> bool:
        parts = (self.value, self.other, self.where)
        return any(part is not None and part.needs_dial for part in parts)

    @property
    def annotation(self) -> str:
        one = self._annotation_of_one
        return one if self.by is None else f"dict[int, {one}]"

    @property
    def _annotation_of_one(self) -> str:
        match self.kind:
            case "Count" | "Sum" | "WeightedSum" | "Custom":
                return "int"
            case "Average":
                return "float | None"
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
        return f"    {self.name}: {self.annotation} = computed({self.kind}({', '.join(self._arguments())}))"

    def _arguments(self) -> Iterator[str]:
        if self.kind == "Custom":
            assert isinstance(self.over, Reference)
            assert self.value is not None
            relation, read = self.over.to_many, self.value.field
            yield f"lambda r: sum((one.{read} or 0) % 3 for one in r.{relation})"
            yield f"reads=({relation + '.' + read!r},)"
            return
        r = "r, dials" if self.needs_dial else "r"
        match self.over:
            case Reference() if self.kind == "Lookup":
                yield self.over.to_one
            case Reference():
                yield self.over.to_many
            case Subset():
                yield self.over.name
            case int():
                yield f"E{self.over}"
        if self.value is not None:
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

    def compute(self, row: Row, records: Sequence[Row], level: int) -> Any:
        """What the property is, from its own row, or from the records that it is over, oldest first, and
        from what the dial says.
        """
        if self.by is None:
            return self._of(row, records, level)
        keys = {one[self.by] for one in records if self._counts(one, level)} - {None}
        return {key: self._of(row, [one for one in records if one[self.by] == key], level) for key in keys}

    def _counts(self, record: Row, level: int) -> bool:
        """Whether a key is there because of the record."""
        if self.kind == "Sum":
            assert self.value is not None
            return self._meets(record, level) and self.value.of(record, level) is not None
        return self.kind in ("Every", "Some") or self._meets(record, level)

    def _meets(self, record: Row, level: int) -> bool:
        return self.where is None or self.where.of(record, level)

    def _of(self, row: Row, records: Sequence[Row], level: int) -> Any:
        match self.kind:
            case "Formula":
                assert self.value is not None
                return self.value.of(row, level)
            case "Lookup":
                assert self.value is not None
                return self.value.of(records[0], level) if records else None
            case "Custom":
                assert self.value is not None
                return sum((one[self.value.field] or 0) % 3 for one in records)
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
    properties: tuple[Property | Subset, ...]

    @property
    def name(self) -> str:
        return f"E{self.number}"


@dataclass(frozen=True)
class Schema:
    """A module of entities, a Global over all of them, and a rule that keeps twins of the first."""

    models: tuple[Model, ...]
    totals: tuple[Property, ...]
    twins_where: Test | None

    @property
    def references(self) -> list[Reference]:
        return [one for model in self.models for one in model.references]

    @property
    def source(self) -> str:
        """The module as a user would write it; classes come after those that they refer to by their class."""
        parts = [HEADER]
        for model in reversed(self.models):
            parts.append(self._class(model))
        parts.append("class Totals(Global, table=True):\n" + _body([one.source for one in self.totals]))
        if self.twins_where is not None:
            fact = self.models[0].facts[0]
            parts.append(
                "class Twin(Entity, table=True):\n    number: int | None\n\n"
                "@derive\ndef twin(one: E0) -> Twin | None:\n"
                f"    return Twin(number=one.{fact}) if {self.twins_where.source('one')} else None\n"
            )
        return "\n\n".join(parts)

    def _class(self, model: Model) -> str:
        lines = [f"    {fact}: int | None = None" for fact in model.facts]
        for one in model.references:
            option = "" if one.ondelete == "RESTRICT" else f', ondelete="{one.ondelete}"'
            kind = "UUID | None" if one.nullable else "UUID"
            lines.append(f'    {one.key}: {kind} = Field(foreign_key="e{one.target}.id"{option})')
            lines.append(
                f'    {one.to_one}: Optional["E{one.target}"] = Relationship(back_populates="{one.to_many}")'
            )
        for one in self.references:
            if one.target == model.number:
                back = f'back_populates="{one.to_one}"'
                lines.append(f'    {one.to_many}: list["E{one.source}"] = Relationship({back})')
        lines += [one.source for one in model.properties]
        return f"class {model.name}(Entity, table=True):\n" + _body(lines)


def _body(lines: list[str]) -> str:
    return "\n".join(lines or ["    pass"]) + "\n"
