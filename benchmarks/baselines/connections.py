"""Sixteen connections to a fresh PostgreSQL database, each of one thread."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import server
from benchmarks.crew import AT_A_TIME


class Connection:
    """A connection in autocommit mode, on which every statement is prepared once."""

    def __init__(self, raw: "psycopg.Connection[Any]") -> None:
        self.raw = raw
        self._execute = psycopg.RawCursor(raw).execute

    def run(self, sql: str, *parameters: Any) -> "psycopg.Cursor[Any]":
        """Execute a statement with parameters $1, $2, ..."""
        return self._execute(sql, parameters, prepare=True)


@contextmanager
def connections(schema: str) -> Iterator[Sequence[Connection]]:
    """Connections to a new database with the tables of `schema`, a file beside this one."""
    with server.database() as url, ExitStack() as stack:
        crew = [
            Connection(stack.enter_context(psycopg.connect(url, autocommit=True))) for _ in range(AT_A_TIME)
        ]
        crew[0].raw.execute(Path(__file__).with_name(schema).read_text().encode())
        yield crew
