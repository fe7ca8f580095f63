"""GitHub's errors as the framework's: whose problem is it?"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from framework.errors import Declined, InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from integrations.github.client import GitHubRefusal, UnreadableAnswer


@dataclass(frozen=True)
class Row:
    """Answers with one of these statuses (and these words, if some are named) are of this class."""

    statuses: range
    kind: type[IntegrationError]
    code: str
    next_step: str
    words: str = ""

    def covers(self, refusal: GitHubRefusal) -> bool:
        return refusal.status in self.statuses and self.words in refusal.message.lower()


def _only(status: int) -> range:
    return range(status, status + 1)


# The first row that covers an answer decides; rate limits are told before. A 5xx leaves open what was done.
TABLE = (
    Row(_only(401), NeedsAttention, "unauthorized", "Check the token, or the App's id and private key."),
    Row(_only(403), Declined, "locked", "The conversation is locked.", words="is locked"),
    Row(
        _only(403), NeedsAttention, "forbidden", "Give the token, or the App's installation, the permission."
    ),
    Row(_only(404), Permanent, "not_found", "Check the names; what a token may not see is not found either."),
    Row(_only(408), InDoubt, "timeout", "GitHub is asked whether it was done."),
    Row(_only(410), Declined, "gone", "The issue was deleted, or the repository has none."),
    Row(_only(422), Permanent, "invalid", "Correct the request."),
    Row(range(400, 500), Permanent, "refused", "Compare the request with GitHub's documentation."),
    Row(range(500, 600), InDoubt, "server_error", "GitHub is asked whether it was done."),
    Row(range(300, 400), Permanent, "moved", "The repository has another name now. Use that."),
)

LEAST_WAIT = timedelta(seconds=60)
LONGEST_WAIT = timedelta(minutes=15)


@contextmanager
def translated(*, waiting_since: datetime | None = None) -> Iterator[None]:
    """Raise the framework's error in place of GitHub's.

    `waiting_since` is when the call began to wait: a limit that names no time is waited for twice as long
    each time.
    """
    try:
        yield
    except GitHubRefusal as refusal:
        raise integration_error(refusal, waiting_since=waiting_since) from refusal
    except UnreadableAnswer as error:
        kind = InDoubt if error.writing else Transient
        step = "Check that GITHUB_BASE_URL leads to GitHub; its support finds the request by its id."
        raise kind(f"{error}. {step}", code="unreadable_answer") from error


def integration_error(
    refusal: GitHubRefusal, *, waiting_since: datetime | None = None, now: datetime | None = None
) -> IntegrationError:
    """The framework's error for an answer of GitHub. A failed read leaves nothing in doubt."""
    if refusal.is_limit:
        moment = now or datetime.now(UTC)
        wait = wait_for(refusal, moment, waiting_since or moment)
        return Transient(_said(refusal, "It is tried again."), code="rate_limit", retry_after=wait)
    row = next((row for row in TABLE if row.covers(refusal)), None)
    if row is None:
        said = _said(refusal, "Check GITHUB_BASE_URL: it does not lead to GitHub.")
        return NeedsAttention(said, code=f"http_{refusal.status}")
    message = _said(refusal, row.next_step)
    if row.kind is InDoubt and not refusal.writing:
        return Transient(message, code=row.code)
    return row.kind(message, code=row.code)


def wait_for(refusal: GitHubRefusal, now: datetime, waiting_since: datetime) -> timedelta:
    """How long a rate limit asks to wait.

    `Retry-After` says it for secondary limits, `x-ratelimit-reset` for the primary one once nothing remains.
    Where neither does, it is a minute, and then as long again as the call has waited already, 15 minutes at
    most.
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    if refusal.retry_after is not None and refusal.retry_after.strip().isdecimal():
        return timedelta(seconds=int(refusal.retry_after))
    if refusal.remaining == "0" and refusal.reset is not None and refusal.reset.isdecimal():
        return max(datetime.fromtimestamp(int(refusal.reset), UTC) - now, timedelta(seconds=1))
    return min(max(now - waiting_since, LEAST_WAIT), LONGEST_WAIT)


def _said(refusal: GitHubRefusal, next_step: str) -> str:
    said = f": {refusal.message}" if refusal.message else ""
    return f"GitHub answered {refusal.status}{said} ({refusal.request_id or 'no request id'}). {next_step}"
