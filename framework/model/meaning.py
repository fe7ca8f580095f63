"""JSON by what it means: the order of its keys is no part of that, nor is the way a number is written."""

import json
from typing import Any

from sqlalchemy import ColumnElement, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

FUNCTION = "millrace_meaning"
"""What SQLite calls `meaning`; each connection is told."""


class Meaning(FunctionElement[Any]):
    """A column or a value of JSON, to be compared."""

    inherit_cache = True
    name = FUNCTION
    type = Text()

    @property
    def of(self) -> ColumnElement[Any]:
        """What is compared by its meaning."""
        (element,) = self.clauses
        return element


def meaning(text: str | None) -> str | None:
    """The text that all JSON of one meaning has in common, as JSONB knows it."""
    return None if text is None else json.dumps(json.loads(text, parse_float=_number), sort_keys=True)


def _number(digits: str) -> int | float:
    number = float(digits)
    return int(number) if number.is_integer() else number


@compiles(Meaning)
def _in_sqlite(element: Meaning, compiler: Any, **options: Any) -> str:
    return f"{FUNCTION}({compiler.process(element.of, **options)})"


@compiles(Meaning, "postgresql")
def _in_postgresql(element: Meaning, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.of, **options)} AS JSONB)"
