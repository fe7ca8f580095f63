"""What a row violates, whichever database says so."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeAlias


class Constraint(StrEnum):
    """What is demanded of a row."""

    REFERENCE = "reference"  # it refers to a row that is there
    UNIQUE = "unique"  # no other row has these values
    NUMBER = "number"  # its numbers have no more than 64 bits
    TEXT = "text"  # its texts are made of characters
    PRESENCE = "presence"  # it is there
    OTHER = "other"


class Violation(Exception):
    """The database refuses a row. Steps above know which record it is, and tell the caller in their words.

    `columns` are those of the constraint, as far as they are known; `detail` is what the database says
    about the values, where its connection can no longer be asked.
    """

    def __init__(
        self, constraint: Constraint, columns: tuple[str, ...] = (), detail: str | None = None, text: str = ""
    ) -> None:
        super().__init__(text)
        self.constraint = constraint
        self.columns = columns
        self.detail = detail
        self.position: int | None = None  # of several rows, which one it is, where that is known

    def meant(self, refused: "Refused | None", about: Any) -> Exception:
        """What it means to the caller, if anybody says so."""
        return self if refused is None else refused(self, about)

    def blames(self, row: Mapping[str, Any]) -> bool:
        """Whether the values in `detail` are those of the row."""
        values = ", ".join(str(row.get(column)) for column in self.columns)
        return self.detail is not None and f"=({values})" in self.detail


Refused: TypeAlias = Callable[[Violation, Any], Exception]
"""Says what a violated constraint means to the caller, of what a statement was about."""
