"""Insert a row, or change the one that is there."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite


def upserting(dialect: Dialect) -> Callable[..., Any]:
    """The `insert(...)` of the dialect that has `on_conflict_do_update`."""
    return postgresql.insert if dialect.name == "postgresql" else sqlite.insert
