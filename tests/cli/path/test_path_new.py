"""A new integration of each shape is whole, typed, laid out and green at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from framework.cli.path import check as checks
from framework.cli.path.new import FOLDER, Shape, Wanted, create
from framework.cli.path.project import Project
from tests.cli.path.conftest import ROOT, Type


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One integration of each shape in a project that is laid out as this one is."""
    project = Project(tmp_path_factory.mktemp("four"))
    told = (ROOT / "pyproject.toml").read_text()
    ours = f'[tool.ruff]\nsrc = [".", "{ROOT}"]\n'
    (project.root / "pyproject.toml").write_text(told.replace("[tool.ruff]\n", ours))
    for shape in Shape:
        create(project, Wanted(name=f"my_{shape}", shape=shape, module="parcels"))
    return project


def test_a_check_of_each_shape_is_green(four: Project) -> None:
    assert four.names() == ["my_frontend", "my_poll", "my_sync", "my_webhook"]
    checked = checks.check(four, *four.names())
    assert checked.problems == ()
    assert checked.ran is not None
    assert checked.ran.green, checked.ran.said
    assert (checked.ran.failed, checked.ran.skipped) == (0, 0)
    assert checked.ran.passed >= 60
    assert checked.green


def test_what_only_a_person_knows_is_named_with_its_line(four: Project) -> None:
    waiting = checks.lint(four, "my_webhook").open
    first = next(finding for finding in waiting if finding.path.name == "manifest.toml")
    line = (four.root / first.path).read_text().splitlines()[first.line - 1]
    assert first.what in line
    assert {finding.path.suffix for finding in waiting} == {".toml", ".md", ".json", ".py"}


def test_the_code_is_laid_out_and_linted(four: Project) -> None:
    for command in (("check",), ("format", "--check")):
        ran = run(four, "ruff", *command, "integrations", "tests")
        assert ran.returncode == 0, ran.stdout


def test_the_code_is_strictly_typed(four: Project) -> None:
    cache = ROOT / ".mypy_cache" / "path"
    ran = run(
        four,
        *("mypy", "--strict", "--explicit-package-bases", f"--cache-dir={cache}", "integrations", "tests"),
    )
    assert ran.returncode == 0, ran.stdout


def run(project: Project, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=project.root,
        env={**os.environ, "MYPYPATH": f"{ROOT}:{project.root}"},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("shape", Shape)
def test_every_file_of_the_contract_is_there(four: Project, shape: Shape) -> None:
    there = {path.name for path in four.folder(f"my_{shape}").iterdir() if path.is_file()}
    absent = set() if shape is Shape.WEBHOOK else {"webhooks.py"}
    assert there == set(FOLDER) - absent


def test_nothing_is_written_over(millrace: Type, project: Project) -> None:
    assert millrace("integration new parrot --shape poll --module zoo").exit_code == 0
    before = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
    again = millrace("integration new parrot --shape webhook --module zoo")
    assert again.exit_code == 1
    assert "already there" in str(again.exception)
    assert {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()} == before


def test_a_design_document_alone_is_not_written_over_either(millrace: Type, project: Project) -> None:
    document = project.design("zoo", "parrot")
    document.parent.mkdir()
    document.write_text("ours")
    assert millrace("integration new parrot --shape sync --module zoo").exit_code == 1
    assert document.read_text() == "ours"
    assert not project.folder("parrot").exists()


def test_the_templates_are_part_of_the_package() -> None:
    import tomllib

    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = told["tool"]["setuptools"]["package-data"]["framework"]
    package = ROOT / "framework"
    packed = {path for pattern in patterns for path in package.glob(pattern)}
    templates = {path for path in Path(package, "cli/path/templates").rglob("*") if path.is_file()}
    assert templates
    assert templates <= packed
