"""Notices leave for Slack as messages, and are found again by the call's id that they carry."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias

import anyio
from pydantic import ValidationError

from framework import APICall, Event, Payload
from framework.errors import Permanent
from framework.integration.calls import CallView, result_type
from framework.integration.client import HTTPClient
from framework.integration.delivery import Delivery
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, NotSubmitted, Outcome, Reply
from framework.integration.policy import Policy, Rate
from framework.integration.secrets import resolve
from integrations.slack import mapping
from integrations.slack.client import Pace, SlackClient
from integrations.slack.errors import refusals_translated
from integrations.slack.mapping import Notice, ToNotice, ToResult, reference_of, to_body, to_completed
from integrations.slack.models import Envelope, Interaction, Posted
from integrations.slack.settings import SlackSettings
from integrations.slack.webhooks import (
    answer_to,
    envelope_in,
    event_key,
    interaction_in,
    interaction_key,
    signed_with,
)

__all__ = ["SlackSettings", "create_slack_integration"]

POLICY = Policy(concurrency=16, rate=Rate(5, burst=20), on_doubt="recover")
"""Slack takes several hundred messages a minute of a workspace, and about one a second of a channel."""

CLOCKS_DIFFER = timedelta(minutes=5)

OnEvent: TypeAlias = Callable[[Envelope], Event | None]
OnInteraction: TypeAlias = Callable[[Interaction], Event | None]


def create_slack_integration(
    call: type[APICall],
    settings: SlackSettings | None = None,
    *,
    to_notice: ToNotice = mapping.to_notice,
    to_result: ToResult | None = None,
    on_event: OnEvent | None = None,
    on_interaction: OnInteraction | None = None,
    policy: Policy = POLICY,
) -> Integration[SlackSettings]:
    """Post a message for every call of this class.

    Its request has `channel` (an id) and `text`, and maybe `blocks`, `attachments`, `thread_ts`,
    `reply_broadcast` and `unfurl_links`; its result takes `channel` and `ts` as far as it has fields of these
    names. The two functions serve other names.

    `on_event` and `on_interaction` make events of the business out of what people do in Slack.

    The calls of one channel run one at a time, in order. Slack knows no key against repetition, so every
    message carries the call's id, by which one whose answer was lost is looked for in the channel.
    """
    as_result = to_result or mapping.to_result_of(result_type(call))
    declared = settings or SlackSettings
    in_order = replace(policy, ordering_key=policy.ordering_key or channel_by(to_notice))
    slack = Integration("slack", settings=declared, policy=in_order)
    pace = Pace()

    def client(http: HTTPClient) -> SlackClient:
        return SlackClient(http, resolve(slack.settings.bot_token_ref))

    def signing_secrets() -> list[str]:
        """The secrets that count now: two while one is rotated."""
        listed = resolve(slack.settings.signing_secret_ref).get_secret_value()
        return [secret for part in listed.split(",") if (secret := part.strip())]

    def notice_of(notification: CallView[Payload]) -> Notice:
        try:
            return to_notice(notification.request)
        except ValidationError as error:
            raise Permanent(
                f"The request of {call.__name__} is no notice: {_fields(error)}. Pass `to_notice`.",
                code="unmapped_request",
            ) from error

    signed = signed_with(signing_secrets)

    @slack.call(call)
    async def post(notification: CallView[Payload], http: HTTPClient) -> Completed:
        notice, ours = notice_of(notification), client(http)
        wait = pace.take(notice.channel, anyio.current_time(), slack.settings.channel_seconds)
        await anyio.sleep(wait)
        with refusals_translated():
            posted = await ours.post_message(to_body(notice, notification.id))
        return to_completed(posted, as_result)

    @slack.recover(call)
    async def find(notification: CallView[Payload], http: HTTPClient) -> Completed | NotSubmitted:
        notice, since = notice_of(notification), notification.created_at - CLOCKS_DIFFER
        messages = client(http).all_messages(notice.channel, since=since, thread_ts=notice.thread_ts)
        with refusals_translated():
            async for message in messages:
                if reference_of(message.metadata) == notification.id:
                    return to_completed(Posted(channel=notice.channel, ts=message.ts), as_result)
        return NotSubmitted()

    @slack.webhook(call, path="events", verify=signed)
    def on_delivery(delivery: Delivery) -> Outcome | Reply | None:
        return answer_to(envelope_in(delivery), as_result)

    if on_event is not None:
        to_event = on_event

        @slack.inbound(key=event_key, path="events", verify=signed)
        def hear(delivery: Delivery) -> Event | None:
            envelope = envelope_in(delivery)
            return to_event(envelope) if envelope.type == "event_callback" else None

    if on_interaction is not None:
        to_press = on_interaction

        @slack.inbound(key=interaction_key, path="interactions", verify=signed)
        def press(delivery: Delivery) -> Event | None:
            return to_press(interaction_in(delivery))

    @slack.test_connection
    @slack.check_health
    async def try_the_token(http: HTTPClient) -> None:
        with refusals_translated():
            await client(http).auth_test()

    return slack


def channel_by(to_notice: ToNotice) -> Callable[[Any], str]:
    """The ordering key of a call: its channel. One that is no notice fails in its handler, and not here."""

    def channel(notification: Any) -> str:
        try:
            return to_notice(notification.request).channel
        except ValidationError:
            return ""

    return channel


def _fields(error: ValidationError) -> str:
    """Which fields are wrong, and how; never what they hold."""
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
