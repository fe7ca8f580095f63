"""A statement, compiled to the SQL of a driver."""

from sqlalchemy import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler


class Statement:
    """SQL of the driver, with the names of its parameters in their order."""

    __slots__ = ("names", "sql")

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler), "statements are compiled by the SQL compiler"
        self.sql = str(compiled)
        self.names = tuple(compiled.positiontup or ())

    def __repr__(self) -> str:
        return f"<Statement {self.sql!r}>"
