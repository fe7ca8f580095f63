"""The parts of signatures, with the vectors of Standard Webhooks as a judge from outside."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from framework.integration import Delivery, InvalidSignature
from framework.integration.signature import hmac_sha256, require_match, require_recent, required_header

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOON_SECONDS = int(NOON.timestamp())


def test_a_published_vector_is_reproduced(contracts: Path) -> None:
    vectors = json.loads((contracts / "standard-webhooks" / "vectors.json").read_text())
    for vector in vectors["sign"]:
        key = base64.b64decode(vector["secret"].removeprefix("whsec_"))
        message = f"{vector['id']}.{vector['timestamp']}.{vector['payload']}".encode()
        signature = f"v1,{base64.b64encode(hmac_sha256(key, message)).decode()}"
        require_match([signature], ["v2,unknown", vector["signature"]])
        with pytest.raises(InvalidSignature):
            require_match([signature], [vector["signature"][:-2] + "A="])


def test_one_of_several_secrets_is_enough_while_one_is_rotated() -> None:
    old, new = hmac_sha256(b"old", b"body").hex(), hmac_sha256(b"new", b"body").hex()
    require_match([old, new], [new])
    require_match([old], [new, old])


@pytest.mark.parametrize("given", [[], [""], ["ä"], ["00" * 32]])
def test_a_signature_that_does_not_match_is_refused(given: list[str]) -> None:
    with pytest.raises(InvalidSignature, match="no signature matches"):
        require_match([hmac_sha256(b"secret", b"body").hex()], given)


def test_nothing_matches_when_nothing_is_expected() -> None:
    with pytest.raises(InvalidSignature):
        require_match([], ["anything"])


def test_an_empty_secret_verifies_nothing() -> None:
    with pytest.raises(InvalidSignature, match="empty"):
        hmac_sha256(b"", b"body")


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_timestamp_within_the_tolerance_is_the_moment_it_names(seconds: int) -> None:
    assert require_recent(str(NOON_SECONDS + seconds), now=NOON) == NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_timestamp_too_far_in_past_or_future_is_refused(seconds: int) -> None:
    with pytest.raises(InvalidSignature, match="300 s"):
        require_recent(NOON_SECONDS + seconds, now=NOON)


@pytest.mark.parametrize("timestamp", ["", "noon", "1e9", "9" * 40])
def test_a_timestamp_that_is_no_moment_is_refused(timestamp: str) -> None:
    with pytest.raises(InvalidSignature, match="no number of seconds"):
        require_recent(timestamp, now=NOON)


@pytest.mark.parametrize("headers", [{}, {"X-Signature": ""}])
def test_a_missing_header_is_refused_by_name(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidSignature, match="X-Signature is missing"):
        required_header(Delivery(headers=headers, body=b"", received_at=NOON), "X-Signature")
