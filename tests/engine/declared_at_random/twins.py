"""Twins: what a rule keeps for each record of a class, with a number that it reads there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.engine.declared_at_random.seen import Class
from tests.engine.declared_at_random.values import Row, Test, conditions


@dataclass(frozen=True)
class Twins:
    """A rule: a record for each of a class for which something holds, if anything."""

    of: Class
    number: str
    where: Test | None

    @property
    def source(self) -> str:
        fields = {self.number} if self.where is None else {self.number, self.where.field}
        reads = ", ".join(f"{self.of.name}.{field}" for field in sorted(fields) if field.startswith("p"))
        where = "True" if self.where is None else self.where.source("one")
        dials = ", dials: Dials" if self.where is not None and self.where.needs_dial else ""
        return (
            "class Twin(Entity, table=True):\n    number: int | None\n\n"
            f"@derive{f'(reads=[{reads}])' * bool(reads)}\n"
            f"def twin(one: {self.of.name}{dials}) -> Twin | None:\n"
            f"    return Twin(number=one.{self.number}) if {where} else None\n"
        )

    def numbers(self, rows: list[Row], level: int) -> Iterator[Any]:
        """Those of the twins that these records have."""
        return (row[self.number] for row in rows if self.where is None or self.where.of(row, level))


@st.composite
def twins(draw: st.DrawFn, of: Class, fields: list[str]) -> Twins:
    return Twins(of, draw(st.sampled_from(fields)), draw(st.none() | conditions(fields)))
