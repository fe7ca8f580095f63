"""Each code of Slack is somebody's problem, row by row."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from framework.errors import InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from integrations.slack.client import SlackClient, SlackError, UnreadableAnswer
from integrations.slack.errors import MEANINGS, as_integration_error, refusals_translated
from integrations.slack.models import MessageBody
from integrations.slack.sandbox import SlackSandbox
from tests.integrations.slack.conftest import CHANNEL

PERMANENT = [
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "is_inactive",
    "messages_tab_disabled",
    "user_not_found",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
    "restricted_action_thread_locked",
    "restricted_action_non_threadable_channel",
    "slack_connect_canvas_sharing_blocked",
    "slack_connect_lists_sharing_blocked",
    "slack_connect_file_link_sharing_blocked",
    "msg_too_long",
    "msg_blocks_too_long",
    "no_text",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_attachments",
    "too_many_attachments",
    "too_many_contact_cards",
    "attachment_payload_limit_exceeded",
    "markdown_text_conflict",
    "metadata_too_large",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "metadata_must_be_sent_from_app",
    "cannot_reply_to_message",
    "thread_not_found",
    "duplicate_channel_not_found",
    "duplicate_message_not_found",
    "as_user_not_supported",
    "invalid_arg_name",
    "invalid_arguments",
    "invalid_array_arg",
    "invalid_charset",
    "invalid_cursor",
    "invalid_form_data",
    "invalid_json",
    "invalid_limit",
    "invalid_post_type",
    "invalid_ts_latest",
    "invalid_ts_oldest",
    "json_not_object",
    "missing_post_type",
    "unknown_method",
    "deprecated_endpoint",
    "method_deprecated",
    "upgrade_required",
]
ATTENTION = [
    "invalid_auth",
    "not_authed",
    "token_revoked",
    "token_expired",
    "account_inactive",
    "not_allowed_token_type",
    "missing_scope",
    "no_permission",
    "access_denied",
    "accesslimited",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "org_login_required",
    "team_access_not_granted",
    "two_factor_setup_required",
]
TRANSIENT = [
    "ratelimited",
    "rate_limited",
    "message_limit_exceeded",
    "request_timeout",
    "service_unavailable",
    "external_channel_migrating",
    "team_added_to_org",
]
DOUBT = ["internal_error", "fatal_error"]

ROWS: list[tuple[str, type[IntegrationError]]] = [
    *((code, Permanent) for code in PERMANENT),
    *((code, NeedsAttention) for code in ATTENTION),
    *((code, Transient) for code in TRANSIENT),
    *((code, InDoubt) for code in DOUBT),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("code", "kind"), ROWS)
async def test_a_refused_message_is_somebodys_problem(
    slack: SlackClient, slack_sandbox: SlackSandbox, code: str, kind: type[IntegrationError]
) -> None:
    slack_sandbox.refuse_next(code)
    with pytest.raises(kind) as refused:
        with refusals_translated():
            await slack.post_message(MessageBody(channel=CHANNEL, text="Hello"))
    assert (type(refused.value), refused.value.code) == (kind, code)
    assert str(refused.value).startswith(f"Slack answered {code}. ")
    assert slack_sandbox.messages(CHANNEL) == []


def test_every_row_of_the_table_is_tried() -> None:
    assert {code for code, _ in ROWS} == set(MEANINGS)
    assert len(ROWS) == len(MEANINGS)


def test_every_code_of_the_description_has_a_row(contracts: Path) -> None:
    described = json.loads((contracts / "slack" / "web_api.trim.json").read_text())["paths"]
    codes = [
        described[path][method]["responses"]["default"]["schema"]["properties"]["error"]["enum"]
        for path, method in (("/chat.postMessage", "post"), ("/auth.test", "get"))
    ]
    assert {code for listed in codes for code in listed} <= set(MEANINGS)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, NeedsAttention),
        (401, NeedsAttention),
        (403, NeedsAttention),
        (404, Permanent),
        (429, Transient),
        (500, InDoubt),
        (502, InDoubt),
        (503, InDoubt),
    ],
)
def test_without_a_code_the_status_decides(status: int, kind: type[IntegrationError]) -> None:
    problem = as_integration_error(SlackError("", status=status, writing=True))
    assert (type(problem), problem.code) == (kind, f"http_{status}")


def test_a_code_that_nobody_knows_yet_is_permanent_and_quoted() -> None:
    problem = as_integration_error(SlackError("too_many_emoji", writing=True))
    assert (type(problem), problem.code) == (Permanent, "too_many_emoji")


@pytest.mark.parametrize("code", DOUBT)
def test_nothing_is_in_doubt_where_nothing_was_to_be_posted(code: str) -> None:
    assert type(as_integration_error(SlackError(code, writing=False))) is Transient


def test_a_missing_scope_is_named() -> None:
    problem = as_integration_error(SlackError("missing_scope", writing=False, needed="channels:history"))
    assert "the scope channels:history is missing" in str(problem)


def test_a_throttled_message_waits_as_long_as_slack_asks() -> None:
    throttled = SlackError("ratelimited", status=429, writing=True, retry_after=timedelta(seconds=7))
    problem = as_integration_error(throttled)
    assert isinstance(problem, Transient)
    assert problem.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(("writing", "kind"), [(True, InDoubt), (False, Transient)])
def test_an_unreadable_answer_leaves_a_post_in_doubt(writing: bool, kind: type[IntegrationError]) -> None:
    with pytest.raises(kind) as refused:
        with refusals_translated():
            raise UnreadableAnswer(writing=writing)
    assert refused.value.code == "unreadable_answer"
    assert isinstance(refused.value.__cause__, UnreadableAnswer)
