"""Decisions are short, say what they cost, and speak of files that are there."""

import re

import pytest

from tests.docs.page import DOCS, ROOT, Page

DECISIONS = [Page(path) for path in sorted((DOCS / "decisions").glob("*.md"))]
_FILE = re.compile(r"`((?:framework|integrations|business|tests|docs)/[\w./-]+)`")

every_decision = pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.path.stem)


def test_each_decision_has_a_number_of_its_own() -> None:
    numbers = [page.path.name[:4] for page in DECISIONS]
    assert len(set(numbers)) == len(numbers)


@every_decision
def test_a_decision_says_context_decision_and_consequences_in_this_order(page: Page) -> None:
    assert page.text.startswith(f"# {page.path.name[:4]}: ")
    places = [page.text.index(part) for part in ("Context", "Decision", "Consequences")]
    assert places == sorted(places)


@every_decision
def test_the_files_that_a_decision_names_are_there(page: Page) -> None:
    assert [name for name in _FILE.findall(page.text) if not (ROOT / name).exists()] == []
