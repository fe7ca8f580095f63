"""Every change of a pull request is judged; the verdict is shown at its commit, told below it, announced."""

from enum import StrEnum
from uuid import UUID

from framework import (
    APICall,
    Average,
    Count,
    Entity,
    Event,
    Field,
    Formula,
    Global,
    Latest,
    Lookup,
    Payload,
    Relationship,
    Some,
    StateMachine,
    Transition,
    completed,
    computed,
    derive,
    failed,
)

GATE = "Quality Gate"
LEAST_COVERAGE = 80

GREEN, RED = "#36a64f", "#ff0000"


class Showing(StrEnum):
    """Whether those who look at the commit see the verdict."""

    PENDING = "pending"
    SHOWN = "shown"
    UNSEEN = "unseen"


class PullRequestChanged(Event, table=True):
    """Somebody opened a pull request, or pushed to it."""

    repository: str
    number: int
    branch: str
    head_sha: str
    author: str


class QualityMeasured(Event, table=True):
    """The tests of a revision ran, and their coverage is known, in whole percent.

    `channel` is the id of the channel in which people want to hear of it; without one, nothing is announced.
    """

    revision_id: UUID = Field(foreign_key="revision.id", index=True)
    repository: str
    number: int
    head_sha: str
    coverage_percent: int = Field(ge=0, le=100)
    tests_passed: int = Field(ge=0)
    tests_total: int = Field(ge=0)
    channel: str | None = None


class CheckRequest(Payload):
    """A verdict, as it is shown at a commit."""

    repository: str
    head_sha: str
    name: str
    conclusion: str
    title: str
    summary: str
    text: str


class CheckShown(Payload):
    """Where a verdict is seen."""

    url: str | None


class CommentRequest(Payload):
    """What is said below a pull request."""

    repository: str
    number: int
    body: str


class CommentWritten(Payload):
    """Where it is read."""

    url: str


class Text(Payload):
    """A text with marks for bold and the like."""

    type: str = "mrkdwn"
    text: str


class Headline(Payload):
    """A section that is one text."""

    type: str = "section"
    text: Text


class Figures(Payload):
    """A section of short texts beside each other."""

    type: str = "section"
    fields: tuple[Text, ...]


class Attachment(Payload):
    """Sections with a bar of a colour at their side."""

    color: str
    fallback: str
    blocks: tuple[Headline | Figures, ...]


class NoticeRequest(Payload):
    """What a channel is to hear; `text` is for those who do not see attachments."""

    channel: str
    text: str
    attachments: tuple[Attachment, ...]


class NoticePosted(Payload):
    """Where it is heard: both together name it."""

    channel: str
    ts: str


class GateCheck(APICall, table=True):
    """The intent to show a verdict at its commit."""

    verdict_id: UUID = Field(foreign_key="verdict.id", index=True)
    request: CheckRequest
    result: CheckShown | None = None


class GateComment(APICall, table=True):
    """The intent to tell a verdict below its pull request."""

    verdict_id: UUID = Field(foreign_key="verdict.id", index=True)
    request: CommentRequest
    result: CommentWritten | None = None


class GateNotice(APICall, table=True):
    """The intent to announce a verdict to a channel."""

    verdict_id: UUID = Field(foreign_key="verdict.id", index=True)
    request: NoticeRequest
    result: NoticePosted | None = None


class Verdict(Entity, table=True):
    """What was measured of a revision, and whether that is good enough."""

    revision_id: UUID = Field(foreign_key="revision.id", index=True)
    repository: str
    number: int
    head_sha: str
    coverage_percent: int
    tests_passed: int
    tests_total: int
    channel: str | None = None
    revision: "Revision" = Relationship(back_populates="verdicts")
    checks: list[GateCheck] = Relationship()
    comments: list[GateComment] = Relationship()
    notices: list[GateNotice] = Relationship()

    branch: str | None = computed(Lookup(revision, lambda r: r.branch))
    passed: bool = computed(
        Formula(lambda v: v.tests_passed == v.tests_total and v.coverage_percent >= LEAST_COVERAGE)
    )
    showing: Showing = computed(
        StateMachine(
            Showing.PENDING,
            Transition(Showing.PENDING, Showing.SHOWN, when=completed(checks)),
            Transition(Showing.PENDING, Showing.UNSEEN, when=failed(checks)),
        )
    )
    check_url: str | None = computed(Latest(checks, lambda c: c.result.url if c.result else None))
    comment_url: str | None = computed(Latest(comments, lambda c: c.result.url if c.result else None))
    announced: bool = computed(Some(notices, lambda n: n.result is not None))


