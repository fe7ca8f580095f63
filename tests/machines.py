"""State machines of hypothesis that live on an empty database of their own, of each kind."""

from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine

from framework.app import App
from tests.schemas import schema


class MachineOnDatabase(RuleBasedStateMachine):
    """A machine of which the App, made with this URL, is closed in the end, and the database gone."""

    server: ClassVar[str | None] = None
    """The URL of a PostgreSQL server, or None for SQLite."""

    app: App

    def __init__(self) -> None:
        super().__init__()
        self._places = ExitStack()
        if self.server is None:
            self.url = f"sqlite:///{self._places.enter_context(TemporaryDirectory())}/test.db"
        else:
            self.url = self._places.enter_context(schema(self.server))

    def teardown(self) -> None:
        self.app.close()
        self._places.close()


def on_sqlite(machine: type[MachineOnDatabase], how: settings) -> Any:
    """The test case of the machine, with so many examples."""
    machine.TestCase.settings = how
    return machine.TestCase


def on_postgresql(machine: type[MachineOnDatabase], how: settings) -> Any:
    """The same on a server."""

    on_server: Any = type(f"{machine.__name__}OnPostgres", (machine,), {})
    on_server.TestCase.settings = how

    class Case(on_server.TestCase):  # type: ignore[misc]  # hypothesis makes the class
        @pytest.fixture(autouse=True)
        def server(self, postgres: str) -> None:
            on_server.server = postgres

    return Case
