"""GitHub's endpoints, one typed method each, raw and untranslated."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from integrations.github.models import (
    ChangedFile,
    CheckRun,
    CheckRunBody,
    CheckRuns,
    Comment,
    CommitStatus,
    ErrorAnswer,
    ErrorDetail,
    HookAttempt,
    HookAttemptInFull,
    InstallationToken,
    PullRequest,
    RateLimits,
    StatusBody,
    timestamp,
)

API_VERSION = "2022-11-28"
PAGE_SIZE = 100

Answer = TypeVar("Answer")


class GitHubRefusal(Exception):
    """GitHub answered with an error: what it said, and what the headers advise about trying again.

    `remaining` and `reset` are of the primary rate limit: how many requests are left until which second.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        writing: bool,
        retry_after: str | None = None,
        remaining: str | None = None,
        reset: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(f"GitHub answered {status} ({request_id or 'no request id'})")
        self.status = status
        self.message = message
        self.writing = writing
        self.retry_after = retry_after
        self.remaining = remaining
        self.reset = reset
        self.request_id = request_id

    @property
    def is_limit(self) -> bool:
        """Whether a rate limit speaks, and not a missing permission: both are answered 403."""
        if self.status not in (403, 429):
            return False
        said = self.message.lower()
        secondary = "secondary rate limit" in said or "abuse detection" in said
        return self.status == 429 or self.remaining == "0" or self.retry_after is not None or secondary


class UnreadableAnswer(Exception):
    """GitHub accepted a request and answered something else than the described object. Nothing is quoted."""

    def __init__(self, status: int, *, writing: bool, request_id: str | None) -> None:
        super().__init__(
            f"GitHub answered {status} with an unreadable body ({request_id or 'no request id'})"
        )
        self.writing = writing


