"""Empty databases within one PostgreSQL server."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg

_numbers = count(1)


@contextmanager
def schema(server: str) -> Iterator[str]:
    """The URL of a schema that nobody else has; it goes at the end."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    yield f"{server}&options=-csearch_path%3D{name}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {name} CASCADE")
