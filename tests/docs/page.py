"""A page of the documentation, taken apart: its listings, its sessions, its pictures."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CAPTION = re.compile(r"`([\w./-]+)`:$")
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block; `path` is the file that the line before it names, as in "`docs/x.py`:"."""

    language: str
    text: str
    path: str | None
    line: int


class Page:
    """One Markdown file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.blocks = tuple(self._blocks())

    def of(self, language: str) -> list[Block]:
        """The blocks of one language, in order."""
        return [block for block in self.blocks if block.language == language]

    def listings(self) -> dict[str, list[Block]]:
        """The blocks that show a file, by its path."""
        shown: dict[str, list[Block]] = {}
        for block in self.blocks:
            if block.path is not None:
                shown.setdefault(block.path, []).append(block)
        return shown

    def links(self) -> list[str]:
        """What the page refers to within the project, without anchors."""
        prose = _FENCE.sub("", self.text)
        targets = (target.partition("#")[0] for target in _LINK.findall(prose))
        return [target for target in targets if target and "://" not in target]

    def _blocks(self) -> Iterator[Block]:
        for fence in _FENCE.finditer(self.text):
            before = self.text[: fence.start()]
            caption = _CAPTION.search(before.rstrip().rpartition("\n")[2])
            yield Block(fence[1], fence[2], caption[1] if caption else None, before.count("\n") + 1)


def without_blank_lines(code: str) -> list[str]:
    """The lines that say something: a page may take a file apart between any two of them."""
    return [line.rstrip() for line in code.splitlines() if line.strip()]
