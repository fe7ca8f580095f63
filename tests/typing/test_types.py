"""The public surface is typed: mypy sees what computed properties are, and mistakes in declarations."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_SAID = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): error: .*\[(?P<code>[\w-]+)\]$")


@pytest.fixture(scope="module")
def errors() -> dict[str, dict[int, set[str]]]:
    """What mypy says of the files of this folder: by file and line, the codes of its errors."""
    files = [str(HERE / name) for name in ("declarations.py", "mistakes.py")]
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--no-error-summary", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, dict[int, set[str]]] = {"declarations.py": {}, "mistakes.py": {}}
    for line in ran.stdout.splitlines():
        said = _SAID.match(line)
        if said is not None and Path(said["file"]).name in found:
            found[Path(said["file"]).name].setdefault(int(said["line"]), set()).add(said["code"])
    assert ran.returncode == 1, ran.stdout + ran.stderr
    return found


def test_good_declarations_have_the_types_that_they_promise(errors: dict[str, dict[int, set[str]]]) -> None:
    assert errors["declarations.py"] == {}


def test_each_mistake_is_an_error_where_it_stands(errors: dict[str, dict[int, set[str]]]) -> None:
    expected = {
        number: set(re.split(r", ", line.partition("# E: ")[2]))
        for number, line in enumerate((HERE / "mistakes.py").read_text().splitlines(), 1)
        if "# E: " in line
    }
    assert errors["mistakes.py"] == expected
