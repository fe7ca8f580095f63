"""The page about relations shows a file as it is, and answers as they are."""

import doctest
from io import StringIO

import pytest

from tests.docs.page import DOCS, ROOT, Page, without_blank_lines

PAGE = Page(DOCS / "relations.md")


def test_the_listing_is_the_file_that_its_caption_names() -> None:
    assert list(PAGE.listings()) == ["docs/examples/village.py", "docs/examples/folders.py"]
    for path, (block,) in PAGE.listings().items():
        assert without_blank_lines(block.text) == without_blank_lines((ROOT / path).read_text())


def test_the_answers_are_what_python_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    session = "\n".join(block.text for block in PAGE.of("pycon"))
    test = doctest.DocTestParser().get_doctest(session, {}, "relations", str(PAGE.path), 0)
    said = StringIO()
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False).run(test, out=said.write)
    assert said.getvalue() == ""