@dataclass(frozen=True)
class GitHubClient:
    """GitHub as seen with one token. `http` knows the base URL; a repository is given as `owner/name`."""

    http: httpx.AsyncClient
    token: SecretStr

    async def create_check_run(self, repository: str, body: CheckRunBody) -> CheckRun:
        """POST /repos/{owner}/{repo}/check-runs. Only GitHub Apps may."""
        return await self._write("POST", f"{_repo(repository)}/check-runs", CheckRun, body)

    async def update_check_run(self, repository: str, run: int, body: CheckRunBody) -> CheckRun:
        """PATCH /repos/{owner}/{repo}/check-runs/{id}. Annotations are added to those that are there."""
        return await self._write("PATCH", f"{_repo(repository)}/check-runs/{run}", CheckRun, body)

    async def get_check_run(self, repository: str, run: int) -> CheckRun:
        """GET /repos/{owner}/{repo}/check-runs/{id}."""
        return await self._get(f"{_repo(repository)}/check-runs/{run}", CheckRun)

    async def check_runs(self, repository: str, sha: str, name: str) -> AsyncIterator[CheckRun]:
        """GET /repos/{owner}/{repo}/commits/{sha}/check-runs: all of this name, not only the latest."""
        path = f"{_repo(repository)}/commits/{_segment(sha)}/check-runs"
        async for page in self._pages(path, CheckRuns, check_name=name, filter="all"):
            for run in page.check_runs:
                yield run

    async def create_status(self, repository: str, sha: str, body: StatusBody) -> CommitStatus:
        """POST /repos/{owner}/{repo}/statuses/{sha}."""
        return await self._write("POST", f"{_repo(repository)}/statuses/{_segment(sha)}", CommitStatus, body)

    async def statuses(self, repository: str, sha: str) -> AsyncIterator[CommitStatus]:
        """GET /repos/{owner}/{repo}/commits/{sha}/statuses, newest first."""
        path = f"{_repo(repository)}/commits/{_segment(sha)}/statuses"
        async for page in self._pages(path, list[CommitStatus]):
            for status in page:
                yield status

    async def create_comment(self, repository: str, number: int, body: str) -> Comment:
        """POST /repos/{owner}/{repo}/issues/{number}/comments; a pull request is an issue."""
        return await self._write(
            "POST", f"{_repo(repository)}/issues/{number}/comments", Comment, {"body": body}
        )

    async def update_comment(self, repository: str, comment: int, body: str) -> Comment:
        """PATCH /repos/{owner}/{repo}/issues/comments/{id}."""
        path = f"{_repo(repository)}/issues/comments/{comment}"
        return await self._write("PATCH", path, Comment, {"body": body})

    async def comments(self, repository: str, number: int, *, since: datetime) -> AsyncIterator[Comment]:
        """GET /repos/{owner}/{repo}/issues/{number}/comments: those touched since then, oldest first."""
        path = f"{_repo(repository)}/issues/{number}/comments"
        async for page in self._pages(path, list[Comment], since=timestamp(since)):
            for comment in page:
                yield comment

    async def get_pull_request(self, repository: str, number: int) -> PullRequest:
        """GET /repos/{owner}/{repo}/pulls/{number}."""
        return await self._get(f"{_repo(repository)}/pulls/{number}", PullRequest)

    async def changed_files(self, repository: str, number: int) -> AsyncIterator[ChangedFile]:
        """GET /repos/{owner}/{repo}/pulls/{number}/files: webhooks name no files."""
        async for page in self._pages(f"{_repo(repository)}/pulls/{number}/files", list[ChangedFile]):
            for file in page:
                yield file

    async def create_installation_token(self, installation: int) -> InstallationToken:
        """POST /app/installations/{id}/access_tokens, for a client whose token is the App's JWT.

        A token that nobody received does no harm, so a lost answer leaves nothing in doubt.
        """
        path = f"/app/installations/{installation}/access_tokens"
        return _read(await self.http.post(path, headers=self._headers), InstallationToken, writing=False)

    async def hook_attempts(self, hook: str) -> AsyncIterator[HookAttempt]:
        """GET {hook}/deliveries, newest first, of the last days. `hook` is a path, such as /app/hook."""
        async for page in self._pages(f"{hook}/deliveries", list[HookAttempt]):
            for attempt in page:
                yield attempt

    async def hook_attempt(self, hook: str, attempt: int) -> HookAttemptInFull:
        """GET {hook}/deliveries/{id}: with what was delivered."""
        return await self._get(f"{hook}/deliveries/{attempt}", HookAttemptInFull)

    async def redeliver(self, hook: str, attempt: int) -> None:
        """POST {hook}/deliveries/{id}/attempts: GitHub delivers it again soon, under the same guid."""
        await self._write("POST", f"{hook}/deliveries/{attempt}/attempts", dict[str, Any])

    async def rate_limits(self) -> RateLimits:
        """GET /rate_limit: does not count against the limits, and needs a valid token."""
        return await self._get("/rate_limit", RateLimits)

    async def _get(self, path: str, kind: type[Answer]) -> Answer:
        answer = await self.http.get(path, headers=self._headers)
        return _read(answer, kind, writing=False)

    async def _pages(self, path: str, kind: type[Answer], **query: str) -> AsyncIterator[Answer]:
        """Every page, as far as the caller reads. The next one is where the answer's `Link` says."""
        params: Mapping[str, str] = {**query, "per_page": str(PAGE_SIZE)}
        while True:
            answer = await self.http.get(path, params=params, headers=self._headers)
            yield _read(answer, kind, writing=False)
            following = answer.links.get("next")
            if following is None:
                return
            params = dict(httpx.URL(following["url"]).params)  # never its host: the token goes along

    async def _write(
        self, method: str, path: str, kind: type[Answer], body: BaseModel | Mapping[str, str] | None = None
    ) -> Answer:
        headers = dict(self._headers)
        content: str | None = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = (
                body.model_dump_json(exclude_none=True) if isinstance(body, BaseModel) else json.dumps(body)
            )
        answer = await self.http.request(method, path, content=content, headers=headers)
        return _read(answer, kind, writing=True)

    @property
    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token.get_secret_value()}",
            "X-GitHub-Api-Version": API_VERSION,
        }


def _repo(repository: str) -> str:
    owner, _, name = repository.partition("/")
    return f"/repos/{_segment(owner)}/{_segment(name)}"


def _segment(text: str) -> str:
    """A name as one part of a path, so that none can reach another endpoint."""
    return quote(text, safe="")


def _read(answer: httpx.Response, kind: type[Answer], *, writing: bool) -> Answer:
    if not answer.is_success:
        raise _refusal(answer, writing=writing)
    try:
        return TypeAdapter(kind).validate_json(answer.content)
    except ValidationError:
        raise UnreadableAnswer(
            answer.status_code, writing=writing, request_id=answer.headers.get("x-github-request-id")
        ) from None  # pydantic's error quotes the body


def _refusal(answer: httpx.Response, *, writing: bool) -> GitHubRefusal:
    try:
        message = _message(ErrorAnswer.model_validate_json(answer.content))
    except ValidationError:
        message = ""  # a gateway in between answers in its own words; the status is all there is to go by
    headers = answer.headers
    return GitHubRefusal(
        answer.status_code,
        message,
        writing=writing,
        retry_after=headers.get("retry-after"),
        remaining=headers.get("x-ratelimit-remaining"),
        reset=headers.get("x-ratelimit-reset"),
        request_id=headers.get("x-github-request-id"),
    )


def _message(answer: ErrorAnswer) -> str:
    details = [_detail(one) for one in answer.errors]
    return f"{answer.message} ({'; '.join(details)})" if details else answer.message


def _detail(error: ErrorDetail | str) -> str:
    if isinstance(error, str):
        return error
    return error.message or " ".join(part for part in (error.field, error.code) if part)
