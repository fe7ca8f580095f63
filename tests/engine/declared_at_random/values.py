"""What is said of one record: a number of it, or a yes or no."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import strategies as st

Row = dict[str, Any]
Form = Literal["plain", "scaled", "zeroed", "raised", "whole"]
FORMS: tuple[Form, ...] = ("plain", "scaled", "zeroed", "raised")
"""Those of numbers; of others there is a whole one."""


@dataclass(frozen=True)
class Value:
    """A number of a record, or None: one of its fields, perhaps with arithmetic, or with what a dial says."""

    field: str
    form: Form

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
            case "whole":
                return f"int({read} or 0)"

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
            case "whole":
                return int(value or 0)


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


def values(fields: Sequence[str]) -> st.SearchStrategy[Value]:
    return st.sampled_from([Value(field, form) for field in fields for form in FORMS])


def tests(fields: Sequence[str]) -> st.SearchStrategy[Test]:
    """Without a dial."""
    return st.sampled_from([Test(field, above) for field in fields for above in range(-1, 3)])


def conditions(fields: Sequence[str]) -> st.SearchStrategy[Test]:
    return st.sampled_from([Test(field, above) for field in fields for above in (None, *range(-1, 3))])
