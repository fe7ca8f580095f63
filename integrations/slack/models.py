"""What Slack says and is told, as far as it is used here. New fields are welcome, and ignored."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class WireModel(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Metadata(WireModel):
    """What apps tell apps about a message; people do not see it."""

    event_type: str
    event_payload: dict[str, Any] = {}


class MessageBody(WireModel):
    """The body of `chat.postMessage`. `text` is what notifications show where there are blocks."""

    channel: str
    text: str
    blocks: tuple[dict[str, Any], ...] | None = None
    attachments: tuple[dict[str, Any], ...] | None = None
    thread_ts: str | None = None
    reply_broadcast: bool | None = None
    unfurl_links: bool | None = None
    metadata: Metadata | None = None


class Ok(WireModel):
    """What every answer has: the status is 200 whether or not it went well."""

    ok: bool
    error: str | None = None
    needed: str | None = None
    """The scope that is missing, if one is."""


class Posted(WireModel):
    channel: str
    ts: str


class Message(WireModel):
    ts: str
    metadata: Metadata | None = None


class NextPage(WireModel):
    next_cursor: str = ""


class Page(WireModel):
    """Messages, newest first."""

    messages: tuple[Message, ...]
    has_more: bool = False
    response_metadata: NextPage | None = None


class Identity(WireModel):
    """Whose token it is."""

    team_id: str
    user_id: str
    bot_id: str | None = None


class Envelope(WireModel):
    """What the Events API sends: an event, or the question whether somebody is there."""

    type: str
    challenge: str | None = None
    team_id: str | None = None
    api_app_id: str | None = None
    event_id: str | None = None
    event_time: int | None = None
    event: dict[str, Any] = {}

    @property
    def kind(self) -> str:
        """The type of the event within."""
        return str(self.event.get("type", ""))


class MetadataPosted(WireModel):
    """The event `message_metadata_posted`: a message with metadata has appeared."""

    channel_id: str
    message_ts: str
    metadata: Metadata


class User(WireModel):
    id: str
    username: str | None = None


class Channel(WireModel):
    id: str


class Choice(WireModel):
    value: str | None = None


class Action(WireModel):
    """What somebody pressed or chose."""

    type: str
    action_id: str = ""
    block_id: str = ""
    value: str | None = None
    selected_option: Choice | None = None


class Interaction(WireModel):
    """Somebody used a button, a menu or a shortcut."""

    type: str
    user: User
    channel: Channel | None = None
    message: Message | None = None
    actions: tuple[Action, ...] = ()
    trigger_id: str | None = None
    response_url: str | None = None
