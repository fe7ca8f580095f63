"""A database that is busy, broken, taken or foreign says so, in words an operator can act on."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from framework import Count, Entity, Field, Global, computed
from framework.app import App, Settings
from framework.errors import StorageError
from framework.runtime.errors import InvalidRecord
from framework.storage.errors import (
    DatabaseBusy,
    DatabaseCorrupt,
    DatabaseInUse,
    DatabaseUnreachable,
    DatabaseUnwritable,
    SchemaDiffers,
    SchemaMissing,
    UnsupportedDatabase,
)


class Stone(Entity, table=True):
    weight: int = Field(default=1, ge=0)


class Pile(Global, table=True):
    count: int = computed(Count(Stone))


MODULE = [Stone, Pile]
SOON = Settings(patience=0.01)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/pile.db"


@pytest.fixture
def app(url: str) -> Iterator[App]:
    app = App([MODULE], database=url, settings=SOON)
    app.create()
    yield app
    app.close()


def test_a_new_file_has_small_pages_and_an_old_one_keeps_its_own(app: App, url: str, tmp_path: Path) -> None:
    assert app.engine.database.writer.row("PRAGMA page_size") == (2048,)  # type: ignore[attr-defined]  # SQLite has a writer
    assert app.engine.database.writer.row("PRAGMA wal_autocheckpoint") == (4096,)  # type: ignore[attr-defined]
    old = tmp_path / "old.db"
    with sqlite3.connect(old) as connection:
        connection.execute("PRAGMA page_size=8192")
        connection.execute("CREATE TABLE something_else (id INTEGER)")
    other = App([MODULE], database=f"sqlite:///{old}", settings=SOON)
    other.create()
    assert other.engine.database.writer.row("PRAGMA page_size") == (8192,)  # type: ignore[attr-defined]
    other.close()


@pytest.fixture
def holder(app: App, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that is in the middle of writing to the file."""
    connection = sqlite3.connect(tmp_path / "pile.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def add(app: App) -> Stone:
    with app.transaction() as tx:
        return tx.add(Stone())


@pytest.mark.usefixtures("holder")
def test_a_database_that_stays_busy_says_for_how_long(app: App, url: str) -> None:
    with pytest.raises(DatabaseBusy) as caught:
        add(app)
    assert str(caught.value) == (
        f"The database {url} stayed locked by another process for 0.03 seconds. "
        "Stop the other writer, or try again."
    )
    with pytest.raises(DatabaseBusy):
        app.engine.write(lambda tx: tx.add(Stone()))
    assert app.query(select(Stone)) == [], "reading goes on"


def test_a_database_that_is_free_again_is_used(app: App, holder: sqlite3.Connection) -> None:
    with pytest.raises(DatabaseBusy):
        add(app)
    holder.execute("ROLLBACK")
    add(app)
    assert app.get(Pile).count == 1
    assert app.verify() == []


def test_a_busy_moment_is_waited_for(url: str, tmp_path: Path) -> None:
    app = App([MODULE], database=url, settings=Settings(patience=5))
    app.create()
    holder = sqlite3.connect(tmp_path / "pile.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    tries: list[str] = []

    def let_go(statement: str) -> None:
        tries.append(statement)
        holder.execute("ROLLBACK")

    app.engine.database.writer.raw.set_trace_callback(let_go)
    with app.transaction() as tx:
        app.engine.database.writer.raw.set_trace_callback(None)
        tx.add(Stone())
    assert tries == ["BEGIN IMMEDIATE"]
    assert app.get(Pile).count == 1
    app.close()


def test_a_file_that_is_no_database_is_left_alone(url: str, tmp_path: Path) -> None:
    file = tmp_path / "pile.db"
    file.write_bytes(b"these are the minutes of the meeting, " * 100)
    with pytest.raises(DatabaseCorrupt) as caught:
        App([MODULE], database=url).create()
    assert str(caught.value) == (
        f"The file {url} is not a usable database (file is not a database). "
        "Restore it from a backup, or move it away to start anew."
    )
    assert file.read_bytes().startswith(b"these are the minutes")


def test_a_database_that_is_damaged_says_so_when_it_is_used(app: App, url: str, tmp_path: Path) -> None:
    with app.transaction() as tx:
        for _ in range(2000):
            tx.add(Stone())
    app.close()
    file = tmp_path / "pile.db"
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(DatabaseCorrupt):
        app.query(select(Stone))
    with pytest.raises(DatabaseCorrupt):
        add(app)


def test_a_database_without_tables_says_what_to_call(url: str) -> None:
    app = App([MODULE], database=url)
    for use in (
        lambda: add(app),
        lambda: app.get(Pile),
        lambda: app.query(select(Stone)),
        lambda: app.verify(),
        lambda: app.engine.write(lambda tx: tx.add(Stone())),
    ):
        with pytest.raises(SchemaMissing) as caught:
            use()
        said = "has no tables yet. Call `app.create()` once, or `millrace migrate --apply`."
        assert str(caught.value) == f"The database {url} {said}"
    app.create()
    add(app)
    app.close()


def other_stone() -> Any:
    class Stone(Entity, table=True):
        weight: int = 1
        colour: str = "grey"

    return Stone


def without_weight() -> Any:
    class Stone(Entity, table=True):
        pass

    return Stone


def test_a_database_of_other_declarations_is_refused(app: App, url: str) -> None:
    app.close()
    with pytest.raises(SchemaDiffers) as caught:
        App([[other_stone()]], database=url).create()
    assert str(caught.value) == (
        f"The database {url} was made for other declarations: stone has no column colour; "
        "the class Pile is gone; Stone.colour is new. "
        "See what `millrace migrate` says, and let it `--apply` that."
    )
    with pytest.raises(SchemaDiffers, match="stone has a column weight too many"):
        App([[without_weight()]], database=url).create()


def test_a_refused_database_is_not_kept_open(app: App, url: str) -> None:
    app.close()
    other = App([[other_stone()]], database=url)
    with pytest.raises(SchemaDiffers):
        other.create()
    other.close()
    app.create()
    add(app)


def test_what_is_missing_is_made_and_what_is_there_is_kept(url: str) -> None:
    first = App([[Stone]], database=url)
    first.create()
    stone = add(first)
    first.close()
    second = App([MODULE], database=url)
    second.create()
    second.create()
    assert second.get(Stone, stone.id).weight == 1
    second.close()


@pytest.mark.parametrize("path", ["missing/pile.db", "."])
def test_a_path_that_cannot_be_opened(tmp_path: Path, path: str) -> None:
    with pytest.raises(DatabaseUnreachable, match="cannot be opened"):
        App([MODULE], database=f"sqlite:///{tmp_path}/{path}").create()


def test_a_disk_that_cannot_be_written_says_so(app: App) -> None:
    app.engine.database.writer.run("PRAGMA query_only=ON")
    with pytest.raises(DatabaseUnwritable, match="Check its disk and its permissions"):
        add(app)
    app.engine.database.writer.run("PRAGMA query_only=OFF")
    add(app)


def test_a_full_disk_loses_nothing_that_was_stored(app: App) -> None:
    stone = add(app)
    (pages,) = app.engine.database.writer.row("PRAGMA page_count")
    app.engine.database.writer.row(f"PRAGMA max_page_count={pages}")
    with pytest.raises(DatabaseUnwritable, match="full"), app.transaction() as tx:
        for _ in range(5000):
            tx.add(Stone())
    app.engine.database.writer.row("PRAGMA max_page_count=1000000")
    assert [one.id for one in app.query(select(Stone))] == [stone.id]
    assert app.verify() == []
    add(app)


def test_one_process_at_a_time(app: App, url: str) -> None:
    add(app)
    script = """
        import sys
        sys.path.insert(0, sys.argv[2])
        from framework.app import App
        from framework.errors import StorageError
        from tests.storage.test_database import MODULE

        try:
            App([MODULE], database=sys.argv[1]).create()
        except StorageError as error:
            print(type(error).__name__, error)
        else:
            print("opened")
    """
    command = [sys.executable, "-c", textwrap.dedent(script), url, str(Path(__file__).parents[2])]

    def other() -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert other() == (
        f"DatabaseInUse The database {url} is open in another Millrace process, and SQLite takes one. "
        "Stop that process, or use PostgreSQL."
    )
    app.close()
    assert other() == "opened"


def test_two_apps_of_one_process_are_kept_apart_too(app: App, url: str) -> None:
    with pytest.raises(DatabaseInUse):
        App([MODULE], database=url).create()
    add(app)


def test_readers_cannot_write(app: App) -> None:
    add(app)
    with app.engine.database.reading() as connection, pytest.raises(StorageError):
        with app.engine.database.translated():
            connection.run("DELETE FROM stone")
    with pytest.raises(StorageError), app.engine.database.session() as session:
        session.connection().exec_driver_sql("DELETE FROM stone")
    assert app.get(Pile).count == 1


def test_an_unknown_database_is_refused_without_its_password() -> None:
    with pytest.raises(UnsupportedDatabase) as caught:
        App([MODULE], database="mysql://root:secret@example.org/db").create()
    assert "secret" not in str(caught.value)


def test_mistakes_of_the_caller_are_none_of_the_database(app: App) -> None:
    with pytest.raises(InvalidRecord), app.transaction() as tx:
        tx.add(Stone(weight=-1))


def test_commits_survive_reopening(app: App) -> None:
    add(app)
    app.close()
    assert app.get(Pile).count == 1
    app.close()
    app.close()


@pytest.mark.parametrize(("synchronous", "level"), [("FULL", 2), ("NORMAL", 1), ("OFF", 0)])
def test_durability_is_as_it_was_asked_for(url: str, synchronous: Any, level: int) -> None:
    app = App([MODULE], database=url, settings=Settings(synchronous=synchronous))
    app.create()
    connection = app.engine.database.writer
    assert connection.row("PRAGMA synchronous") == (level,)
    assert connection.row("PRAGMA journal_mode") == ("wal",)
    assert connection.row("PRAGMA foreign_keys") == (1,)
    app.close()
