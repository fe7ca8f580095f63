"""What Pigeon sends and receives; fields that it adds are ignored."""

from pydantic import BaseModel, ConfigDict


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class NewMessage(Wire):
    to: str
    text: str
    reference: str = ""


class Message(Wire):
    id: str
    to: str
    status: str
    parts: int
    reference: str | None = None
    reason: str | None = None


class Messages(Wire):
    messages: list[Message]


class Event(Wire):
    """The body of a webhook."""

    event_id: str
    message: Message


class Error(Wire):
    code: str = "unknown"
    message: str = ""
