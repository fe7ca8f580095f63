"""What GitHub says and what it is told, as far as it is used here.

New fields, and new values of known fields, are welcome in answers. Bodies leave without the fields that are
None.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

CheckStatus = Literal["queued", "in_progress", "completed"]
Conclusion = Literal[
    "action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"
]
AnnotationLevel = Literal["notice", "warning", "failure"]
State = Literal["error", "failure", "pending", "success"]


class WireModel(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Body(BaseModel):
    """What GitHub is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# What GitHub is told.


class Annotation(Body):
    path: str
    start_line: int
    end_line: int
    annotation_level: AnnotationLevel
    message: str
    title: str | None = None


class Output(Body):
    """What a check run shows: Markdown, 65535 characters each at most, and 50 annotations at a time."""

    title: str
    summary: str
    text: str | None = None
    annotations: tuple[Annotation, ...] | None = None


class CheckRunBody(Body):
    """A check run to be created (then with `name` and `head_sha`), or what is to change of one."""

    name: str | None = None
    head_sha: str | None = None
    status: CheckStatus | None = None
    conclusion: Conclusion | None = None
    external_id: str | None = None
    details_url: str | None = None
    output: Output | None = None


class StatusBody(Body):
    """A commit status: the newest one of a `context` counts. `description` has 140 characters at most."""

    state: State
    context: str
    description: str | None = None
    target_url: str | None = None


# What GitHub says.


class GitHubApp(WireModel):
    id: int
    client_id: str | None = None
    slug: str | None = None


class CheckOutput(WireModel):
    title: str | None = None
    summary: str | None = None
    annotations_count: int = 0


class CheckRun(WireModel):
    id: int
    name: str
    head_sha: str
    status: str
    conclusion: str | None = None
    external_id: str | None = None
    html_url: str | None = None
    completed_at: AwareDatetime | None = None
    output: CheckOutput = CheckOutput()
    app: GitHubApp | None = None


class CheckRuns(WireModel):
    total_count: int
    check_runs: list[CheckRun]


class CommitStatus(WireModel):
    id: int
    url: str
    state: str
    context: str
    description: str | None = None
    target_url: str | None = None
    created_at: AwareDatetime


class User(WireModel):
    login: str


class Comment(WireModel):
    id: int
    body: str = ""
    html_url: str
    user: User | None = None
    created_at: AwareDatetime
    performed_via_github_app: GitHubApp | None = None


class InstallationToken(WireModel):
    token: str = Field(repr=False)
    expires_at: AwareDatetime


class ChangedFile(WireModel):
    filename: str
    status: str
    additions: int = 0
    deletions: int = 0


class Quota(WireModel):
    limit: int
    remaining: int
    reset: int


class Quotas(WireModel):
    core: Quota


class RateLimits(WireModel):
    resources: Quotas


class HookAttempt(WireModel):
    """One try of GitHub to deliver; the tries of one delivery share its `guid`."""

    id: int
    guid: str
    delivered_at: AwareDatetime
    redelivery: bool = False
    status: str = ""
    status_code: int
    event: str
    action: str | None = None

    @property
    def arrived(self) -> bool:
        return 200 <= self.status_code < 300


class HookRequest(WireModel):
    payload: dict[str, Any]


class HookAttemptInFull(HookAttempt):
    request: HookRequest


class ErrorDetail(WireModel):
    field: str | None = None
    code: str | None = None
    message: str | None = None


class ErrorAnswer(WireModel):
    message: str
    errors: list[ErrorDetail | str] = []


# What GitHub tells unasked.


class Repository(WireModel):
    full_name: str


class Branch(WireModel):
    ref: str
    sha: str


class PullRequest(WireModel):
    number: int
    title: str
    html_url: str
    state: str
    draft: bool = False
    merged: bool | None = None
    user: User | None
    head: Branch
    base: Branch
    additions: int = 0
    deletions: int = 0
    changed_files: int = 0


class CheckSuite(WireModel):
    id: int
    head_sha: str
    head_branch: str | None = None
    status: str | None = None
    conclusion: str | None = None


class WorkflowRun(WireModel):
    id: int
    name: str | None = None
    head_sha: str
    head_branch: str | None = None
    status: str | None = None
    conclusion: str | None = None
    html_url: str = ""


class Issue(WireModel):
    number: int


class Told(WireModel):
    """What every delivery may have. The events of an organization or of an App have no `repository`."""

    action: str | None = None
    repository: Repository | None = None
    sender: User | None = None


class Ping(Told):
    zen: str = ""
    hook_id: int | None = None


class PullRequestTold(Told):
    number: int
    pull_request: PullRequest


class CheckRunTold(Told):
    check_run: CheckRun


class CheckSuiteTold(Told):
    check_suite: CheckSuite


class WorkflowRunTold(Told):
    workflow_run: WorkflowRun


class CommentTold(Told):
    issue: Issue
    comment: Comment


class PushTold(Told):
    ref: str
    before: str
    after: str
    deleted: bool = False


def timestamp(moment: datetime) -> str:
    """A moment as GitHub writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
