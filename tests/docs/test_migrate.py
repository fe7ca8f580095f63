"""The page about migrations: its listings are files, and its sessions are what the command says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.page import DOCS, ROOT, Page, without_blank_lines
from tests.forked import millrace

PAGE = Page(DOCS / "migrate.md")
EXAMPLES = DOCS / "examples" / "migrate"
FILL = """
from before import Item, Order, app
app.create()
with app.transaction() as tx:
    for cents in (300, 500):
        order = tx.add(Order(mail="ada@example.org"))
        tx.add(Item(order_id=order.id, cents=cents))
"""


def test_the_listings_are_the_files() -> None:
    assert PAGE.listings()
    for path, blocks in PAGE.listings().items():
        shown = [line for block in blocks for line in without_blank_lines(block.text)]
        assert shown == without_blank_lines((ROOT / path).read_text(encoding="utf-8")), path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with the shop as it was, on a database with two orders."""
    for file in EXAMPLES.glob("*.py"):
        shutil.copy(file, tmp_path)
    run(tmp_path, sys.executable, "-c", FILL)
    return tmp_path


def run(folder: Path, *command: str) -> tuple[int, str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "110"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def typed(folder: Path, *arguments: str) -> tuple[int, str]:
    done = millrace(*arguments, cwd=folder, env={**os.environ, "COLUMNS": "110"})
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def test_the_sessions_are_what_the_command_says(shop: Path) -> None:
    statuses = []
    for block in PAGE.of("console"):
        prompt, _, expected = block.text.partition("\n")
        _, *arguments = prompt.removeprefix("$ ").split()
        status, said = typed(shop, *arguments)
        statuses.append(status)
        assert without_blank_lines(said) == without_blank_lines(expected)
    assert statuses == [3, 2, 0, 0]


def test_what_is_migrated_is_there(shop: Path) -> None:
    typed(shop, "migrate", "after:app", "--fill", "Order.country=DE", "--apply")
    asked = "import after, sqlmodel; after.app.create();"
    asked += "print(sorted(o.label + o.email for o in after.app.query(sqlmodel.select(after.Order))))"
    assert run(shop, sys.executable, "-c", asked)[1].strip() == str(
        ["DE: 300ada@example.org", "DE: 500ada@example.org"]
    )
