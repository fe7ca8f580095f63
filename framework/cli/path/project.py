"""Where in a project everything of an integration lies."""

import re
from dataclasses import dataclass
from pathlib import Path

from framework.cli.path.errors import BadName, NoSuchIntegration

ENDING = ".integration-design.md"

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Project:
    """A folder with `integrations`, `tests` and `docs`."""

    root: Path

    @property
    def current_module(self) -> Path:
        return self.root / ".currentmodule"

    @property
    def integrations(self) -> Path:
        return self.root / "integrations"

    @property
    def docs(self) -> Path:
        return self.root / "docs"

    def folder(self, name: str) -> Path:
        return self.integrations / name

    def tests(self, name: str) -> Path:
        return self.root / "tests" / "integrations" / name

    def status(self, module: str) -> Path:
        return self.docs / f"{module}.status.json"

    def design(self, module: str, name: str) -> Path:
        return self.docs / f"{module}.{name}{ENDING}"

    def designs_of(self, name: str) -> list[Path]:
        """The design documents of an integration; one for each module that it was made for."""
        return sorted(self.docs.glob(f"*.{name}{ENDING}"))

    def live_evidence(self, name: str) -> Path:
        """What came of the tests against the real vendor."""
        return self.docs / "evidence" / f"{name}.json"

    def names(self) -> list[str]:
        """All integrations, whether or not their folders are complete."""
        folders = self.integrations.iterdir() if self.integrations.is_dir() else ()
        return sorted(folder.name for folder in folders if (folder / "__init__.py").is_file())

    def names_of(self, module: str) -> list[str]:
        """The integrations that a module has a design document for."""
        found = (path.name.removesuffix(ENDING) for path in self.docs.glob(f"{module}.*{ENDING}"))
        return sorted(stem.removeprefix(f"{module}.") for stem in found)

    def existing(self, name: str) -> Path:
        """The folder of an integration. Raises NoSuchIntegration."""
        if name not in self.names():
            raise NoSuchIntegration(name=name, folder="integrations", names=", ".join(self.names()) or "none")
        return self.folder(name)

    def short(self, path: Path) -> Path:
        return path.relative_to(self.root) if path.is_relative_to(self.root) else path


def named(name: str, kind: str) -> str:
    """The name, if it may be one. Raises BadName."""
    if not _NAME.fullmatch(name):
        raise BadName(name=name, kind=kind)
    return name
