"""Verdicts and remarks leave for GitHub, and what happens there comes in.

A check call becomes a check run, or a commit status where we may not write check runs. A run carries the
call's id as its external id, and a comment carries it where no reader sees it, so that either is found again
whatever happened to the answer. What happens at GitHub (a pull request is opened, a workflow ends) is no
outcome of a call: `on_event` makes events of the business of it.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from framework.errors import Transient
from framework.integration.calls import CallView, result_type
from framework.integration.client import HTTPClient
from framework.integration.delivery import Delivery
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, ExternalId, Failed, NotSubmitted, Outcome, Processing
from framework.integration.policy import Policy, PollSchedule, Rate
from framework.integration.secrets import Credential, resolve
from framework.model.apicall import APICall
from framework.model.entity import Event
from integrations.github import mapping
from integrations.github.client import GitHubClient, GitHubRefusal
from integrations.github.errors import translated
from integrations.github.mapping import (
    CHECK_RUN,
    STATUS,
    Check,
    ToCheck,
    ToCheckResult,
    ToCommentResult,
    ToRemark,
    outcome_of_run,
    outcome_of_status,
)
from integrations.github.models import CheckRun, CheckRunBody, Comment, CommitStatus, HookAttempt
from integrations.github.settings import GitHubSettings
from integrations.github.tokens import GivenToken, InstallationTokens, TokenProvider, is_personal
from integrations.github.webhooks import (
    GitHubDelivery,
    OnEvent,
    delivery_id,
    delivery_in,
    delivery_of,
    outcome_of_check,
    outcome_of_comment,
    signed_with,
)

__all__ = ["GitHubDelivery", "GitHubSettings", "OnEvent", "TokenProvider", "create_github_integration"]

POLICY = Policy(
    concurrency=4,
    rate=Rate(80 / 60, burst=20),
    poll=PollSchedule(first=60, factor=2, cap=3600),
    deadline=timedelta(hours=24),
    on_doubt="recover",
)
"""GitHub allows about 80 requests a minute that write, and asks for few at a time."""

CLOCK_DRIFT = timedelta(minutes=5)
MOST_REDELIVERIES = 5


class GitHubIntegration(Integration[GitHubSettings]):
    """An integration that knows as whom it speaks, and what GitHub signs with."""

    def __init__(self, *, tokens: TokenProvider | None = None, **options: Any) -> None:
        super().__init__("github", **options)
        self._given_tokens = tokens
        self.signed = signed_with(self._webhook_secrets)

    def credentials(self, environ: Mapping[str, str] | None = None) -> list[Credential]:
        """Only those of the way in which the settings say that we speak are wanted."""
        wanted = self.settings.wanted_secrets
        return [replace(one, optional=one.name not in wanted) for one in super().credentials(environ)]

    @cached_property
    def tokens(self) -> TokenProvider:
        """One for the life of the integration, made when the settings are known."""
        return self._given_tokens or self._app or GivenToken(lambda: resolve(self.settings.token_ref))

    @asynccontextmanager
    async def speaking(self, http: HTTPClient, call: CallView | None = None) -> AsyncIterator[GitHubClient]:
        """A client with a good token. What GitHub refuses within leaves as an IntegrationError."""
        with translated(waiting_since=call.created_at if call else None):
            client = GitHubClient(http, await self.tokens.token(http))
            try:
                yield client
            except GitHubRefusal as refusal:
                if refusal.status != 401 or not self.tokens.refused(client.token):
                    raise
                said = "GitHub no longer took the token. The next try has another."
                raise Transient(said, code="token_revoked") from refusal

    @asynccontextmanager
    async def asking_about_deliveries(
        self, http: HTTPClient
    ) -> AsyncIterator[tuple[GitHubClient, str] | None]:
        """A client that may see what GitHub has delivered, and the path of the webhook, if one is known."""
        settings = self.settings
        if settings.hook_id is not None:
            async with self.speaking(http) as client:
                yield client, f"/repos/{settings.hook_repository}/hooks/{settings.hook_id}"
        elif self._app is not None:
            with translated():
                yield GitHubClient(http, self._app.proof()), "/app/hook"
        else:
            yield None

    @cached_property
    def _app(self) -> InstallationTokens | None:
        settings = self.settings
        if settings.app_id is None or settings.installation_id is None:
            return None
        return InstallationTokens(
            settings.app_id, settings.installation_id, lambda: resolve(settings.app_private_key_ref)
        )

    def _webhook_secrets(self) -> list[str]:
        """The secrets that count now: two while one is rotated."""
        listed = resolve(self.settings.webhook_secret_ref).get_secret_value()
        return [secret for part in listed.split(",") if (secret := part.strip())]


def create_github_integration(
    check_run: type[APICall] | None = None,
    comment: type[APICall] | None = None,
    settings: GitHubSettings | None = None,
    *,
    on_event: OnEvent | None = None,
    tokens: TokenProvider | None = None,
    to_check: ToCheck = mapping.to_check,
    to_check_result: ToCheckResult | None = None,
    to_remark: ToRemark = mapping.to_remark,
    to_comment_result: ToCommentResult | None = None,
    policy: Policy = POLICY,
) -> Integration[GitHubSettings]:
    """Show a check for every call of the one class, and write a comment for every call of the other.

    By default a check's request has `repository`, `head_sha`, `name`, and maybe `conclusion`, `status`,
    `title`, `summary`, `text`, `details_url`, `annotations` and `check_run_id`; its result takes `url`,
    `check_run_id`, `status_id`, `conclusion` and `kind` by name. A comment's request has `repository`,
    `number`, `body` and maybe `comment_id`; its result takes `url` and `comment_id`.

    `on_event` says what a delivery is to the business; what it returns is dispatched once, however often
    GitHub delivers it. `tokens` takes the place of the credentials in the settings.
    """
    github = GitHubIntegration(settings=settings or GitHubSettings, policy=policy, tokens=tokens)
    if check_run is not None:
        as_check = to_check_result or mapping.to_check_result_of(result_type(check_run))
        show_checks(github, check_run, to_check, as_check)
    if comment is not None:
        as_comment = to_comment_result or mapping.to_comment_result_of(result_type(comment))
        write_comments(github, comment, to_remark, as_comment)
    if on_event is not None:
        tell(github, on_event)

    @github.test_connection
    async def try_the_token(http: HTTPClient) -> None:
        async with github.speaking(http) as client:
            await client.rate_limits()

    @github.check_health
    async def ask_for_room(http: HTTPClient) -> None:
        async with github.speaking(http) as client:
            left = (await client.rate_limits()).resources.core
        if left.remaining == 0:
            until = datetime.fromtimestamp(left.reset, UTC) - datetime.now(UTC)
            raise Transient("The hour's requests are used up.", code="rate_limit", retry_after=until)

    return github


def show_checks(
    github: GitHubIntegration, call: type[APICall], to_check: ToCheck, to_result: ToCheckResult
) -> None:
    """Let every call of this class be seen at its commit, and follow what is not concluded yet to its end."""

    @github.submit(call)
    async def show(shown: CallView, http: HTTPClient) -> Completed | Processing:
        check = to_check(shown.request)
        async with github.speaking(http, shown) as client:
            if not is_personal(client.token):
                try:
                    return await show_run(client, shown, check)
                except GitHubRefusal as refusal:
                    if refusal.status != 403 or refusal.is_limit:
                        raise  # a plain 403: this token may not write check runs, yet perhaps statuses
            status = await client.create_status(check.repository, check.head_sha, mapping.as_status(check))
            return outcome_of_status(status, to_result)

    async def show_run(client: GitHubClient, shown: CallView, check: Check) -> Completed | Processing:
        if check.check_run_id is not None:
            body = mapping.changed_run(check)
            run = await client.update_check_run(check.repository, check.check_run_id, body)
            return Completed(
                to_result(await with_all_annotations(client, check, run, mapping.ANNOTATIONS_AT_ONCE))
            )
        run = await client.create_check_run(check.repository, mapping.new_run(check, shown.id))
        run = await with_all_annotations(client, check, run, mapping.ANNOTATIONS_AT_ONCE)
        return outcome_of_run(run, to_result)

    @github.recover(call)
    async def find(shown: CallView, http: HTTPClient) -> Outcome | NotSubmitted:
        check = to_check(shown.request)
        async with github.speaking(http, shown) as client:
            if check.check_run_id is not None:
                changed = await client.get_check_run(check.repository, check.check_run_id)
                return Completed(to_result(changed)) if mapping.shows(changed, check) else NotSubmitted()
            run = await run_of(client, shown, check)
            if run is not None:
                run = await with_all_annotations(client, check, run, run.output.annotations_count)
                return outcome_of_run(run, to_result)
            status = await newest_status(client, check)
            if status is not None and is_of(status, shown, check):
                return outcome_of_status(status, to_result)
        return NotSubmitted()

    @github.poll(call)
    async def look_up(shown: CallView, http: HTTPClient) -> Outcome | None:
        check, kind = to_check(shown.request), shown.external_id or ""
        async with github.speaking(http, shown) as client:
            if kind.startswith(STATUS):
                status = await newest_status(client, check)
                first = int(kind.removeprefix(STATUS))
                return None if status is None else outcome_of_status(status, to_result, first)
            if kind.startswith(CHECK_RUN):
                run = await client.get_check_run(check.repository, int(kind.removeprefix(CHECK_RUN)))
                return cancelled(run) if is_cancelled(run, check) else outcome_of_run(run, to_result)
            return None

    @github.cancel(call)
    async def stop(shown: CallView, http: HTTPClient) -> Outcome | None:
        """Conclude a run that is still open as cancelled. What is concluded stays as it is."""
        check, kind = to_check(shown.request), shown.external_id or ""
        async with github.speaking(http, shown) as client:
            if kind.startswith(STATUS):
                body = mapping.as_status(replace(check, status="completed", conclusion="cancelled"))
                await client.create_status(check.repository, check.head_sha, body)
                return Failed("The check was cancelled", code="cancelled", external_id=ExternalId(kind))
            if not kind.startswith(CHECK_RUN):
                return None
            run = await client.get_check_run(check.repository, int(kind.removeprefix(CHECK_RUN)))
            if run.status == "completed":
                return outcome_of_run(run, to_result)
            body_of_run = CheckRunBody(status="completed", conclusion="cancelled")
            return cancelled(await client.update_check_run(check.repository, run.id, body_of_run))

    @github.webhook(call, path="events", verify=github.signed)
    def on_delivery(delivery: Delivery) -> Outcome | None:
        return outcome_of_check(delivery_in(delivery), github.settings.app_id, to_result)

    @github.reconcile(call)
    async def missed(since: datetime, http: HTTPClient) -> AsyncIterator[Outcome]:
        """What GitHub could not deliver since then, for it does not try again by itself.

        What is about a call is read here; all else is delivered again, if the business listens.
        """
        async with github.asking_about_deliveries(http) as asking:
            if asking is None:
                return
            client, hook = asking
            for attempt in await undelivered(client, hook, since):
                kept = await client.hook_attempt(hook, attempt.id)
                delivery = delivery_of(kept.guid, kept.event, kept.request.payload)
                outcome = outcome_of_check(delivery, github.settings.app_id, to_result)
                if outcome is not None:
                    yield outcome
                elif github.create_inbounds():
                    await client.redeliver(hook, attempt.id)


def write_comments(
    github: GitHubIntegration, call: type[APICall], to_remark: ToRemark, to_result: ToCommentResult
) -> None:
    """Let every call of this class be one comment. GitHub has no idempotency key, so the call signs it."""

    @github.call(call)
    async def write(said: CallView, http: HTTPClient) -> Completed:
        remark = to_remark(said.request)
        body = mapping.signed_off(remark.body, said.id)
        async with github.speaking(http, said) as client:
            if remark.comment_id is not None:
                return Completed(
                    to_result(await client.update_comment(remark.repository, remark.comment_id, body))
                )
            return written(await client.create_comment(remark.repository, remark.number, body))

    @github.recover(call)
    async def find(said: CallView, http: HTTPClient) -> Completed | NotSubmitted:
        """A change is sent again, for it leaves things as they are if it was done."""
        remark, since = to_remark(said.request), said.created_at - CLOCK_DRIFT
        if remark.comment_id is not None:
            return NotSubmitted()
        async with github.speaking(http, said) as client:
            async for comment in client.comments(remark.repository, remark.number, since=since):
                if mapping.signer_of(comment.body) == said.id:
                    return written(comment)
        return NotSubmitted()

    @github.webhook(call, path="events", verify=github.signed)
    def on_delivery(delivery: Delivery) -> Outcome | None:
        return outcome_of_comment(delivery_in(delivery), github.settings.app_id, to_result)

    def written(comment: Comment) -> Completed:
        return Completed(
            to_result(comment), external_id=ExternalId(str(comment.id)), occurred_at=comment.created_at
        )


def tell(github: GitHubIntegration, on_event: OnEvent) -> None:
    """Let what happens at GitHub be events of the business."""

    @github.inbound(path="events", verify=github.signed, key=delivery_id)
    def on_delivery(delivery: Delivery) -> Event | None:
        told = delivery_in(delivery)
        return None if told.kind == "ping" else on_event(told)


async def with_all_annotations(client: GitHubClient, check: Check, run: CheckRun, already: int) -> CheckRun:
    """The run with those annotations added that did not fit before."""
    for body in mapping.further_annotations(check, already):
        run = await client.update_check_run(check.repository, run.id, body)
    return run


async def run_of(client: GitHubClient, shown: CallView, check: Check) -> CheckRun | None:
    """The check run that carries the call's id."""
    async for run in client.check_runs(check.repository, check.head_sha, check.name):
        if run.external_id == str(shown.id):
            return run
    return None


