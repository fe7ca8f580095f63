"""A process that migrates a shop, and is killed before one of its statements."""

import os
import signal
from collections.abc import Callable
from itertools import count
from typing import Any

from framework.app import App
from framework.storage.postgres_connection import PostgresConnection
from framework.storage.sqlite import SqliteConnection
from tests.migration.versions import Version, module

BEFORE = Version(total=1, shop=1)
AFTER = Version(
    total=2, mean=1, dearest=1, latest=1, names=1, odd=1, label=2, holder=2, light=1, number=1, lines=2,
    parcels=1, shop=2, note=1, unique=1,
)  # fmt: skip


def mortal(
    execute: Callable[..., Any], dies_at: int, statements: Any, whose: str | None
) -> Callable[..., Any]:
    """A way to the driver that is not survived for long, counted in statements for one tenant."""

    def one(connection: Any, sql: str, *more: Any) -> Any:
        if connection.tenant == whose and next(statements) == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(connection, sql, *more)

    return one


def main(url: str, dies_at: int, whose: str | None = None) -> None:
    """Migrate; killed before that many statements of the engine, unless there are fewer."""
    statements = count(1)
    for kind in (SqliteConnection, PostgresConnection):
        for name in ("rows", "row", "run", "tell", "tell_many"):
            setattr(kind, name, mortal(getattr(kind, name), dies_at, statements, whose))
    app = App([module(AFTER)], database=url) if whose is None else shops(url)
    assert app.migrate() == []
    app.close()


def shops(url: str) -> App:
    """Shops of several tenants."""
    from tests.tenancy.shops import open_after

    return open_after(url)
