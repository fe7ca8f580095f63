"""The page docs/the-path.md is gone, step by step, in an empty folder."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from framework.cli.path.project import Project
from tests.cli.path.conftest import ROOT, Type
from tests.docs.page import Block, Page

PAGE = Page(ROOT / "docs" / "the-path.md")
LISTINGS = [block for block in PAGE.blocks if block.path is not None]


def sessions(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block, with the lines that it is said to print."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, *printed = part.splitlines()
        yield command, printed


@pytest.fixture
def gone(
    project: Project, millrace: Type, monkeypatch: pytest.MonkeyPatch
) -> dict[str, tuple[list[str], list[str]]]:
    """Every command of the page: what the page says that it prints, and what it printed."""
    monkeypatch.delenv("HARBOR_ROBOT_SECRET", raising=False)
    ours = f'[tool.ruff]\nsrc = [".", "{ROOT}"]\n'
    told = (ROOT / "pyproject.toml").read_text()
    (project.root / "pyproject.toml").write_text(told.replace("[tool.ruff]\n", ours))
    said: dict[str, tuple[list[str], list[str]]] = {}
    for block in PAGE.blocks:
        if block.path is not None:
            path = project.root / block.path
            assert path.is_file(), f"{path} is not among what `integration new` writes"
            path.write_text(block.text)
        elif block.language == "console":
            for command, printed in sessions(block):
                name, _, line = command.partition(" ")
                assert name == "millrace"
                ran = millrace(line)
                shown = ran.stdout + (str(ran.exception) if ran.exit_code and ran.exception else "")
                said[command] = printed, shown.splitlines()
    return said


def test_the_page_is_what_happens(gone: dict[str, tuple[list[str], list[str]]], project: Project) -> None:
    assert len(gone) == 8
    for command, (printed, shown) in gone.items():
        if printed[0] == "...":
            assert shown[-len(printed) + 1 :] == printed[1:], command
        else:
            assert shown == printed, command
    assert not any(
        "FILL IN" in path.read_text()
        for path in project.root.rglob("*.*")
        if path.is_file() and path.suffix in {".py", ".md", ".toml", ".json"}
    )


def test_every_block_is_a_file_or_a_session() -> None:
    assert [block.line for block in PAGE.blocks if block.path is None and block.language != "console"] == []


def test_every_exchange_on_the_page_is_in_harbors_own_description(contracts: Path) -> None:
    description = json.loads((contracts / "harbor" / "swagger.trim.json").read_text())
    [published] = [block for block in LISTINGS if block.path and block.path.endswith("published.json")]
    exchanges = json.loads(published.text)["exchanges"]
    assert exchanges
    for one in exchanges:
        operation = description["paths"][one["path"]][one["method"].lower()]
        assert str(one["status"]) in operation["responses"]
    assert description["definitions"]["Tag"]["properties"]["name"] == {"type": "string"}
    assert {"code", "message"} == description["definitions"]["Error"]["properties"].keys()
