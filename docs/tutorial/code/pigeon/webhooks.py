"""Pigeon's webhooks: who sent them, and what they tell.

`Pigeon-Signature: t=<unix>,v1=<hex>` signs `<t>.<raw body>` with HMAC-SHA256.
"""

from collections.abc import Callable
from datetime import datetime

from pydantic import SecretStr, ValidationError

from docs.tutorial.code.pigeon.models import Event
from framework.integration.delivery import Delivery, MalformedDelivery
from framework.integration.signature import (
    InvalidSignature,
    Verify,
    hmac_sha256,
    require_match,
    require_recent,
    required_header,
)

HEADER = "Pigeon-Signature"


def sign(secret: str, body: bytes, at: datetime) -> str:
    """The value of `Pigeon-Signature` for this body at this moment."""
    timestamp = str(int(at.timestamp()))
    return f"t={timestamp},v1={_signature(secret, timestamp, body)}"


def signed_with(secret: Callable[[], SecretStr]) -> Verify:
    """A check that a delivery is signed with the secret, and not more than five minutes old."""

    def signed(delivery: Delivery) -> None:
        header = required_header(delivery, HEADER)
        parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
        if not {"t", "v1"} <= parts.keys():
            raise InvalidSignature(f"{HEADER} has no t or no v1")
        require_recent(parts["t"], now=delivery.received_at)
        expected = _signature(secret().get_secret_value(), parts["t"], delivery.body)
        require_match([expected], [parts["v1"]])

    return signed


def event_in(delivery: Delivery) -> Event:
    """The event in a verified delivery."""
    try:
        return Event.model_validate_json(delivery.body)
    except ValidationError:
        raise MalformedDelivery("Pigeon event") from None  # pydantic's error quotes the body


def _signature(secret: str, timestamp: str, body: bytes) -> str:
    return hmac_sha256(secret.encode(), f"{timestamp}.".encode() + body).hex()
