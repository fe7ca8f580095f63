"""What OpenAI says and is told, as far as it is used here. New fields and new values are welcome."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class WireModel(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class CreateBody(WireModel):
    """The body of `POST /v1/responses`."""

    model: str
    input: str | list[dict[str, Any]]
    instructions: str | None = None
    max_output_tokens: int | None = None
    text: dict[str, Any] | None = None
    metadata: dict[str, str] = {}
    background: bool = False
    store: bool = True


class Content(WireModel):
    """A part of a message: `output_text` has a text, `refusal` a refusal."""

    type: str
    text: str | None = None
    refusal: str | None = None


class Output(WireModel):
    """A message, or something that was thought or done on the way to it."""

    type: str
    content: tuple[Content, ...] | None = None


class ResponseError(WireModel):
    code: str
    message: str = ""


class IncompleteDetails(WireModel):
    reason: str | None = None


class Usage(WireModel):
    input_tokens: int
    output_tokens: int


class Response(WireModel):
    id: str
    status: str | None = None
    model: str | None = None
    output: tuple[Output, ...] = ()
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None
    usage: Usage | None = None
    metadata: dict[str, str] | None = None

    @property
    def output_text(self) -> str:
        """All that was written, in one."""
        return "".join(part.text or "" for part in self._parts("output_text"))

    @property
    def refusal(self) -> str | None:
        """Why nothing was written, if the model declined."""
        return "".join(part.refusal or "" for part in self._parts("refusal")) or None

    def _parts(self, kind: str) -> list[Content]:
        messages = [one for one in self.output if one.type == "message"]
        return [part for one in messages for part in one.content or () if part.type == kind]


class Model(WireModel):
    id: str


class Models(WireModel):
    data: tuple[Model, ...]


class APIError(WireModel):
    """Why a request was refused."""

    message: str = ""
    type: str | None = None
    code: str | None = None
    param: str | None = None


class ErrorAnswer(WireModel):
    error: APIError


class EventData(WireModel):
    id: str


class Event(WireModel):
    """A webhook: thin, for it names a response and does not tell what is in it."""

    id: str
    type: str
    created_at: int
    data: EventData
