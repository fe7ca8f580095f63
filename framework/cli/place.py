"""Where the demo keeps its data, and the sandboxes' books beside it."""

import fcntl
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from framework.storage.errors import DatabaseInUse, UnsupportedDatabase

DATABASE = "sqlite:///millrace-demo.db"


@dataclass(frozen=True)
class Place:
    """A database, and the files that belong to it."""

    url: str

    @property
    def path(self) -> Path | None:
        """The file of the database; None if it is in memory, or on a server. Raises UnsupportedDatabase."""
        try:
            url = make_url(self.url)
        except ArgumentError as error:
            raise UnsupportedDatabase(url=self.url) from error
        if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
            return None
        return Path(url.database or "")

    @property
    def books(self) -> Path | None:
        """What the sandboxes remember of this database's calls."""
        return None if self.path is None else self.path.with_suffix(".sandboxes.json")

    def check_free(self) -> None:
        """Raise DatabaseInUse if another process has it open."""
        if self.path is None or not self._lock.exists():
            return
        with self._lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DatabaseInUse(url=self.url) from error

    def clear(self) -> None:
        """Delete all files, to start anew."""
        if self.path is not None and self.books is not None:
            beside = (Path(f"{self.path}{ending}") for ending in ("-wal", "-shm"))
            for file in (self.path, self.books, *beside):
                file.unlink(missing_ok=True)

    @property
    def _lock(self) -> Path:
        return Path(f"{self.path}.lock")
