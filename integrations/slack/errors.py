"""What an answer of Slack means for the call: code -> whose problem it is, and the next step.

Slack answers 200 even when it refuses, so the code decides, and the status only where no code came. The codes
are those that Slack documents for chat.postMessage, auth.test and conversations.history.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from framework.errors import InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from integrations.slack.client import SlackError, UnreadableAnswer


@dataclass(frozen=True)
class Meaning:
    """One row: the class of the error, and what to do next."""

    error: type[IntegrationError]
    next_step: str


CHANNEL = Meaning(Permanent, "Check the channel's id, and invite the app to the channel.")
RULES = Meaning(Permanent, "The channel's or workspace's rules forbid it: ask its administrators.")
CONTENT = Meaning(Permanent, "Correct what the message says.")
REQUEST = Meaning(Permanent, "Compare the request with Slack's documentation.")
TOKEN = Meaning(NeedsAttention, "Check SLACK_BOT_TOKEN, or install the app again.")
ACCESS = Meaning(NeedsAttention, "Give the app what it lacks, or ask the workspace's administrators.")
SLOWER = Meaning(Transient, "It is tried again more slowly.")
AGAIN = Meaning(Transient, "It is tried again.")
PERHAPS = Meaning(InDoubt, "The message may have been posted: look into the channel.")
MOVED = Meaning(NeedsAttention, "Check SLACK_BASE_URL: it does not lead to Slack.")

MEANINGS: Mapping[str, Meaning] = {
    "channel_not_found": CHANNEL,
    "not_in_channel": CHANNEL,
    "is_archived": CHANNEL,
    "is_inactive": CHANNEL,
    "messages_tab_disabled": CHANNEL,
    "user_not_found": CHANNEL,
    "restricted_action": RULES,
    "restricted_action_read_only_channel": RULES,
    "restricted_action_thread_only_channel": RULES,
    "restricted_action_non_threadable_channel": RULES,
    "restricted_action_thread_locked": RULES,
    "slack_connect_canvas_sharing_blocked": RULES,
    "slack_connect_file_link_sharing_blocked": RULES,
    "slack_connect_lists_sharing_blocked": RULES,
    "msg_too_long": CONTENT,
    "msg_blocks_too_long": CONTENT,
    "no_text": CONTENT,
    "invalid_blocks": CONTENT,
    "invalid_blocks_format": CONTENT,
    "invalid_attachments": CONTENT,
    "too_many_attachments": CONTENT,
    "too_many_contact_cards": CONTENT,
    "attachment_payload_limit_exceeded": CONTENT,
    "markdown_text_conflict": CONTENT,
    "metadata_too_large": CONTENT,
    "invalid_metadata_format": CONTENT,
    "invalid_metadata_schema": CONTENT,
    "metadata_must_be_sent_from_app": CONTENT,
    "cannot_reply_to_message": CONTENT,
    "thread_not_found": CONTENT,
    "duplicate_channel_not_found": REQUEST,
    "duplicate_message_not_found": REQUEST,
    "as_user_not_supported": REQUEST,
    "invalid_arg_name": REQUEST,
    "invalid_arguments": REQUEST,
    "invalid_array_arg": REQUEST,
    "invalid_charset": REQUEST,
    "invalid_cursor": REQUEST,
    "invalid_form_data": REQUEST,
    "invalid_json": REQUEST,
    "invalid_limit": REQUEST,
    "invalid_post_type": REQUEST,
    "invalid_ts_latest": REQUEST,
    "invalid_ts_oldest": REQUEST,
    "json_not_object": REQUEST,
    "missing_post_type": REQUEST,
    "unknown_method": REQUEST,
    "deprecated_endpoint": REQUEST,
    "method_deprecated": REQUEST,
    "upgrade_required": REQUEST,
    "invalid_auth": TOKEN,
    "not_authed": TOKEN,
    "token_revoked": TOKEN,
    "token_expired": TOKEN,
    "account_inactive": TOKEN,
    "not_allowed_token_type": TOKEN,
    "missing_scope": ACCESS,
    "no_permission": ACCESS,
    "access_denied": ACCESS,
    "accesslimited": ACCESS,
    "ekm_access_denied": ACCESS,
    "enterprise_is_restricted": ACCESS,
    "org_login_required": ACCESS,
    "team_access_not_granted": ACCESS,
    "two_factor_setup_required": ACCESS,
    "ratelimited": SLOWER,
    "rate_limited": SLOWER,
    "message_limit_exceeded": SLOWER,
    "request_timeout": AGAIN,  # Slack's words for a request that did not arrive whole
    "service_unavailable": AGAIN,
    "external_channel_migrating": AGAIN,
    "team_added_to_org": AGAIN,
    "internal_error": PERHAPS,
    "fatal_error": PERHAPS,
}


@contextmanager
def refusals_translated() -> Iterator[None]:
    """What Slack refuses inside, or answers unreadably, leaves as an IntegrationError."""
    try:
        yield
    except (SlackError, UnreadableAnswer) as refusal:
        raise as_integration_error(refusal) from refusal


def meaning_of(refusal: SlackError) -> Meaning:
    """The row of a refusal. A code that nobody knows yet still says that nothing was posted."""
    if refusal.status == 429:
        return SLOWER
    if refusal.code in MEANINGS:
        return MEANINGS[refusal.code]
    if refusal.status >= 500:
        return PERHAPS
    if refusal.status in (401, 403):
        return TOKEN
    if 300 <= refusal.status < 400:
        return MOVED
    return REQUEST


def as_integration_error(refusal: SlackError | UnreadableAnswer) -> IntegrationError:
    """The error that the framework decides by. Where nothing was to be posted, nothing is in doubt."""
    if isinstance(refusal, UnreadableAnswer):
        kind = InDoubt if refusal.writing else Transient
        return kind(f"{refusal}. Compare it with Slack's documentation.", code="unreadable_answer")
    meaning = meaning_of(refusal)
    error = meaning.error
    if error is InDoubt and not refusal.writing:
        error = Transient
    code = refusal.code or f"http_{refusal.status}"
    scope = f" (the scope {refusal.needed} is missing)" if refusal.needed else ""
    message = f"Slack answered {code}{scope}. {meaning.next_step}"
    if error is Transient:
        return Transient(message, code=code, retry_after=refusal.retry_after)
    return error(message, code=code)
