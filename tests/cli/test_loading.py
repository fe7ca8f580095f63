"""`millrace load`: facts from a file, and how to go on where a row is wrong."""

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from sqlmodel import select

from framework import Count, Entity, Event, Field, Global, Sum, computed, derive
from framework.app import App
from framework.cli.errors import LoadStopped, UnknownName
from framework.cli.loading import load


class Sold(Event, table=True):
    cents: int = Field(ge=0)


class Sale(Entity, table=True):
    cents: int


class Till(Global, table=True):
    sales: int = computed(Count(Sale))
    cents: int = computed(Sum(Sale, lambda sale: sale.cents))


@derive
def sale(sold: Sold) -> Sale:
    return Sale(id=sold.id, cents=sold.cents)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = App([[Sold, Sale, Till, sale]], database=f"sqlite:///{tmp_path}/till.db")
    yield app
    app.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "sold.jsonl"
    file.write_text("".join(json.dumps({"cents": n}) + "\n" for n in range(1, 101)))
    return file


def test_all_rows_are_stored_with_all_that_follows(app: App, file: Path) -> None:
    load(app, "Sold", file, batch=30, skip=0, console=quiet())
    assert (app.get(Till).sales, app.get(Till).cents) == (100, 5050)
    assert app.verify() == []


def test_progress_is_shown_to_the_end(app: App, file: Path) -> None:
    screen = StringIO()
    load(app, "Sold", file, batch=30, skip=0, console=Console(file=screen, force_terminal=True, width=100))
    assert "100%" in screen.getvalue()
    assert "100 rows" in screen.getvalue()


def test_a_wrong_row_stops_the_load_and_says_how_to_go_on(app: App, file: Path) -> None:
    rows = file.read_text().splitlines()
    rows[54] = '{"cents": -1}'
    file.write_text("\n".join(rows))
    with pytest.raises(LoadStopped) as stopped:
        load(app, "Sold", file, batch=20, skip=0, console=quiet())
    assert "row 55, cents: Input should be greater than or equal to 0" in str(stopped.value)
    assert "40 rows were stored before" in str(stopped.value)
    assert len(app.query(select(Sale))) == 40

    rows[54] = '{"cents": 55}'
    file.write_text("\n".join(rows))
    load(app, "Sold", file, batch=20, skip=stopped.value.skip, console=quiet())
    assert (app.get(Till).sales, app.get(Till).cents) == (100, 5050)


@pytest.mark.parametrize(("row", "problem"), [("{", "Row 2 is no JSON"), ("[1]", "row 2: Input should be")])
def test_a_line_that_is_no_object_is_named(app: App, file: Path, row: str, problem: str) -> None:
    file.write_text('{"cents": 1}\n\n' + row + "\n")
    with pytest.raises(LoadStopped, match=problem):
        load(app, "Sold", file, batch=20, skip=0, console=quiet())


def test_a_class_that_is_not_there_is_named_with_those_that_are(app: App, file: Path) -> None:
    with pytest.raises(UnknownName, match="Sale, Sold, Till"):
        load(app, "Sould", file, batch=20, skip=0, console=quiet())


def test_the_command_loads_a_file(tmp_path: Path, file: Path, millrace) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "till.py").write_text(
        "from framework.app import App\nfrom tests.cli.test_loading import Sale, Sold, Till, sale\n"
        "app = App([[Sold, Sale, Till, sale]], database='sqlite:///till.db')\n"
    )
    loaded = millrace("load", "till:app", "Sold", "sold.jsonl", "--batch", "40")
    assert loaded.returncode == 0, loaded.stderr
    assert "100 rows of Sold are stored" in loaded.stdout
    again = millrace("load", "till:app", "Sold", "sold.jsonl", "--skip", "100")
    assert "0 rows of Sold are stored" in again.stdout


def quiet() -> Console:
    return Console(file=StringIO())
