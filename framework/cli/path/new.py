"""`millrace integration new`: a complete folder, its tests and its design document, green from the start."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from framework.cli.path.errors import AlreadyThere
from framework.cli.path.files import write_whole
from framework.cli.path.project import Project, named
from framework.cli.path.template import filled

TEMPLATES = files("framework.cli.path") / "templates"

FOLDER = (
    "manifest.toml",
    "__init__.py",
    "settings.py",
    "client.py",
    "models.py",
    "mapping.py",
    "errors.py",
    "webhooks.py",
    "sandbox.py",
    "README.md",
)
"""What lies in an integration's folder; the file name is the contract."""


class Shape(StrEnum):
    """How an outcome comes home."""

    SYNC = "sync"
    """In the answer of the call itself."""
    WEBHOOK = "webhook"
    """By a webhook, and by a poll where that is lost."""
    POLL = "poll"
    """By asking."""
    FRONTEND = "frontend"
    """A browser does the work with a link, and we look whether it did."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An integration that is to be."""

    name: str
    shape: Shape
    module: str
    title: str = ""

    @property
    def words(self) -> dict[str, str]:
        """What the templates are filled with."""
        title = self.title or self.name.replace("_", " ").title()
        camel = "".join(part.capitalize() for part in self.name.split("_"))
        noun = "upload" if self.shape is Shape.FRONTEND else "job"
        return {
            "name": self.name,
            "Name": camel,
            "NAME": self.name.upper(),
            "title": title,
            "module": self.module,
            "host": f"api.{self.name.replace('_', '-')}.example",
            "header": f"X-{camel}-Signature",
            "noun": noun,
            "Noun": noun.capitalize(),
        }


def create(project: Project, wanted: Wanted) -> list[Path]:
    """Write everything, and return what was written. Raises AlreadyThere before anything is."""
    named(wanted.name, "integration")
    named(wanted.module, "module")
    texts = dict(_texts(project, wanted))
    for taken in (project.folder(wanted.name), project.tests(wanted.name), *texts):
        if taken.exists():
            raise AlreadyThere(path=project.short(taken))
    package = project.integrations / "__init__.py"
    if not package.exists():
        write_whole(package, '"""One folder for each vendor."""\n')
    for path, text in texts.items():
        write_whole(path, text)
    _tidy(project, [path for path in texts if path.suffix == ".py"])
    return list(texts)


def _texts(project: Project, wanted: Wanted) -> Iterator[tuple[Path, str]]:
    folder, tests = project.folder(wanted.name), project.tests(wanted.name)
    for file in FOLDER:
        if file != "webhooks.py" or wanted.shape is Shape.WEBHOOK:
            yield folder / file, _text(f"folder/{file}", wanted)
    for kind in ("contract", "integration", "live"):
        yield tests / f"test_{wanted.name}_{kind}.py", _text(f"tests/test_{kind}.py", wanted)
    for file in ("conftest.py", "published.json"):
        yield tests / file, _text(f"tests/{file}", wanted)
    yield project.design(wanted.module, wanted.name), _text("docs/design.md", wanted)


def _text(template: str, wanted: Wanted) -> str:
    text = filled((TEMPLATES / f"{template}.tmpl").read_text(encoding="utf-8"), wanted.shape, wanted.words)
    return re.sub(r"\n{4,}", "\n\n\n", text).lstrip("\n")


def _tidy(project: Project, files: Sequence[Path]) -> None:
    """Lay the code out as ruff does, where there is a ruff: how long lines are depends on the name."""
    if find_spec("ruff") is None:
        return
    for command in (("check", "--fix", "--select", "F401,I", "--quiet"), ("format", "--quiet")):
        subprocess.run(
            [sys.executable, "-m", "ruff", *command, *map(str, files)], cwd=project.root, check=True
        )
