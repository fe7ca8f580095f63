"""The page on admission shows its file as it is, and answers as Python gives them."""

import doctest

from tests.docs.page import DOCS, ROOT, Page, without_blank_lines

PAGE = Page(DOCS / "admission.md")


def test_the_listing_is_the_file() -> None:
    ((path, blocks),) = PAGE.listings().items()
    shown = "".join(block.text for block in blocks)
    assert without_blank_lines(shown) == without_blank_lines((ROOT / path).read_text())


def test_the_answers_are_what_python_says() -> None:
    (session,) = PAGE.of("pycon")
    test = doctest.DocTestParser().get_doctest(session.text, {}, "admission", str(PAGE.path), 0)
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0
