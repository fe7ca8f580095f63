"""Insert a row, or change the one that is there."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Dialect


def upserting(dialect: Dialect) -> Callable[..., Any]:
    """The `insert(...)` of the dialect that has `on_conflict_do_update`."""
    if dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # whoever has SQLite does without it

        return postgresql.insert
    from sqlalchemy.dialects import sqlite

    return sqlite.insert
