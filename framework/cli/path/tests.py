"""The tests of an integration's folder, run in a process of their own."""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from framework.cli.path.project import Project


@dataclass(frozen=True)
class Ran:
    """What came of a run. `said` is pytest's own output, `names` are the tests that passed."""

    status: int
    names: tuple[str, ...]
    failed: int
    skipped: int
    said: str

    @property
    def passed(self) -> int:
        return len(self.names)

    @property
    def green(self) -> bool:
        """Whether there were tests, and all of them passed or said why they were left out."""
        return self.status == 0 and self.passed > 0

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def run(project: Project, *names: str, live: bool = False) -> Ran:
    """Run the tests of integrations: those against their doubles, or those against the real vendors."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        chosen = "live" if live else "not live"
        folders = [str(project.tests(name)) for name in names]
        command = [sys.executable, "-m", "pytest", *folders, "-q", "-m", chosen]
        ran = subprocess.run(
            [*command, "--rootdir", str(project.root), "-p", "no:cacheprovider", f"--junitxml={report}"],
            cwd=project.root,
            env={**os.environ, "PYTHONPATH": _search_path(project)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return _read(report, ran.returncode, ran.stdout)


def _search_path(project: Project) -> str:
    """The project first, then all that this process itself can import from."""
    return os.pathsep.join([str(project.root), *(entry for entry in sys.path if entry)])


def _read(report: Path, status: int, said: str) -> Ran:
    if not report.is_file():
        return Ran(status or 1, (), 0, 0, said)
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case.find("skipped") is not None]
    passed = tuple(case.get("name", "") for case in cases if case not in failed and case not in skipped)
    return Ran(status, passed, len(failed), len(skipped), said)
