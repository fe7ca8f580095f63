"""One database, one vendor, and as many processes as a test asks for."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from framework.app import App
from tests.many.shop import Build, build, work
from tests.many.vendor import Books, serve

PATIENCE = 15.0

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.many.shop", "tests.many.bank", "tests.many.vendor"])


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
        at_work = _processes.Event()
        process = _processes.Process(
            target=work, args=(self.build, self.app.url, self.port, at_work), daemon=True
        )
        process.start()
        self.stack.callback(process.join)
        self.stack.callback(process.kill)
        assert at_work.wait(PATIENCE), "the worker does not come to work"
        return process

    def until(self, condition: Callable[[], bool], *, within: float = PATIENCE) -> float:
        """Return when it is so, after so many seconds."""
        begun = time.monotonic()
        pause = _processes.Event()
        while not condition():
            assert time.monotonic() < begun + within, "it does not come to be"
            pause.wait(0.002)
        return time.monotonic() - begun


@contextmanager
def town_at(url: str, folder: Path, build: Build = build) -> Iterator[Town]:
    with ExitStack() as stack:
        port: Any = _processes.SimpleQueue()
        books = Books(folder)
        vendor = _processes.Process(target=serve, args=(folder, port), daemon=True)
        vendor.start()
        stack.callback(vendor.join)
        stack.callback(vendor.kill)
        number = port.get()
        app = build(url, number)
        app.create()
        stack.callback(app.close)
        yield Town(app, build, books, number, stack)


@pytest.fixture
def town(postgres_url: str, tmp_path: Path) -> Iterator[Town]:
    with town_at(postgres_url, tmp_path) as town:
        yield town