async def newest_status(client: GitHubClient, check: Check) -> CommitStatus | None:
    """The commit status that counts for this check."""
    async for status in client.statuses(check.repository, check.head_sha):
        if status.context == check.name:
            return status
    return None


def is_of(status: CommitStatus, shown: CallView, check: Check) -> bool:
    """Whether a status is taken for this call's: it carries no id, but it says the same, and since then."""
    return (
        mapping.says(status, mapping.as_status(check)) and status.created_at >= shown.created_at - CLOCK_DRIFT
    )


def is_cancelled(run: CheckRun, check: Check) -> bool:
    """Whether somebody cancelled what was to be concluded otherwise."""
    return run.conclusion == "cancelled" != check.conclusion


def cancelled(run: CheckRun) -> Failed:
    return Failed("The check was cancelled", code="cancelled", external_id=ExternalId(f"{CHECK_RUN}{run.id}"))


async def undelivered(client: GitHubClient, hook: str, since: datetime) -> list[HookAttempt]:
    """The latest attempt at each delivery that has not arrived since then and was not tried too often."""
    attempts: dict[str, list[HookAttempt]] = {}
    async for attempt in client.hook_attempts(hook):
        if attempt.delivered_at < since:
            break
        attempts.setdefault(attempt.guid, []).append(attempt)
    return [
        tries[0]
        for tries in attempts.values()
        if len(tries) <= MOST_REDELIVERIES and not any(one.arrived for one in tries)
    ]
