"""A shop on an empty database of each kind, and an eye on its statements."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from framework.app import App
from framework.runtime.work import Work
from framework.storage.postgres_connection import PostgresConnection
from tests.engine.shop import MODULE, cashier

pytest.register_assert_rewrite("tests.engine.declared_at_random.days")

Statements = list[str]
Watch = Callable[[], AbstractContextManager[Statements]]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn: what the engine promises, it promises on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/test.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    app = App([MODULE], [cashier()], database_url)
    app.create()
    yield app
    app.close()


@pytest.fixture
def heard(app: App) -> list[Work]:
    """What listeners are told of: the transactions that were committed."""
    works: list[Work] = []
    app.engine.listeners.append(works.append)
    return works


@pytest.fixture
def watch(app: App) -> Watch:
    """What the engine says to the database while it is watched, without BEGIN and COMMIT."""

    @contextmanager
    def watching_the_seam() -> Iterator[Statements]:
        statements: Statements = []
        with pytest.MonkeyPatch.context() as patch:
            for name in ("rows", "run", "tell", "tell_many"):
                patch.setattr(
                    PostgresConnection, name, _noting(statements, getattr(PostgresConnection, name))
                )
            yield statements

    @contextmanager
    def watching() -> Iterator[Statements]:
        statements: Statements = []
        app.engine.database.writer.raw.set_trace_callback(statements.append)
        try:
            yield statements
        finally:
            app.engine.database.writer.raw.set_trace_callback(None)
            statements[:] = [one for one in statements if not one.startswith(("BEGIN", "COMMIT", "ROLLBACK"))]

    return watching_the_seam if app.engine.database.concurrent else watching


def _noting(statements: Statements, execute: Callable[..., Any]) -> Callable[..., Any]:
    def noted(connection: PostgresConnection, sql: str, *more: Any) -> Any:
        if not sql.startswith("BEGIN"):
            statements.append(sql)
        return execute(connection, sql, *more)

    return noted
