"""Between the payloads of a business and what Pigeon speaks. Pure."""

from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import UUID

from docs.tutorial.code.pigeon.models import Message, NewMessage
from framework import Payload
from framework.integration.outcomes import Completed, ExternalId, Failed, Outcome, Processing

ToMessage: TypeAlias = Callable[[Any], NewMessage]
ToResult: TypeAlias = Callable[[Message], Payload | None]


def to_message(request: Any) -> NewMessage:
    """From a request with `to` and `text`."""
    return NewMessage(to=request.to, text=request.text)


def to_result_of(result: type[Payload] | None) -> ToResult:
    """A function that fills the fields of this payload by name, `parts` for one."""
    if result is None:
        return lambda message: None
    return lambda message: result(**message.model_dump(include=set(result.model_fields)))


def outcome_of(message: Message, to_result: ToResult, event_id: str | None = None) -> Outcome:
    """What a message means for its call. A status that is not known here is still under way."""
    id, reference = ExternalId(message.id), reference_in(message)
    match message.status:
        case "delivered":
            result = to_result(message)
            return Completed(result, external_id=id, reference=reference, event_id=event_id)
        case "failed":
            reason = message.reason or "Pigeon gave no reason."
            return Failed(
                reason, code="undeliverable", external_id=id, reference=reference, event_id=event_id
            )
        case status:
            return Processing(detail=status, external_id=id, reference=reference, event_id=event_id)


def reference_in(message: Message) -> UUID | None:
    """The id of our call, which Pigeon echoes; None for a message that somebody else sent."""
    try:
        return UUID(message.reference or "")
    except ValueError:
        return None
