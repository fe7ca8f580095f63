"""OpenAI's webhooks: Standard Webhooks whose payload names a response and does not tell what is in it."""

from datetime import UTC, datetime
from enum import StrEnum

from pydantic import ValidationError

from framework.integration.delivery import Delivery, MalformedDelivery
from framework.integration.outcomes import ExternalId, PollNow
from framework.integration.standard_webhooks import id_of
from integrations.openai.models import Event

ABOUT_RESPONSES = "response."


class EventKind(StrEnum):
    """The events worth subscribing to. Others are answered 2xx and ignored."""

    COMPLETED = "response.completed"
    FAILED = "response.failed"
    CANCELLED = "response.cancelled"
    INCOMPLETE = "response.incomplete"


def news_in(delivery: Delivery) -> PollNow | None:
    """What a verified delivery says: of which response there is news. None for what is no response.

    OpenAI names a delivery in its headers, the same in every try; by that name a repeated one is known.
    """
    try:
        event = Event.model_validate_json(delivery.body)
    except ValidationError:
        raise MalformedDelivery("OpenAI event") from None  # pydantic's error quotes the body
    if not event.type.startswith(ABOUT_RESPONSES):
        return None
    return PollNow(
        external_id=ExternalId(event.data.id),
        event_id=id_of(delivery),
        occurred_at=datetime.fromtimestamp(event.created_at, UTC),
        detail=event.type,
    )
