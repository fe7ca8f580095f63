"""Between the payloads of a business and Slack's messages. Pure.

A business declares its own payloads and imports nothing from here. Where its names are those of `Notice` and
`Sent`, the defaults of the factory match them by name.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from pydantic import Field, field_validator
from pydantic_core import to_jsonable_python

from framework import Payload
from framework.integration.filling import filled
from framework.integration.outcomes import Completed, ExternalId
from integrations.slack.models import Envelope, MessageBody, Metadata, MetadataPosted, Posted

EVENT_TYPE = "millrace_call"
REFERENCE = "api_call_id"
"""The key in a message's metadata under which Slack keeps our call's id."""


class Notice(Payload):
    """A message for a channel, which is named by its id.

    `text` is always there: notifications and screen readers show it in place of `blocks`.
    """

    channel: str = Field(min_length=1)
    text: str = Field(min_length=1, max_length=40_000)
    blocks: tuple[dict[str, Any], ...] | None = Field(default=None, max_length=50)
    attachments: tuple[dict[str, Any], ...] | None = Field(default=None, max_length=100)
    thread_ts: str | None = None
    reply_broadcast: bool | None = None
    unfurl_links: bool | None = None

    @field_validator("blocks", "attachments", mode="before")
    @classmethod
    def _as_slack_reads_it(cls, given: Any) -> Any:
        """Payloads of the business's own are taken as what they look like in JSON."""
        return to_jsonable_python(given, exclude_none=True)


class Sent(Payload):
    """Where a message is. Both together name it at Slack."""

    channel: str
    ts: str


ToNotice: TypeAlias = Callable[[Any], Notice]
ToResult: TypeAlias = Callable[[Sent], Payload]


def to_notice(request: Any) -> Notice:
    """From a request with `channel` and `text`, and what else it has of `Notice`; more is the business's."""
    return Notice.model_validate(request, from_attributes=True)


def to_result_of(result: type[Payload] | None) -> ToResult:
    """A function that fills the fields of this payload class by name. Raises ResultNotFilled if it cannot."""
    return filled(result, Sent, vendor="Slack")


def to_body(notice: Notice, call: UUID) -> MessageBody:
    """The message as Slack takes it, with our call's id where apps can read it."""
    metadata = Metadata(event_type=EVENT_TYPE, event_payload={REFERENCE: str(call)})
    return MessageBody(**notice.model_dump(), metadata=metadata)


def to_completed(posted: Posted, to_result: ToResult) -> Completed:
    """A posted message ends its call."""
    sent = Sent(channel=posted.channel, ts=posted.ts)
    return Completed(to_result(sent), external_id=external_id(posted.channel, posted.ts))


def completed_by(envelope: Envelope, event: MetadataPosted, to_result: ToResult) -> Completed | None:
    """What the event says that one of our messages has appeared; None if it is somebody else's."""
    call = reference_of(event.metadata)
    if call is None:
        return None
    return Completed(
        to_result(Sent(channel=event.channel_id, ts=event.message_ts)),
        external_id=external_id(event.channel_id, event.message_ts),
        reference=call,
        event_id=envelope.event_id,
        occurred_at=moment(event.message_ts),
    )


def external_id(channel: str, ts: str) -> ExternalId:
    return ExternalId(f"{channel}:{ts}")


def reference_of(metadata: Metadata | None) -> UUID | None:
    """Our call's id, if this message is one of ours."""
    if metadata is None or metadata.event_type != EVENT_TYPE:
        return None
    try:
        return UUID(str(metadata.event_payload[REFERENCE]))
    except (KeyError, ValueError):
        return None


def moment(ts: str) -> datetime | None:
    """A message's name is the moment at which it was posted; None if Slack ever changes that."""
    try:
        return datetime.fromtimestamp(float(ts), UTC)
    except (ValueError, OverflowError):
        return None
