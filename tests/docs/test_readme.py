"""The README says what the code says."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
LISTINGS = re.findall(r"<!-- (\S+) -->\n```python\n(.*?)```\n", README, re.DOTALL)


def test_every_listing_names_its_file():
    assert len(LISTINGS) == README.count("```python") >= 2


@pytest.mark.parametrize(("file", "listing"), LISTINGS, ids=[file for file, _ in LISTINGS])
def test_a_listing_is_in_its_file_word_for_word(file, listing):
    """Each of its parts, which two empty lines keep apart, stands there as it is."""
    code = (PROJECT / file).read_text(encoding="utf-8")
    for part in listing.rstrip("\n").split("\n\n\n"):
        assert f"{part}\n" in code


def test_every_link_leads_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert len(links) > 5
    assert [link for link in links if not (PROJECT / link).exists()] == []


def test_the_commands_are_those_of_the_makefile():
    targets = re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"make ([a-z]+)", README)) <= set(targets)


def test_the_screenshot_shows_the_states_that_the_samples_expect():
    """What moves on the page is what a reader gets: the counts are those of the samples."""
    lines = [
        line
        for file in sorted((PROJECT / "business" / "samples").glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    for state in ("paid", "unpaid", "placed", "translated", "failed", "thanked", "unthanked"):
        expected = sum(f'status": "{state}"' in line for line in lines)
        assert re.search(rf"│ {state} +│ +{expected} │", README), state
    assert re.search(rf"│ samples +│ +{len(lines)} │", README)
