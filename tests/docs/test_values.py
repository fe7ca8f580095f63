"""The page on values shows its file as it is, and Python's answers."""

import doctest
from io import StringIO

import pytest

from tests.docs.page import DOCS, ROOT, Page, without_blank_lines

PAGE = Page(DOCS / "values.md")


def test_the_listing_is_the_file_that_its_caption_names() -> None:
    ((path, blocks),) = PAGE.listings().items()
    assert without_blank_lines(blocks[0].text) == without_blank_lines((ROOT / path).read_text())


def test_the_answers_are_what_python_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    session = "\n".join(block.text for block in PAGE.of("pycon"))
    said = StringIO()
    test = doctest.DocTestParser().get_doctest(session, {}, "values", str(PAGE.path), 0)
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False).run(test, out=said.write)
    assert said.getvalue() == ""
