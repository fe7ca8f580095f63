"""Every page of the tutorial shows files as they are, and output as it is."""

import doctest
from io import StringIO
from pathlib import Path

import pytest
from typer.main import get_group

from docs.tutorial.code import shop
from framework.app import App
from framework.cli.commands import millrace
from tests.docs.page import DOCS, ROOT, Block, Page, without_blank_lines

TUTORIAL = DOCS / "tutorial"
CODE = TUTORIAL / "code"
PAGES = [Page(path) for path in sorted(TUTORIAL.glob("0*.md"))]
MARKUP = {"mermaid", "sh"}
"""Blocks that neither show a file nor are run here; other tests hold pictures against `app.graph()`."""


def name_of(page: object) -> str:
    return page.path.stem if isinstance(page, Page) else str(page)


every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def outcome_of(page: Page, session: str) -> str:
    """What doctest finds wrong with a session; nothing if every answer is as the page shows it."""
    test = doctest.DocTestParser().get_doctest(session, {}, page.path.stem, str(page.path), 0)
    said = StringIO()
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False).run(test, out=said.write)
    return said.getvalue()


def test_there_are_five_pages() -> None:
    assert [page.path.name[:2] for page in PAGES] == ["01", "02", "03", "04", "05"]


@every_page
def test_a_listing_is_the_file_that_its_caption_names(page: Page) -> None:
    for path, blocks in page.listings().items():
        shown = "".join(block.text for block in blocks)
        assert without_blank_lines(shown) == without_blank_lines((ROOT / path).read_text()), path


@every_page
def test_every_block_is_a_file_a_session_or_markup(page: Page) -> None:
    loose = [
        block.line for block in page.blocks if block.path is None and block.language not in {"pycon", *MARKUP}
    ]
    assert loose == []


@every_page
def test_the_answers_of_a_session_are_what_python_says(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    session = "\n".join(block.text for block in page.of("pycon"))
    assert outcome_of(page, session) == ""


def test_a_wrong_answer_in_a_session_is_found() -> None:
    assert "Expected:" in outcome_of(PAGES[0], ">>> 1 + 1\n3\n")


@every_page
def test_links_lead_somewhere(page: Page) -> None:
    assert [link for link in page.links() if not (page.path.parent / link).exists()] == []


def test_every_file_of_the_tutorial_is_shown_on_a_page() -> None:
    shown = {path for page in PAGES for path in page.listings()}
    written = {str(path.relative_to(ROOT)) for path in files_of(CODE)}
    assert shown == written


def files_of(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    ]


def test_a_file_that_differs_from_its_listing_is_found() -> None:
    block = Block("python", "a = 1\n\nb = 2\n", None, 1)
    assert without_blank_lines(block.text) == without_blank_lines("a = 1\nb = 2\n")
    assert without_blank_lines(block.text) != without_blank_lines("a = 1\nb = 3\n")


def test_the_pictures_are_those_that_the_app_draws() -> None:
    app = App(modules=[shop])
    assert pictures("02-asking-the-world.md") == [app.graph(shop.Parcel, "status").strip()]
    assert pictures("05-running-it.md") == [app.graph().strip()]


def pictures(page: str) -> list[str]:
    return [picture.text.strip() for picture in Page(TUTORIAL / page).of("mermaid")]


@every_page
def test_the_commands_of_a_page_exist(page: Page) -> None:
    lines = [line for block in page.of("sh") for line in block.text.splitlines()]
    typed = {line.split()[1] for line in lines if line.startswith("millrace ")}
    assert typed <= get_group(millrace).commands.keys()
