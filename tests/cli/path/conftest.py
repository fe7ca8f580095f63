"""Projects that lie in folders of their own, and the commands run in them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from framework.cli.commands import millrace as commands
from framework.cli.path.project import Project

ROOT = Path(__file__).resolve().parents[3]
Type = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return Project(tmp_path)


@pytest.fixture
def millrace(project: Project) -> Type:
    """Run a command as it is typed."""

    def typed(line: str) -> Result:
        return CliRunner().invoke(commands, line.split())

    return typed
