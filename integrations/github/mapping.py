"""GitHub's objects and the payloads of a business, each turned into the other. Pure."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from framework.errors import Permanent
from framework.integration.outcomes import Completed, ExternalId, Processing
from framework.model.payload import Payload
from integrations.github.models import (
    Annotation,
    CheckRun,
    CheckRunBody,
    CheckStatus,
    Comment,
    CommitStatus,
    Conclusion,
    Output,
    State,
    StatusBody,
)

TEXT_LIMIT = 65535
"""Characters of a summary and of a text."""
COMMENT_LIMIT = 65536
DESCRIPTION_LIMIT = 140
ANNOTATIONS_AT_ONCE = 50

CHECK_RUN, STATUS = "check_run:", "status:"
"""What external ids begin with: a call may have become a check run, or a commit status."""

STATES: dict[str, State] = {
    "success": "success",
    "neutral": "success",
    "skipped": "success",
    "failure": "failure",
    "timed_out": "failure",
    "action_required": "failure",
    "cancelled": "error",
    "stale": "error",
}
"""What a conclusion is as the state of a commit status, which has fewer words."""
CONCLUSIONS = {"success": "success", "failure": "failure", "error": "cancelled"}


@dataclass(frozen=True, kw_only=True)
class Check:
    """What a business wants to be shown at a commit. With `check_run_id` that run is changed, else one is
    made.

    `repository` is `owner/name`. `summary` and `text` are Markdown. Without `status` a check with a
    conclusion is completed, and one without is in progress.
    """

    repository: str
    head_sha: str
    name: str
    conclusion: Conclusion | None = None
    status: CheckStatus | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    details_url: str | None = None
    annotations: tuple[Annotation, ...] = ()
    check_run_id: int | None = None

    def __post_init__(self) -> None:
        _require_repository(self.repository)
        if not re.fullmatch(r"[0-9a-fA-F]{7,64}", self.head_sha):
            raise Permanent(f"{self.head_sha!r} is no commit. Give its hash.", code="unmapped_request")
        if self.is_completed and self.conclusion is None:
            raise Permanent("A completed check has a conclusion. Give one.", code="unmapped_request")

    @property
    def is_completed(self) -> bool:
        return self.status == "completed" if self.status else self.conclusion is not None


@dataclass(frozen=True, kw_only=True)
class Remark:
    """What a business wants to say in an issue or pull request. With `comment_id` that comment is changed."""

    repository: str
    number: int
    body: str
    comment_id: int | None = None

    def __post_init__(self) -> None:
        _require_repository(self.repository)


ToCheck: TypeAlias = Callable[[Any], Check]
ToRemark: TypeAlias = Callable[[Any], Remark]
ToCheckResult: TypeAlias = Callable[[CheckRun | CommitStatus], Payload | None]
ToCommentResult: TypeAlias = Callable[[Comment], Payload | None]


def to_check(request: Any) -> Check:
    """From a request with `repository`, `head_sha` and `name`, and what else of `Check` it has."""
    return Check(
        repository=_fact(request, "repository"),
        head_sha=_fact(request, "head_sha"),
        name=_fact(request, "name"),
        conclusion=getattr(request, "conclusion", None),
        status=getattr(request, "status", None),
        title=getattr(request, "title", None),
        summary=getattr(request, "summary", None),
        text=getattr(request, "text", None),
        details_url=getattr(request, "details_url", None),
        annotations=_annotations(getattr(request, "annotations", None) or ()),
        check_run_id=getattr(request, "check_run_id", None),
    )


def to_remark(request: Any) -> Remark:
    """From a request with `repository`, `number` and `body`, and maybe `comment_id`."""
    return Remark(
        repository=_fact(request, "repository"),
        number=_fact(request, "number"),
        body=_fact(request, "body"),
        comment_id=getattr(request, "comment_id", None),
    )


def new_run(check: Check, call: UUID) -> CheckRunBody:
    """The body that creates a check run, which carries the call's id."""
    return CheckRunBody(
        name=check.name,
        head_sha=check.head_sha,
        status=_status(check),
        conclusion=check.conclusion,
        external_id=str(call),
        details_url=check.details_url,
        output=_output(check, check.annotations[:ANNOTATIONS_AT_ONCE]),
    )


def changed_run(check: Check) -> CheckRunBody:
    """The body that changes a check run. It keeps the id of the call that made it."""
    return CheckRunBody(
        name=check.name,
        status=_status(check),
        conclusion=check.conclusion,
        details_url=check.details_url,
        output=_output(check, check.annotations[:ANNOTATIONS_AT_ONCE]),
    )


def further_annotations(check: Check, already: int) -> list[CheckRunBody]:
    """The bodies that add the annotations which a run lacks, fifty at a time."""
    rest = check.annotations[already:]
    batches = [
        rest[start : start + ANNOTATIONS_AT_ONCE] for start in range(0, len(rest), ANNOTATIONS_AT_ONCE)
    ]
    return [CheckRunBody(output=_output(check, batch)) for batch in batches]


def as_status(check: Check) -> StatusBody:
    """The commit status that says the same in fewer words."""
    return StatusBody(
        state=STATES[check.conclusion] if check.is_completed and check.conclusion else "pending",
        context=check.name,
        description=fitted(check.title, DESCRIPTION_LIMIT) if check.title else None,
        target_url=check.details_url,
    )


