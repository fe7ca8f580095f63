"""Computed properties: their source as a user would write it, and what each is of its records."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from tests.engine.declared_at_random.rounds import Cause, Made, Move, Round
from tests.engine.declared_at_random.seen import Part, Reference, Seen, Whole
from tests.engine.declared_at_random.spreads import Spread, Stirred
from tests.engine.declared_at_random.values import Row, Test, Value

MOVES = ("Entered", "Left", "Created", "Deleted", "Changed", "Became")
OF_ITSELF = MOVES[4:]
"""What may move a machine; with the option `True`, there and back."""


@dataclass(frozen=True)
class Climb:
    """What properties have in common that read each other, and themselves, of children or of the parent."""

    along: Reference
    is_up: bool
    last: int  # number of these


@dataclass(frozen=True)
class Property:
    """A computed property, and what it is over, if anything."""

    name: str
    kind: str
    over: Seen | None = None
    value: Value | None = None
    other: Value | None = None
    where: Test | Stirred | None = None
    option: Any = None
    by: str | None = None
    reached: int | None = None
    climb: Climb | None = None
    round: Round | None = None
    spread: Spread | None = None

    @property
    def number(self) -> int:
        """Those that it may read have lower ones, but for those that climb with it."""
        return int(self.name[1:])

    @property
    def last(self) -> int:
        """The number that the last has of those without which it is not."""
        if isinstance(self.over, Made):
            return self.over.by.number
        return self.number if self.climb is None else self.climb.last

    @property
    def turn(self) -> tuple[int, bool, int]:
        """When it comes to its value: what climbs does together, after what others have by these names."""
        return self.last, self.climb is not None, self.number

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
        """Whether it is moved by what happens to what it is over."""
        return self.kind in MOVES

    @property
    def _annotation_of_one(self) -> str:
        match self.kind:
            case _ if self.is_machine:
                return "Stir" if self.round is None else "Stage"
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
    def moves(self) -> list[Move]:
        """Those of a machine."""
        further = self.round or self.spread
        if further is not None:
            return further.moves
        back: list[Move] = [("stirred", "still", "moved")] if self.option else []
        return [("still", "stirred", "moved"), *back]

    @property
    def _machine(self) -> str:
        kind = self.annotation
        moves = [
            f"Transition({kind}.{source.upper()}, {kind}.{target.upper()}, when={self._when(cause)})"
            for source, target, cause in self.moves
        ]
        return f"StateMachine({kind}.STILL, {', '.join(moves)})"

    def _when(self, cause: Cause) -> str:
        further = self.round or self.spread
        if further is not None and cause != "moved":
            return further.when(cause)
        what = () if self.over is None else (self.over.name,)
        field = () if self.value is None else (repr(self.value.field),)
        reached = () if self.reached is None else (str(self.reached),)
        return f"{self.kind.lower()}({', '.join((*what, *field, *reached))})"

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
        elif self.kind == "Formula" and self.value is not None and self.other is not None:
            yield f"lambda {r}: {self.value.source('r')} + ({self.other.source('r')} or 0)"
        elif self.value is not None:
            yield f"lambda {r}: {self.value.source('r')}"
        if self.kind == "WeightedSum" and self.other is not None:
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

    def partakers(self, value: Any, records: Sequence[Row], level: int) -> Sequence[Row]:
        """Those of the records that the value was made from: of a selection, the selected ones."""
        if self.kind in ("Lookup", "Custom"):
            return records
        keyed = [one for one in records if self.by is None or one[self.by] is not None]
        counting = [one for one in keyed if self._counts(one, level)]
        match self.kind:
            case "Min" | "Max":
                assert self.value is not None
                return [one for one in counting if self.value.of(one, level) == value]
            case "First":
                return counting[:1]
            case "Latest":
                return counting[-1:]
            case "Collect":
                return counting[-self.option :]
            case _:
                return counting

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
                value = self.value.of(row, level)
                if self.other is None:
                    return value
                return (value or 0) + (self.other.of(row, level) or 0)
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
