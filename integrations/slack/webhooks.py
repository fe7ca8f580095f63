"""What Slack sends: who sent it, and what it tells.

`X-Slack-Signature: v0=<hex>` signs `v0:<X-Slack-Request-Timestamp>:<raw body>` with HMAC-SHA256 under the
signing secret of the app. Events come as JSON, and what people press as a form whose one field, `payload`, is
JSON.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from framework.integration.delivery import Delivery, MalformedDelivery
from framework.integration.outcomes import Outcome, Reply
from framework.integration.signature import (
    Verify,
    hmac_sha256,
    require_match,
    require_recent,
    required_header,
)
from integrations.slack.mapping import ToResult, completed_by
from integrations.slack.models import Envelope, Interaction, MetadataPosted, WireModel

SIGNATURE = "X-Slack-Signature"
TIMESTAMP = "X-Slack-Request-Timestamp"
VERIFICATION = "url_verification"
POSTED = "message_metadata_posted"

Wire = TypeVar("Wire", bound=WireModel)


def sign(secret: str, body: bytes, at: datetime) -> Mapping[str, str]:
    """The headers that prove that a body was sent by Slack at this moment."""
    timestamp = str(int(at.timestamp()))
    return {TIMESTAMP: timestamp, SIGNATURE: _signature(secret, timestamp, body)}


def signed_with(secrets: Callable[[], Sequence[str]]) -> Verify:
    """A check that the delivery is signed with one of the secrets, no more than five minutes ago or ahead.

    The secrets are asked for at each delivery, so that a rotated one counts without a restart.
    """

    def signed(delivery: Delivery) -> None:
        timestamp, given = required_header(delivery, TIMESTAMP), required_header(delivery, SIGNATURE)
        require_recent(timestamp, now=delivery.received_at)
        require_match([_signature(secret, timestamp, delivery.body) for secret in secrets()], [given])

    return signed


def envelope_in(delivery: Delivery) -> Envelope:
    """The event in a verified delivery."""
    return _parsed(Envelope, delivery.body, "Slack event")


def interaction_in(delivery: Delivery) -> Interaction:
    """What somebody pressed, in a verified delivery."""
    payload = delivery.form().get("payload")
    if payload is None:
        raise MalformedDelivery("form with a payload")
    return _parsed(Interaction, payload, "Slack interaction")


def event_key(delivery: Delivery) -> str:
    """Slack's name for an event, the same in every try."""
    return envelope_in(delivery).event_id or _digest(delivery)


def interaction_key(delivery: Delivery) -> str:
    """Each press has a trigger of its own."""
    return interaction_in(delivery).trigger_id or _digest(delivery)


def answer_to(envelope: Envelope, to_result: ToResult) -> Outcome | Reply | None:
    """What an envelope tells about a call, or what Slack wants to hear; None for everything else."""
    if envelope.type == VERIFICATION:
        if envelope.challenge is None:
            raise MalformedDelivery("Slack challenge")
        return Reply(json.dumps({"challenge": envelope.challenge}).encode(), content_type="application/json")
    if envelope.kind != POSTED:
        return None
    try:
        event = MetadataPosted.model_validate(envelope.event)
    except ValidationError:
        raise MalformedDelivery(f"Slack event of type {POSTED}") from None
    return completed_by(envelope, event, to_result)


def _parsed(model: type[Wire], body: bytes | str, expected: str) -> Wire:
    try:
        return model.model_validate_json(body)
    except ValidationError:
        raise MalformedDelivery(expected) from None  # pydantic's error quotes the body


def _digest(delivery: Delivery) -> str:
    return hashlib.sha256(delivery.body).hexdigest()


def _signature(secret: str, timestamp: str, body: bytes) -> str:
    return "v0=" + hmac_sha256(secret.encode(), f"v0:{timestamp}:".encode() + body).hex()