class Revision(Entity, table=True):
    """One commit at the head of a pull request."""

    repository: str
    number: int
    branch: str
    head_sha: str
    author: str
    verdicts: list[Verdict] = Relationship(back_populates="revision")

    measured: int = computed(Count(verdicts))
    passed: bool | None = computed(Latest(verdicts, lambda v: v.passed))


class Quality(Global, table=True):
    """All verdicts together. Coverage is the mean, in percent."""

    revisions: int = computed(Count(Revision))
    passed: int = computed(Count(Verdict, lambda v: v.passed))
    failed: int = computed(Count(Verdict, lambda v: not v.passed))
    announced: int = computed(Count(Verdict, lambda v: v.announced))
    coverage_percent: float | None = computed(Average(Verdict, lambda v: v.coverage_percent))


@derive
def revision(changed: PullRequestChanged) -> Revision:
    """Every change of a pull request is a revision, under the same id."""
    return Revision(
        id=changed.id,
        repository=changed.repository,
        number=changed.number,
        branch=changed.branch,
        head_sha=changed.head_sha,
        author=changed.author,
    )


@derive
def verdict(measured: QualityMeasured) -> Verdict:
    """What was measured is judged, under the same id."""
    return Verdict(
        id=measured.id,
        revision_id=measured.revision_id,
        repository=measured.repository,
        number=measured.number,
        head_sha=measured.head_sha,
        coverage_percent=measured.coverage_percent,
        tests_passed=measured.tests_passed,
        tests_total=measured.tests_total,
        channel=measured.channel,
    )


@derive(reads=[Verdict.passed])
def check(verdict: Verdict) -> GateCheck:
    """A verdict is shown once."""
    request = CheckRequest(
        repository=verdict.repository,
        head_sha=verdict.head_sha,
        name=GATE,
        conclusion="success" if verdict.passed else "failure",
        title=f"{GATE} {_word(verdict.passed)}",
        summary=_summary(verdict),
        text=_details(verdict),
    )
    return GateCheck(verdict_id=verdict.id, request=request)


@derive(reads=[Verdict.passed])
def comment(verdict: Verdict) -> GateComment:
    """A verdict is told once; whether it could be shown does not matter."""
    body = f"{_icon(verdict.passed)} **{GATE} {_word(verdict.passed)}**\n\n{_details(verdict)}"
    request = CommentRequest(repository=verdict.repository, number=verdict.number, body=body)
    return GateComment(verdict_id=verdict.id, request=request)


@derive(reads=[Verdict.passed, Verdict.branch])
def notice(verdict: Verdict) -> GateNotice | None:
    """A verdict is announced once, where somebody wants to hear it."""
    if verdict.channel is None:
        return None
    header = f"{GATE} {_word(verdict.passed).capitalize()}"
    figures = (
        f"*Coverage:* {verdict.coverage_percent}%",
        f"*Tests:* {verdict.tests_passed}/{verdict.tests_total}",
        f"*Branch:* {_plain(verdict.branch or '')}",
        f"*Commit:* {verdict.head_sha[:7]}",
    )
    attachment = Attachment(
        color=GREEN if verdict.passed else RED,
        fallback=f"{header}: {_summary(verdict)}",
        blocks=(
            Headline(text=Text(text=f"{_icon(verdict.passed)} *{header}*")),
            Figures(fields=tuple(Text(text=figure) for figure in figures)),
        ),
    )
    text = f"{header}: {_plain(verdict.repository)} #{verdict.number}"
    request = NoticeRequest(channel=verdict.channel, text=text, attachments=(attachment,))
    return GateNotice(verdict_id=verdict.id, request=request)


def _icon(passed: bool) -> str:
    return ":white_check_mark:" if passed else ":x:"


def _plain(name: str) -> str:
    """A name of somebody else's choice, in which nothing is a mark: a branch may be called `<!channel>`."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _word(passed: bool) -> str:
    return "passed" if passed else "failed"


def _summary(verdict: Verdict) -> str:
    tests = f"{verdict.tests_passed} of {verdict.tests_total} tests passed"
    return f"{tests}, {verdict.coverage_percent}% covered"


def _details(verdict: Verdict) -> str:
    return (
        "| | measured | wanted |\n| --- | --- | --- |\n"
        f"| Tests | {verdict.tests_passed} | {verdict.tests_total} |\n"
        f"| Coverage | {verdict.coverage_percent}% | {LEAST_COVERAGE}% |\n"
        f"| Commit | {verdict.head_sha[:7]} | |"
    )
