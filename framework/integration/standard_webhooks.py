"""Standard Webhooks (standardwebhooks.com), the signature that many vendors share.

A delivery has the headers `webhook-id`, `webhook-timestamp` (seconds since 1970) and `webhook-signature`: one
or more of `v1,<base64>` with a space between. `v1` is HMAC-SHA256 over `<id>.<timestamp>.<raw body>`, keyed
with what is encoded in base64 behind `whsec_`. Signatures of other versions never count.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from framework.integration.delivery import Delivery
from framework.integration.signature import (
    TOLERANCE,
    InvalidSignature,
    Verify,
    hmac_sha256,
    require_match,
    require_recent,
    required_header,
)

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX = "whsec_"
VERSION = "v1"


def sign(*secrets: str, id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """The headers of a delivery, signed with each of the secrets, as while one is rotated."""
    timestamp = str(int(at.timestamp()))
    signatures = [f"{VERSION},{_signature(secret, id, timestamp, body)}" for secret in secrets]
    return {ID: id, TIMESTAMP: timestamp, SIGNATURE: " ".join(signatures)}


def signed_with(secrets: Callable[[], Sequence[str]], *, tolerance: timedelta = TOLERANCE) -> Verify:
    """A check that the delivery is signed with one of the secrets, not longer ago or ahead than `tolerance`.

    The secrets are asked for at each delivery, so that a rotated one counts without a restart.
    """

    def signed(delivery: Delivery) -> None:
        id, timestamp = required_header(delivery, ID), required_header(delivery, TIMESTAMP)
        given = [part.partition(",") for part in required_header(delivery, SIGNATURE).split(" ")]
        require_recent(timestamp, now=delivery.received_at, tolerance=tolerance)
        expected = [_signature(secret, id, timestamp, delivery.body) for secret in secrets()]
        require_match(expected, [signature for version, _, signature in given if version == VERSION])

    return signed


def id_of(delivery: Delivery) -> str:
    """The vendor's name for this delivery, the same in every try: what to know a repeated one by."""
    return required_header(delivery, ID)


def _signature(secret: str, id: str, timestamp: str, body: bytes) -> str:
    message = f"{id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac_sha256(_key(secret), message)).decode()


def _key(secret: str) -> bytes:
    """What the secret encodes. The secret itself is quoted nowhere, hence `from None`."""
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSignature("the secret to verify with is no base64 behind whsec_") from None
