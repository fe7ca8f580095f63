"""Between the payloads of a business and OpenAI's responses. Pure.

A business declares its own payloads and imports nothing from here. Where its names are those of `Prompt` and
`Answer`, the defaults of the factory match them by name.
"""

from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import UUID

from pydantic import Field

from framework import Payload
from framework.integration.filling import filled
from framework.integration.outcomes import Completed, ExternalId, Failed, Outcome, Processing
from integrations.openai.models import CreateBody, Response

REFERENCE = "api_call_id"
"""The metadata key under which OpenAI keeps our call's id."""
KEPT = 4_000
"""So many characters of an answer that broke off are kept in the reason of the failure."""


class Prompt(Payload):
    """What the model is asked. `json_schema`, if given, is what its answer must satisfy (in strict mode)."""

    input: str | list[dict[str, Any]]
    instructions: str | None = None
    model: str | None = None
    max_output_tokens: int | None = Field(default=None, ge=16)
    json_schema: dict[str, Any] | None = None


class Answer(Payload):
    """What the model wrote, and what it took. Where a schema was asked for, `text` is JSON."""

    text: str
    response_id: str
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


ToPrompt: TypeAlias = Callable[[Any], Prompt]
ToResult: TypeAlias = Callable[[Answer], Payload]


def to_prompt(request: Any) -> Prompt:
    """From a request with `input`, and what else it has of `Prompt`; more is the business's own."""
    return Prompt.model_validate(request, from_attributes=True)


def to_result_of(result: type[Payload] | None) -> ToResult:
    """A function that fills the fields of this payload class by name. Raises ResultNotFilled if it cannot."""
    return filled(result, Answer, vendor="OpenAI")


def to_body(prompt: Prompt, *, call: UUID, model: str, background: bool) -> CreateBody:
    """The request for one call. A background response must be stored, or it could not be asked about."""
    schema = prompt.json_schema
    written: dict[str, Any] = {"type": "json_schema", "name": "answer", "schema": schema, "strict": True}
    return CreateBody(
        model=prompt.model or model,
        input=prompt.input,
        instructions=prompt.instructions,
        max_output_tokens=prompt.max_output_tokens,
        text=None if schema is None else {"format": written},
        metadata={REFERENCE: str(call)},
        background=background,
        store=True,
    )


def outcome_of(response: Response, to_result: ToResult) -> Outcome:
    """What the status of a response means for its call. One that nobody knows yet is processing."""
    match response.status:
        case "completed":
            return _completed(response, to_result)
        case "failed":
            error = response.error
            said = (error.message if error else "") or "OpenAI gave up"
            return _failed(response, said, error.code if error else "failed")
        case "cancelled":
            return _failed(response, "The response was cancelled", "cancelled")
        case "incomplete":
            return _failed(response, _broken_off(response), "incomplete")
        case _:
            return Processing(
                detail=response.status, external_id=ExternalId(response.id), reference=reference_of(response)
            )


def _completed(response: Response, to_result: ToResult) -> Outcome:
    """A model may decline in words, and what it writes may not be what the business can read."""
    text, usage = response.output_text, response.usage
    if not text and response.refusal is not None:
        return _failed(response, f"The model declined: {response.refusal[:KEPT]}", "refused")
    answer = Answer(
        text=text,
        response_id=response.id,
        model=response.model,
        input_tokens=usage.input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
    )
    try:
        result = to_result(answer)
    except ValueError as error:  # pydantic's too, whose text quotes the answer
        return _failed(
            response, f"The answer is not what was asked for: {type(error).__name__}", "unfit_answer"
        )
    return Completed(result, external_id=ExternalId(response.id), reference=reference_of(response))


def _failed(response: Response, reason: str, code: str) -> Failed:
    return Failed(reason, code=code, external_id=ExternalId(response.id), reference=reference_of(response))


def _broken_off(response: Response) -> str:
    """Why an answer is not whole, and as much of it as there is: it was paid for."""
    why = (response.incomplete_details.reason if response.incomplete_details else None) or "no reason given"
    written = response.output_text[:KEPT]
    return f"The answer broke off ({why})" + (f". As far as it goes: {written}" if written else "")


def reference_of(response: Response) -> UUID | None:
    """Our call's id, if this response is one of ours."""
    try:
        return UUID((response.metadata or {})[REFERENCE])
    except (KeyError, ValueError):
        return None
