"""The evidence of tests against the real vendor."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from framework.cli.path import tests
from framework.cli.path.files import write_whole
from framework.cli.path.project import Project


class Evidence(BaseModel):
    """What came of a run, and of which code: a changed client or test makes it worthless.

    `exchanges` counts requests by method, host, path without ids, and status, where the tests noted them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    integration: str
    ran_at: AwareDatetime
    passed: tuple[str, ...]
    failed: int
    skipped: int
    digest: str
    exchanges: dict[str, int] = {}

    @property
    def is_proof(self) -> bool:
        """Whether all tests passed, and none was skipped."""
        return bool(self.passed) and not self.failed and not self.skipped


def prove(project: Project, name: str, at: datetime) -> tests.Ran:
    """Run the live tests, and write down what came of them, good or bad."""
    path = project.live_evidence(name)
    path.unlink(missing_ok=True)
    ran = tests.run(project, name, live=True)
    noted = read(path).exchanges if path.is_file() else {}  # the tests themselves may have written it
    evidence = Evidence(
        integration=name,
        ran_at=at,
        passed=ran.names,
        failed=ran.failed,
        skipped=ran.skipped,
        digest=digest(project, name),
        exchanges=noted,
    )
    write(path, evidence)
    return ran


def read(path: Path) -> Evidence:
    return Evidence.model_validate_json(path.read_text(encoding="utf-8"))


def write(path: Path, evidence: Evidence) -> None:
    write_whole(path, evidence.model_dump_json(indent=2) + "\n")


def lacking(project: Project, name: str) -> Iterator[str]:
    """Why there is no proof that the real vendor does what the client expects; nothing if there is."""
    path = project.live_evidence(name)
    shown, remedy = project.short(path), f"Run: millrace integration check {name} --live"
    try:
        evidence = read(path)
    except FileNotFoundError:
        yield f"{shown} is missing: nothing of {name} has reached the real vendor. {remedy}"
        return
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, one["loc"])) or "file" for one in error.errors())
        yield f"{shown} cannot be read ({fields}). {remedy}"
        return
    if evidence.integration != name:
        yield f"{shown} is about {evidence.integration}. {remedy}"
    if not evidence.is_proof:
        told = f"{len(evidence.passed)} passed, {evidence.failed} failed, {evidence.skipped} skipped"
        yield f"{shown}: {told}; all must pass, and none may be skipped. {remedy}"
    if evidence.digest != digest(project, name):
        yield f"{shown} is about other code: the client or its live tests have changed since. {remedy}"


def digest(project: Project, name: str) -> str:
    """Of what the live tests are about: the client, its models, and the tests themselves."""
    files: list[Path] = [
        *(project.folder(name) / file for file in ("client.py", "models.py")),
        *sorted(project.tests(name).glob("test_*_live.py")),
    ]
    whole = hashlib.sha256()
    for file in files:
        if file.is_file():
            whole.update(f"{file.name}\n".encode() + file.read_bytes())
    return whole.hexdigest()
