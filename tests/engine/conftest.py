"""A shop on an empty database, and an eye on its statements."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from framework.app import App
from tests.engine.shop import MODULE, cashier

Statements = list[str]
Watch = Callable[[], AbstractContextManager[Statements]]


@pytest.fixture
def app() -> Iterator[App]:
    app = App([MODULE], [cashier()])
    app.create()
    yield app
    app.close()


@pytest.fixture
def watch(app: App) -> Watch:
    """What the engine says to the database while it is watched, without BEGIN and COMMIT."""

    @contextmanager
    def watching() -> Iterator[Statements]:
        statements: Statements = []
        app.engine.database.writer.raw.set_trace_callback(statements.append)
        try:
            yield statements
        finally:
            app.engine.database.writer.raw.set_trace_callback(None)
            statements[:] = [one for one in statements if not one.startswith(("BEGIN", "COMMIT", "ROLLBACK"))]

    return watching
