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
    """What came of a run, and of which code: a changed client or test makes it worthless."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    integration: str
    module: str
    ran_at: AwareDatetime
    passed: tuple[str, ...]
    failed: int
    skipped: int
    digest: str


def prove(project: Project, module: str, name: str, at: datetime) -> tests.Ran:
    """Run the live tests, and write down what came of them, good or bad."""
    ran = tests.run(project, name, live=True)
    evidence = Evidence(
        integration=name,
        module=module,
        ran_at=at,
        passed=ran.names,
        failed=ran.failed,
        skipped=ran.skipped,
        digest=digest(project, name),
    )
    write_whole(project.live_evidence(module, name), evidence.model_dump_json(indent=2) + "\n")
    return ran


def lacking(project: Project, module: str, name: str) -> Iterator[str]:
    """Why there is no proof that the real vendor does what the client expects; nothing if there is."""
    path = project.live_evidence(module, name)
    shown, remedy = project.short(path), f"Run: millrace integration check {name} --live"
    try:
        evidence = Evidence.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        yield f"{shown} is missing: nothing of {name} has reached the real vendor. {remedy}"
        return
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, one["loc"])) or "file" for one in error.errors())
        yield f"{shown} cannot be read ({fields}). {remedy}"
        return
    if (evidence.integration, evidence.module) != (name, module):
        yield f"{shown} is about {evidence.module}.{evidence.integration}. {remedy}"
    if evidence.failed or evidence.skipped or not evidence.passed:
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
