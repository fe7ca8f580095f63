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
    Relationship, Some, Sum, WeightedSum, computed, derive,
)
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
    """A number of a record, or None: one of its fields, perhaps with arithmetic."""

    field: str
    form: Literal["plain", "scaled", "zeroed"]

    def source(self, record: str) -> str:
        read = f"{record}.{self.field}"
        match self.form:
            case "plain":
                return read
            case "scaled":
                return f"(None if {read} is None else {read} % 5 - 2)"
            case "zeroed":
                return f"({read} or 0)"

    def of(self, row: Row) -> int | None:
        value: int | None = row[self.field]
        match self.form:
            case "plain":
                return value
            case "scaled":
                return None if value is None else value % 5 - 2
            case "zeroed":
                return value or 0


@dataclass(frozen=True)
class Test:
    """A yes or no about a record."""

    field: str
    above: int

    def source(self, record: str) -> str:
        return f"({record}.{self.field} or 0) > {self.above}"

    def of(self, row: Row) -> bool:
        return bool((row[self.field] or 0) > self.above)


@dataclass(frozen=True)
class Property:
    """A computed property. `over` is the relation (or the class, on the Global) that it is over, if any."""

    name: str
    kind: str
    over: Reference | int | None = None
    value: Value | None = None
    other: Value | None = None
    where: Test | None = None
    option: Any = None

    @property
    def annotation(self) -> str:
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
        match self.over:
            case Reference() if self.kind == "Lookup":
                yield self.over.to_one
            case Reference():
                yield self.over.to_many
            case int():
                yield f"E{self.over}"
        if self.value is not None:
            yield f"lambda r: {self.value.source('r')}"
        if self.other is not None:
            yield f"weight=lambda r: {self.other.source('r')}"
        if self.where is not None:
            yield f"where=lambda r: {self.where.source('r')}"
        match self.kind:
            case "Average" if self.option is not None:
                yield f"missing={self.option}"
            case "Every":
                yield f"empty={self.option}"
            case "Collect":
                yield f"limit={self.option}"

    def compute(self, row: Row, records: Sequence[Row]) -> Any:
        """What the property is, from its own row, or from the records that it is over, oldest first."""
        match self.kind:
            case "Formula":
                assert self.value is not None
                return self.value.of(row)
            case "Lookup":
                assert self.value is not None
                return self.value.of(records[0]) if records else None
            case "Custom":
                assert self.value is not None
                return sum((one[self.value.field] or 0) % 3 for one in records)
            case "Every":
                assert self.where is not None
                return all(map(self.where.of, records)) if records else self.option
            case "Some":
                assert self.where is not None
                return any(map(self.where.of, records))
        counted = [one for one in records if self.where is None or self.where.of(one)]
        if self.kind == "Count":
            return len(counted)
        assert self.value is not None
        values = [self.value.of(one) for one in counted]
        given = [value for value in values if value is not None]
        match self.kind:
            case "Sum":
                return sum(given)
            case "WeightedSum":
                assert self.other is not None
                weights = [self.other.of(one) for one in counted]
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
