"""Apps on an empty database of their own, which goes with them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import server
from framework.app import App, Settings, opened
from framework.integration import Integration
from framework.storage.database import Synchronous


@contextmanager
def on_sqlite(
    declarations: Sequence[Any],
    integrations: Sequence[Integration[Any]] = (),
    *,
    synchronous: Synchronous,
    content: bytes | None = None,
) -> Iterator[App]:
    """An App on a new SQLite file, or on one that begins with `content`."""
    with TemporaryDirectory(prefix="millrace-bench-") as folder:
        file = Path(folder) / "bench.db"
        if content is not None:
            _write(file, content)
        settings = Settings(synchronous=synchronous)
        with opened(App([declarations], integrations, f"sqlite:///{file}", settings=settings)) as app:
            yield app


def _write(file: Path, content: bytes) -> None:
    """Write a file that the disk has, so that it does not write it while somebody is measured."""
    with file.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


@contextmanager
def on_postgres(declarations: Sequence[Any], integrations: Sequence[Integration[Any]] = ()) -> Iterator[App]:
    """An App on a new database of the session's server.

    Its process has the database alone, as its worker would find out as soon as it is there.
    """
    settings = Settings(synchronous="FULL")
    with server.database() as url, opened(App([declarations], integrations, url, settings=settings)) as app:
        crier = app.engine.database.crier
        assert crier is not None, "somebody would tell other processes"
        crier.alone = True
        yield app