def shows(run: CheckRun, check: Check) -> bool:
    """Whether a check run has become what the check says. Annotations cannot be told apart by this."""
    body = changed_run(check)
    said = body.output
    return (
        (run.status, run.name) == (body.status, check.name)
        and body.conclusion in (None, run.conclusion)
        and (said is None or (run.output.title, run.output.summary) == (said.title, said.summary))
    )


def says(status: CommitStatus, body: StatusBody) -> bool:
    """Whether a commit status is the one that this body makes."""
    return (status.state, status.context, status.description, status.target_url) == (
        body.state,
        body.context,
        body.description,
        body.target_url,
    )


def outcome_of_run(
    run: CheckRun,
    to_result: ToCheckResult,
    *,
    reference: UUID | None = None,
    event_id: str | None = None,
) -> Completed | Processing:
    """What a check run means for the call that made it: done when the run is, whatever its conclusion."""
    external_id = ExternalId(f"{CHECK_RUN}{run.id}")
    if run.status != "completed":
        return Processing(detail=run.status, external_id=external_id, reference=reference, event_id=event_id)
    return Completed(
        to_result(run),
        external_id=external_id,
        reference=reference,
        event_id=event_id,
        occurred_at=run.completed_at,
    )


def outcome_of_status(
    status: CommitStatus, to_result: ToCheckResult, first: int | None = None
) -> Completed | Processing:
    """What a commit status means for the call whose first status was `first`."""
    external_id = ExternalId(f"{STATUS}{first or status.id}")
    if status.state == "pending":
        return Processing(detail="pending", external_id=external_id)
    return Completed(to_result(status), external_id=external_id, occurred_at=status.created_at)


def to_check_result_of(result: type[Payload] | None) -> ToCheckResult:
    """A function that fills the fields of a payload class of which GitHub knows something."""

    def to_result(shown: CheckRun | CommitStatus) -> Payload | None:
        return _filled(result, facts_of_run(shown) if isinstance(shown, CheckRun) else facts_of_status(shown))

    return to_result


def to_comment_result_of(result: type[Payload] | None) -> ToCommentResult:
    """A function that fills the fields of a payload class: `url` and `comment_id`."""

    def to_result(comment: Comment) -> Payload | None:
        return _filled(result, {"url": comment.html_url, "comment_id": comment.id})

    return to_result


def facts_of_run(run: CheckRun) -> dict[str, Any]:
    """What a result may ask for by name."""
    return {
        "kind": "check_run",
        "url": run.html_url,
        "check_run_id": run.id,
        "status_id": None,
        "conclusion": run.conclusion,
    }


def facts_of_status(status: CommitStatus) -> dict[str, Any]:
    """What a result may ask for by name, where a commit status took the place of the check run."""
    return {
        "kind": "status",
        "url": status.target_url,
        "check_run_id": None,
        "status_id": status.id,
        "conclusion": CONCLUSIONS.get(status.state),
    }


def signed_off(body: str, call: UUID) -> str:
    """A comment that carries the call's id, where no reader sees it."""
    ending = f"\n\n<!-- ac:{call} -->"
    return fitted(body, COMMENT_LIMIT - len(ending)) + ending


def signer_of(body: str) -> UUID | None:
    """The call that made this comment. Only the end of it counts: people quote."""
    signature = re.search(r"<!-- ac:([0-9a-f-]{36}) -->\s*\Z", body)
    return uuid_or_none(signature[1]) if signature else None


def fitted(text: str, limit: int) -> str:
    """The text, cut where GitHub would refuse it."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def uuid_or_none(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _status(check: Check) -> CheckStatus:
    return check.status or ("completed" if check.conclusion else "in_progress")


def _output(check: Check, annotations: Sequence[Annotation]) -> Output | None:
    if not (check.title or check.summary or check.text or annotations):
        return None
    return Output(
        title=check.title or check.name,
        summary=fitted(check.summary or "", TEXT_LIMIT),
        text=fitted(check.text, TEXT_LIMIT) if check.text else None,
        annotations=tuple(annotations) or None,
    )


def _annotations(given: Iterable[Any]) -> tuple[Annotation, ...]:
    try:
        return TypeAdapter(tuple[Annotation, ...]).validate_python(
            [one.model_dump() if isinstance(one, Payload) else one for one in given]
        )
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise Permanent(f"These are no annotations: {wrong}", code="unmapped_request") from None


def _filled(result: type[Payload] | None, facts: dict[str, Any]) -> Payload | None:
    if result is None:
        return None
    return result(**{name: facts[name] for name in result.model_fields if name in facts})


def _fact(request: Any, name: str) -> Any:
    try:
        return getattr(request, name)
    except AttributeError:
        raise Permanent(
            f"A {type(request).__name__} has no {name!r}. Declare it, or pass a function that maps requests.",
            code="unmapped_request",
        ) from None


def _require_repository(repository: str) -> None:
    if not re.fullmatch(r"[\w-][\w.-]*/[\w.-]*[\w-][\w.-]*", repository, re.ASCII):
        raise Permanent(f"{repository!r} is no repository. Write it as owner/name.", code="unmapped_request")
