"""`millrace status`: how far a module's integrations are, in docs/<module>.status.json.

Task 4 begins, then 4.1 to 4.5 begin and end one after the other, then Task 4 ends. Nothing ends without its
evidence: 4.1 the credentials, 4.2 the design documents, 4.3 the tests against the real vendor, 4.4 the
folders, 4.5 a green check.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from framework.cli.path import live
from framework.cli.path.check import check, lint, lint_design
from framework.cli.path.errors import MissingEvidence, UnreadableStatus, WrongOrder
from framework.cli.path.files import write_whole
from framework.cli.path.folder import to_fill_in
from framework.cli.path.listing import listed
from framework.cli.path.project import Project

WHOLE = "4"
STEPS = ("4.1", "4.2", "4.3", "4.4", "4.5")
TASKS = (WHOLE, *STEPS)

COMPLETED_ITEMS = (
    "External system research and environment validation completed",
    "Integration design documentation created",
    "External SDK/API testing completed with real API calls",
    "Integration implementation completed",
    "Integration testing completed",
)

Verb = Literal["started", "finished"]


class Status(BaseModel):
    """The file, as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    module: str
    currentTask: str = Field(pattern=r"^Task \d+(\.\d+)*$")  # noqa: N815  # the file's own word
    completed: bool
    completedItems: list[str] | None = None  # noqa: N815
    integration_complete: bool | None = None

    @property
    def task(self) -> str:
        return self.currentTask.removeprefix("Task ")

    def __str__(self) -> str:
        return f"{self.currentTask} is {'finished' if self.completed else 'under way'}"


@dataclass(frozen=True)
class Step:
    """What may come next."""

    verb: Verb
    task: str

    def __str__(self) -> str:
        return f"millrace status {'start' if self.verb == 'started' else 'finish'} {self.task}"


def start(project: Project, module: str, task: str, *, again: bool = False) -> Status:
    """Begin a task. `again` goes back to one that was done; all that comes after it is then to be done anew.

    Raises WrongOrder, or UnreadableStatus.
    """
    status = read(project, module)
    going_back = again and status is not None and status.task in STEPS and _is_before(task, status)
    if not going_back:
        _require(status, Step("started", task))
    return _write(project, Status(module=module, currentTask=f"Task {task}", completed=False))


def finish(project: Project, module: str, task: str) -> Status:
    """End the task that is under way. Raises WrongOrder, UnreadableStatus, or MissingEvidence."""
    _require(read(project, module), Step("finished", task))
    problems = [f"  {problem}" for problem in lacking(project, module, task)]
    if problems:
        raise MissingEvidence(task=task, problems="\n".join(problems))
    if task == WHOLE:
        done = Status(
            module=module,
            currentTask="Task 4",
            completed=True,
            completedItems=list(COMPLETED_ITEMS),
            integration_complete=True,
        )
        return _write(project, done)
    return _write(project, Status(module=module, currentTask=f"Task {task}", completed=True))


def next_step(status: Status | None) -> Step:
    """The one thing that may come now."""
    if status is None or status.task not in TASKS or (status.task == WHOLE and status.completed):
        return Step("started", WHOLE)
    if status.task == WHOLE:
        return Step("started", STEPS[0])
    if not status.completed:
        return Step("finished", status.task)
    if status.task == STEPS[-1]:
        return Step("finished", WHOLE)
    return Step("started", STEPS[STEPS.index(status.task) + 1])


def lacking(project: Project, module: str, task: str) -> Iterator[str]:
    """What a task still needs before it can end."""
    names = project.names_of(module)
    if not names:
        yield f"{module} has no integration: there is no {project.short(project.design(module, '<name>'))}"
    if task == "4.1":
        yield from _missing_credentials(project, names)
    for name in names:
        yield from _lacking(project, module, name, task)


def read(project: Project, module: str) -> Status | None:
    """The status as it is; None where nothing has begun. Raises UnreadableStatus, with the line."""
    path = project.status(module)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    shown = project.short(path)
    try:
        status = Status.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise UnreadableStatus(path=shown, line=error.lineno, problem=f"no JSON: {error.msg}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        problem = (
            f"`{key}`: {first['msg']}" if key else "no JSON object with `module`, `currentTask`, `completed`"
        )
        raise UnreadableStatus(path=shown, line=_line_of(text, key), problem=problem) from error
    for key, problem in _contradictions(status, module):
        raise UnreadableStatus(path=shown, line=_line_of(text, key), problem=problem)
    return status


def _contradictions(status: Status, module: str) -> Iterator[tuple[str, str]]:
    if status.module != module:
        yield "module", f"`module` is {status.module!r} in the file of {module!r}"
    if status.task.startswith(f"{WHOLE}.") and status.task not in STEPS:
        yield "currentTask", f"there is no Task {status.task}; there are {', '.join(TASKS)}"
    whole = status.task == WHOLE and status.completed
    if whole and status.integration_complete is not True:
        yield "completed", "Task 4 is `completed`, but `integration_complete` is not true"
    if whole and status.completedItems != list(COMPLETED_ITEMS):
        yield "completedItems", "Task 4 is `completed`, but `completedItems` are not the five that it takes"
    if not whole and status.integration_complete is not None:
        yield "integration_complete", f"`integration_complete` has no place while {status}"
    if not whole and status.completedItems is not None:
        yield "completedItems", f"`completedItems` have no place while {status}"


def _require(status: Status | None, asked: Step) -> None:
    """Raise WrongOrder unless this may come now."""
    may_come = next_step(status)
    if asked != may_come:
        now = "nothing has begun" if status is None else str(status)
        raise WrongOrder(task=asked.task, verb=asked.verb, now=now, next=may_come)


def _is_before(task: str, status: Status) -> bool:
    return task in STEPS and STEPS.index(task) <= STEPS.index(status.task)


def _lacking(project: Project, module: str, name: str, task: str) -> Iterator[Any]:
    document = project.design(module, name)
    match task:
        case "4.2":
            yield from lint_design(project, document, name)
            yield from _waiting(project, [document])
        case "4.3":
            yield from live.lacking(project, name)
        case "4.4":
            judged = lint(project, name)
            yield from judged.problems
            yield from _waiting(project, [project.folder(name)])
        case "4.5":
            checked = check(project, name)
            yield from checked.problems
            yield from (f"{finding} (to be filled in)" for finding in checked.open)
            if checked.ran is not None and not checked.ran.green:
                yield f"the tests of {name}: {checked.ran}. See: millrace integration check {name}"


def _waiting(project: Project, paths: list[Path]) -> Iterator[str]:
    return (f"{finding} (to be filled in)" for finding in to_fill_in(project, paths))


def _missing_credentials(project: Project, names: list[str]) -> Iterator[str]:
    for one in listed(project):
        if one.name in names:
            yield from (
                f"{lack.name} is missing. Purpose: {lack.purpose} Obtain from: {lack.obtain}"
                for lack in one.missing
            )


def _line_of(text: str, key: str) -> int:
    """The line that has this key; the last one if the key is missing."""
    lines = text.splitlines()
    has_key = (
        number for number, line in enumerate(lines, start=1) if re.search(rf'"{re.escape(key)}"\s*:', line)
    )
    return next(has_key, max(len(lines), 1)) if key else 1


def _write(project: Project, status: Status) -> Status:
    write_whole(project.status(status.module), status.model_dump_json(indent=2, exclude_none=True) + "\n")
    return status
