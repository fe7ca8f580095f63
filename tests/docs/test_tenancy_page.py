"""The page about tenants shows a file as it is, and answers as they are."""

import pytest

from tests.docs.page import DOCS, ROOT, Page, without_blank_lines
from tests.docs.test_tutorial import outcome_of

PAGE = Page(DOCS / "tenancy.md")


def test_the_listing_is_the_file() -> None:
    (listing,) = PAGE.listings().items()
    path, blocks = listing
    assert without_blank_lines(blocks[0].text) == without_blank_lines((ROOT / path).read_text())


def test_the_answers_are_what_python_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert outcome_of(PAGE, "\n".join(block.text for block in PAGE.of("pycon"))) == ""
