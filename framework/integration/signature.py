"""Signatures of deliveries: the parts that every vendor's scheme is made of."""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from framework.errors import MillraceError
from framework.integration.delivery import Delivery

TOLERANCE = timedelta(minutes=5)


class InvalidSignature(MillraceError):
    """The delivery is not proven to be the vendor's: {reason}. Compare the secrets of both sides."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


Verify: TypeAlias = Callable[[Delivery], None]
"""Raises InvalidSignature unless the delivery is the vendor's."""


def required_header(delivery: Delivery, name: str) -> str:
    """The value of a header that a signature cannot do without."""
    value = delivery.headers.get(name.lower())
    if not value:
        raise InvalidSignature(f"the header {name} is missing")
    return value


def hmac_sha256(secret: bytes, message: bytes) -> bytes:
    """The HMAC of `message` with SHA-256, as bytes; take `.hex()` or base64 as the vendor does.

    An empty secret is refused: anybody could sign with it.
    """
    if not secret:
        raise InvalidSignature("the secret to verify with is empty")
    return hmac.new(secret, message, hashlib.sha256).digest()


def require_match(expected: Iterable[str | bytes], given: Iterable[str | bytes]) -> None:
    """Raise unless one of the given signatures is one of the expected ones; in time that tells nothing.

    Several are expected while a secret is rotated, and several given where a vendor signs with old and new.
    """
    expectations = [_bytes(signature) for signature in expected]
    matches = [
        hmac.compare_digest(expectation, _bytes(signature))
        for signature in given
        for expectation in expectations
    ]
    if not any(matches):
        raise InvalidSignature("no signature matches")


def _bytes(signature: str | bytes) -> bytes:
    return signature.encode() if isinstance(signature, str) else signature


def require_recent(timestamp: str | int, *, now: datetime, tolerance: timedelta = TOLERANCE) -> datetime:
    """The moment of a signature, given in seconds since 1970; raise if it is too far in past or future."""
    try:
        moment = datetime.fromtimestamp(int(timestamp), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidSignature("its timestamp is no number of seconds") from error
    if abs(now - moment) > tolerance:
        raise InvalidSignature(
            f"its timestamp is more than {tolerance.total_seconds():.0f} s away from our clock"
        )
    return moment
