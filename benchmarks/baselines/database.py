"""A fresh SQLite file per run, opened the way every contestant opens it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from framework.storage.sqlite import LOG, PAGE

Synchronous = Literal["NORMAL", "FULL"]


@contextmanager
def database(schema: str, synchronous: Synchronous) -> Iterator[sqlite3.Connection]:
    """A connection in autocommit mode to a new file with the tables of `schema`, a file beside this one."""
    with TemporaryDirectory(prefix="millrace-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "bench.db", isolation_level=None)
        try:
            connection.execute(f"PRAGMA page_size={PAGE}")  # ours are no better for their smaller pages
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA wal_autocheckpoint={LOG // PAGE}")
            connection.execute(f"PRAGMA synchronous={synchronous}")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.executescript(Path(__file__).with_name(schema).read_text())
            yield connection
        finally:
            connection.close()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One writing transaction: committed at the end, rolled back by an exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
