"""The page that compares with interaqt leads to tests that are there, for every class of defects."""

import re

from tests.docs.page import DOCS, ROOT, Page

PAGE = Page(DOCS / "compared.md")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_DEFECT = re.compile(r"^\| (\d+) \| .* \| (.*) \|$", re.MULTILINE)


def test_the_tests_that_the_page_names_are_there() -> None:
    absent = [f"{path}::{name}" for path, name in _TEST.findall(PAGE.text) if not is_there(path, name)]
    assert absent == []


def is_there(path: str, name: str) -> bool:
    file = ROOT / path
    return file.is_file() and re.search(rf"def {name}\b", file.read_text()) is not None


def test_every_class_of_defects_has_its_test() -> None:
    tested = [(int(number), bool(_TEST.search(shown))) for number, shown in _DEFECT.findall(PAGE.text)]
    assert tested == [(number, True) for number in range(1, 46)]
