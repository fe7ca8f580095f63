"""GitHub's webhooks: who sent them, and what they tell.

`X-Hub-Signature-256: sha256=<hex>` signs the raw body with HMAC-SHA256. There is no timestamp in it, so an
old delivery can be played again: `X-GitHub-Delivery`, the same for every try to deliver, tells that it is
known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import ValidationError

from framework.integration.delivery import Delivery, MalformedDelivery
from framework.integration.outcomes import Completed, ExternalId, Outcome
from framework.integration.signature import Verify, hmac_sha256, require_match, required_header
from framework.model.entity import Event
from integrations.github.mapping import (
    ToCheckResult,
    ToCommentResult,
    outcome_of_run,
    signer_of,
    uuid_or_none,
)
from integrations.github.models import (
    CheckRunTold,
    CheckSuiteTold,
    CommentTold,
    GitHubApp,
    Ping,
    PullRequestTold,
    PushTold,
    Told,
    WorkflowRunTold,
)

SIGNATURE, DELIVERY, EVENT = "X-Hub-Signature-256", "X-GitHub-Delivery", "X-GitHub-Event"

KINDS: Mapping[str, type[Told]] = {
    "ping": Ping,
    "pull_request": PullRequestTold,
    "check_run": CheckRunTold,
    "check_suite": CheckSuiteTold,
    "workflow_run": WorkflowRunTold,
    "issue_comment": CommentTold,
    "push": PushTold,
}
"""What is read of which kind of event. Of all others, what every delivery has."""


@dataclass(frozen=True)
class GitHubDelivery:
    """What happened at GitHub. `told` is of the class that `KINDS` has for `kind`, such as `PullRequestTold`.

    `id` is the same whenever GitHub delivers this again. `kind` is the `X-GitHub-Event`, `action` the part of
    it that the body names: `pull_request` was `opened`.
    """

    id: str
    kind: str
    told: Told

    @property
    def action(self) -> str | None:
        return self.told.action

    @property
    def repository(self) -> str | None:
        """The `owner/name` of the repository where it happened, if it happened in one."""
        return self.told.repository.full_name if self.told.repository else None


OnEvent: TypeAlias = Callable[[GitHubDelivery], Event | None]
"""What a delivery is to a business: an event of its own, or nothing."""


def sign(secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature-256` for this body."""
    return f"sha256={hmac_sha256(secret.encode(), body).hex()}"


def signed_with(secrets: Callable[[], Sequence[str]]) -> Verify:
    """A check that the delivery is signed with one of the secrets, which are asked for at each delivery."""

    def signed(delivery: Delivery) -> None:
        given = required_header(delivery, SIGNATURE)
        require_match([sign(secret, delivery.body) for secret in secrets()], [given])

    return signed


def delivery_id(delivery: Delivery) -> str:
    """GitHub's id of the delivery. Verify the signature first."""
    return _header(delivery, DELIVERY)


def delivery_in(delivery: Delivery) -> GitHubDelivery:
    """What a verified delivery tells. Raises MalformedDelivery."""
    kind = _header(delivery, EVENT)
    if delivery.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        text: str | bytes = delivery.form().get("payload", "")
    else:
        text = delivery.body
    try:
        told = KINDS.get(kind, Told).model_validate_json(text)
    except ValidationError:
        raise MalformedDelivery(f"GitHub event of the kind {kind}") from None  # its error quotes the body
    return GitHubDelivery(delivery_id(delivery), kind, told)


def delivery_of(id: str, kind: str, payload: Mapping[str, Any]) -> GitHubDelivery:
    """What a delivery tells that GitHub has kept. Raises MalformedDelivery."""
    try:
        return GitHubDelivery(id, kind, KINDS.get(kind, Told).model_validate(payload))
    except ValidationError:
        raise MalformedDelivery(f"GitHub event of the kind {kind}") from None


def outcome_of_check(
    delivery: GitHubDelivery, app_id: str | None, to_result: ToCheckResult
) -> Outcome | None:
    """What a delivery tells about a check run that a call of ours made; None if it tells nothing.

    Only the App that made a run gives it its external id, so the call's id in it can be believed if the App
    is ours. A cancelled run is left to the poll: whether the call has failed depends on what it asked for.
    """
    told = delivery.told
    if not isinstance(told, CheckRunTold) or not _is(told.check_run.app, app_id):
        return None
    call, run = uuid_or_none(told.check_run.external_id), told.check_run
    if call is None or run.conclusion == "cancelled":
        return None
    return outcome_of_run(run, to_result, reference=call, event_id=delivery.id)


def outcome_of_comment(
    delivery: GitHubDelivery, app_id: str | None, to_result: ToCommentResult
) -> Outcome | None:
    """What a delivery tells about a comment that a call of ours made; None if it tells nothing."""
    told = delivery.told
    if not isinstance(told, CommentTold) or told.action != "created":
        return None
    call = signer_of(told.comment.body)
    if call is None or not _is(told.comment.performed_via_github_app, app_id):
        return None
    return Completed(
        to_result(told.comment),
        external_id=ExternalId(str(told.comment.id)),
        reference=call,
        event_id=delivery.id,
        occurred_at=told.comment.created_at,
    )


def _is(app: GitHubApp | None, app_id: str | None) -> bool:
    """Whether this is the App of that id, which may be its number or its client id."""
    return app is not None and app_id is not None and app_id in (str(app.id), app.client_id)


def _header(delivery: Delivery, name: str) -> str:
    value = delivery.headers.get(name.lower())
    if not value:
        raise MalformedDelivery(f"GitHub delivery: {name} is missing")
    return value
