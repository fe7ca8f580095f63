"""The index leads to every page, and every page leads somewhere."""

from pathlib import Path

import pytest

from tests.docs.page import DOCS, Page

PAGES = sorted(path for path in DOCS.rglob("*.md") if "examples" not in path.parts)
INDEX = DOCS / "README.md"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_links_lead_somewhere(path: Path) -> None:
    assert [link for link in Page(path).links() if not (path.parent / link).exists()] == []


def test_the_index_leads_to_every_page() -> None:
    reached = {(DOCS / link).resolve() for link in Page(INDEX).links()}
    design_documents = {path for path in PAGES if path.name.endswith(".integration-design.md")}
    assert set(PAGES) - design_documents - {INDEX} <= reached
