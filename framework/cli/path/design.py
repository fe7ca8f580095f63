"""Design documents: which sections they have, and what is missing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from framework.cli.path.finding import Finding

SECTIONS = (
    (2, "Overview"),
    (2, "External System Details"),
    (3, "System Information"),
    (3, "Required Environment Variables"),
    (3, "External APIs to Use"),
    (2, "Integration Flow"),
    (3, "Internal -> External"),
    (4, "Phase 1"),
    (4, "Phase 2"),
    (3, "External -> Internal"),
    (2, "Entity and Property Design"),
    (2, "Configuration Interface"),
    (2, "Error Handling Strategy"),
    (3, "External API Errors"),
    (3, "Internal Data Errors"),
    (2, "Testing Strategy"),
    (3, "External API Tests"),
    (3, "Integration Tests"),
    (2, "Review"),
)
"""Level and title, in this order; the title may go on."""

SYSTEM = ("External System", "Official Documentation", "SDK", "Authentication Method")
API = ("Endpoint", "Purpose", "Request", "Response", "Errors")
RESPONSIBILITIES = ("Integration's responsibility", "Business's responsibility")
QUESTIONS = 5
"""What the review answers: which APIs, what triggers them, how changes come home, which entities, errors."""


@dataclass(frozen=True)
class Section:
    """A heading with all that is below it. Lines count from 1; `end` is the last."""

    level: int
    title: str
    line: int
    end: int
    text: str


def sections(text: str) -> list[Section]:
    """All sections, in order; what stands in a code block is no heading."""
    lines = text.splitlines()
    headings = list(_headings(lines))
    found = []
    for n, (line, level, title) in enumerate(headings):
        after = (other for other, deep, _ in headings[n + 1 :] if deep <= level)
        end = next(after, len(lines) + 1) - 1
        found.append(Section(level, title, line, end, "\n".join(lines[line:end])))
    return found


def mistakes(path: Path, shown: Path, secrets: tuple[str, ...]) -> Iterator[Finding]:
    """What the document at `path` lacks, each with its line."""
    text = path.read_text(encoding="utf-8")
    found = sections(text)
    if not found or found[0].level != 1 or not found[0].title.endswith("Integration Design"):
        yield Finding(shown, 1, "the first line is not `# <Name> Integration Design`")
    at = 1
    parents: dict[int, Section | None] = {}
    for level, title in SECTIONS:
        section = _find(found, level, title, parents.get(level - 1))
        parents[level] = section
        if section is None:
            yield Finding(shown, at, f"the section `{'#' * level} {title}` is missing here")
            continue
        if section.line < at:
            yield Finding(
                shown, section.line, f"the section `{'#' * level} {title}` comes too late or too early"
            )
        at = section.line
        if not section.text.strip():
            yield Finding(shown, section.line, f"the section `{title}` is empty")
    yield from _within(shown, found, secrets)


def _within(shown: Path, found: list[Section], secrets: tuple[str, ...]) -> Iterator[Finding]:
    for section in found:
        match section.level, section.title:
            case 3, "System Information":
                yield from _bullets(shown, section, SYSTEM)
            case 3, "Required Environment Variables":
                for name in secrets:
                    if f"`{name}`" not in section.text:
                        yield Finding(
                            shown, section.line, f"the secret `{name}` of the manifest is not listed"
                        )
            case 3, "External APIs to Use":
                inside = [one for one in found if section.line < one.line <= section.end and one.level == 4]
                apis = [one for one in inside if one.title.startswith("API ")]
                if not apis:
                    yield Finding(shown, section.line, "no API is described under `#### API 1: <Name>`")
                for api in apis:
                    yield from _bullets(shown, api, API)
            case 2, "Entity and Property Design":
                for words in RESPONSIBILITIES:
                    if words.lower() not in " ".join(section.text.lower().split()):
                        yield Finding(shown, section.line, f"`{words}` is not stated")
            case 2, "Review":
                answers = [
                    line for line in section.text.splitlines() if re.match(r"- |\| (?!question|---)", line)
                ]
                if len(answers) < QUESTIONS:
                    yield Finding(
                        shown, section.line, f"{len(answers)} of {QUESTIONS} questions are answered"
                    )


def _bullets(shown: Path, section: Section, names: tuple[str, ...]) -> Iterator[Finding]:
    for name in names:
        if f"**{name}**" not in section.text:
            yield Finding(shown, section.line, f"`{section.title}` does not say `- **{name}**:`")


def _find(found: list[Section], level: int, title: str, parent: Section | None) -> Section | None:
    """The section of this level and title, below its parent where that is there."""
    return next(
        (
            one
            for one in found
            if one.level == level
            and one.title.replace("→", "->").startswith(title)
            and (level == 2 or (parent is not None and parent.line < one.line <= parent.end))
        ),
        None,
    )


def _headings(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    fenced = False
    for number, line in enumerate(lines, start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        heading = None if fenced else re.match(r"(#{1,6}) +(.*\S)", line)
        if heading:
            yield number, len(heading[1]), heading[2]
