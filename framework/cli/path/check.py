"""`millrace integration check`: the folder, the manifest, the design document, and the tests."""

from dataclasses import dataclass
from pathlib import Path

from framework.cli.path import design, folder, tests
from framework.cli.path.finding import Finding
from framework.cli.path.project import Project


@dataclass(frozen=True)
class Checked:
    """What was found. `open` is what only a person can fill in; `ran` is None where no tests were run."""

    problems: tuple[Finding, ...]
    open: tuple[Finding, ...]
    ran: tests.Ran | None = None

    @property
    def green(self) -> bool:
        return not self.problems and (self.ran is None or self.ran.green)


def lint(project: Project, *names: str) -> Checked:
    """Judge without running anything. Raises NoSuchIntegration."""
    problems: list[Finding] = []
    waiting: list[Finding] = []
    for name in names:
        project.existing(name)
        documents = project.designs_of(name)
        problems += _problems(project, name, documents)
        waiting += folder.to_fill_in(project, [project.folder(name), project.tests(name), *documents])
    return Checked(tuple(problems), tuple(waiting))


def check(project: Project, *names: str) -> Checked:
    """Judge, and run the tests of the folders, all in one process. Raises NoSuchIntegration."""
    judged = lint(project, *names)
    return Checked(judged.problems, judged.open, tests.run(project, *names))


def lint_design(project: Project, document: Path, name: str) -> tuple[Finding, ...]:
    """What a design document lacks."""
    manifest = folder.manifest_of(project.folder(name))
    secrets = tuple(secret.name for secret in manifest.secrets) if manifest else ()
    return tuple(design.mistakes(document, project.short(document), secrets))


def _problems(project: Project, name: str, documents: list[Path]) -> list[Finding]:
    problems = list(folder.mistakes(project, name))
    if not documents:
        missing = project.short(project.design("<module>", name))
        problems.append(Finding(missing, 1, "is missing: an integration has a design document"))
    for document in documents:
        problems.extend(lint_design(project, document, name))
    return problems
