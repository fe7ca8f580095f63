"""Questions: statements about calls, compiled once, and how their values are given to the driver."""

from typing import Any, NamedTuple

from sqlalchemy.sql import ClauseElement

from framework.storage.codec import Parameters
from framework.storage.statement import Statement
from framework.storage.statements import TableStatements

MOMENTS = ("after", "deadline", "latest", "now", "renewed", "until")
"""The names of values that are moments; those of columns go by the column's name and an underscore."""


class Question(NamedTuple):
    """A statement, and how its named values are given to the driver."""

    sql: str
    parameters: Parameters


def question(statements: TableStatements, statement: ClauseElement) -> Question:
    """The statement about the calls of one class, compiled."""
    compiled = Statement(statement, statements.dialect)
    encoder = statements.codec.encoder
    encoders: dict[str, Any] = {f"{name}_": encode for name, encode in encoder.items()}
    if (encode := encoder.get("_due_at")) is not None:
        encoders |= dict.fromkeys(MOMENTS, encode)
    return Question(compiled.sql, Parameters(compiled.names, encoders))
