"""Only deliveries that are signed, and signed now, are the vendor's; every other verifier agrees."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import standardwebhooks
from freezegun import freeze_time
from openai import InvalidWebhookSignatureError, OpenAI

from framework.integration.delivery import Delivery
from framework.integration.signature import InvalidSignature
from framework.integration.standard_webhooks import id_of, sign, signed_with

SECRET = "whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c="
ID = "wh_685c059ae39c8190af8c71ed1022a24d"
THEN = datetime.fromtimestamp(1750861210, UTC)
BODY = (
    b'{"id": "evt_685c059ae3a481909bdc86819b066fb6", "object": "event", "created_at": 1750861210, '
    b'"type": "response.completed", "data": {"id": "resp_123"}}'
)
SIGNATURE = "v1,gUAg4R2hWouRZqRQG4uJypNS8YK885G838+EHb4nKBY="
HEADERS = {"webhook-id": ID, "webhook-timestamp": "1750861210", "webhook-signature": SIGNATURE}
OTHER = "whsec_" + base64.b64encode(b"another secret, which is not known here").decode()


def verify(headers: Mapping[str, str], *secrets: str, body: bytes = BODY, at: datetime = THEN) -> None:
    delivery = Delivery(headers=headers, body=body, received_at=at)
    signed_with(lambda: secrets or (SECRET,))(delivery)


def test_the_vector_of_openai_is_signed_and_verified() -> None:
    assert sign(SECRET, id=ID, at=THEN, body=BODY) == HEADERS
    verify(HEADERS)


def test_the_vector_of_the_standard_is_signed_and_verified(contracts: Path) -> None:
    vectors = json.loads((contracts / "standard-webhooks" / "vectors.json").read_text())
    assert vectors["sign"]
    for vector in vectors["sign"]:
        at, body = datetime.fromtimestamp(int(vector["timestamp"]), UTC), vector["payload"].encode()
        headers = sign(vector["secret"], id=vector["id"], at=at, body=body)
        assert headers["webhook-signature"] == vector["signature"]
        verify(headers, vector["secret"], body=body, at=at)


def with_header(name: str, value: str | None) -> dict[str, str]:
    headers = {**HEADERS, name: value or ""}
    return {name: value for name, value in headers.items() if value}


REJECTED: dict[str, tuple[Mapping[str, str], timedelta]] = {
    "missing webhook-id": (with_header("webhook-id", None), timedelta(0)),
    "missing webhook-timestamp": (with_header("webhook-timestamp", None), timedelta(0)),
    "non-numeric webhook-timestamp": (with_header("webhook-timestamp", "soon"), timedelta(0)),
    "missing webhook-signature": (with_header("webhook-signature", None), timedelta(0)),
    "signature off by one character (…IOLJ1OA=)": (
        with_header("webhook-signature", SIGNATURE.replace("KBY=", "KBA=")),
        timedelta(0),
    ),
    "timestamp older than 5 min": (HEADERS, timedelta(seconds=301)),
    "timestamp newer than 5 min": (HEADERS, -timedelta(seconds=301)),
    "only unknown versions (v2,…)": (
        with_header("webhook-signature", SIGNATURE.replace("v1,", "v2,")),
        timedelta(0),
    ),
}


@pytest.mark.parametrize("case", REJECTED)
def test_what_the_standard_rejects_is_refused(case: str) -> None:
    headers, later = REJECTED[case]
    with pytest.raises(InvalidSignature):
        verify(headers, at=THEN + later)


def test_no_case_that_the_standard_rejects_is_left_out(contracts: Path) -> None:
    vectors = json.loads((contracts / "standard-webhooks" / "vectors.json").read_text())
    assert set(vectors["must_reject"]) == {*REJECTED, "empty secret"}


@pytest.mark.parametrize("secret", ["", "whsec_"])
def test_with_an_empty_secret_nothing_is_believed(secret: str) -> None:
    with pytest.raises(InvalidSignature, match="empty"):
        verify(HEADERS, secret)


def test_with_no_secret_nothing_is_believed() -> None:
    with pytest.raises(InvalidSignature):
        signed_with(lambda: ())(Delivery(headers=HEADERS, body=BODY, received_at=THEN))


def test_a_secret_that_is_no_base64_is_refused_and_not_quoted() -> None:
    with pytest.raises(InvalidSignature, match="no base64") as refused:
        verify(HEADERS, "whsec_not base64!")
    assert "not base64!" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_five_minutes_are_tolerated(seconds: int) -> None:
    verify(HEADERS, at=THEN + timedelta(seconds=seconds))


def test_of_several_signatures_one_is_enough() -> None:
    verify(with_header("webhook-signature", f"v1,{'A' * 43}= v1a,whatever {SIGNATURE}"))


def test_the_prefix_of_the_secret_may_be_left_out() -> None:
    verify(HEADERS, SECRET.removeprefix("whsec_"))


def test_while_our_secret_is_rotated_either_is_good() -> None:
    verify(HEADERS, OTHER, SECRET)
    verify(sign(OTHER, SECRET, id=ID, at=THEN, body=BODY))
    with pytest.raises(InvalidSignature):
        verify(HEADERS, OTHER)


@pytest.mark.parametrize(
    "headers",
    [with_header("webhook-id", "wh_2"), with_header("webhook-timestamp", "1750861211")],
    ids=["id", "timestamp"],
)
def test_id_and_time_are_part_of_what_is_signed(headers: Mapping[str, str]) -> None:
    with pytest.raises(InvalidSignature, match="no signature matches"):
        verify(headers)


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(InvalidSignature, match="no signature matches"):
        verify(HEADERS, body=BODY.replace(b"resp_123", b"resp_124"))


def test_the_id_of_a_delivery_is_its_name() -> None:
    assert id_of(Delivery(headers=HEADERS, body=BODY, received_at=THEN)) == ID


def test_what_we_sign_the_other_verifiers_accept_and_what_we_refuse_they_refuse() -> None:
    headers, changed = dict(sign(SECRET, id=ID, at=THEN, body=BODY)), BODY + b" "
    standard, openai = standardwebhooks.Webhook(SECRET), OpenAI(api_key="unused", webhook_secret=SECRET)
    with freeze_time(THEN):
        assert standard.verify(BODY, headers) == json.loads(BODY)
        openai.webhooks.verify_signature(BODY, headers)
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standard.verify(changed, headers)
        with pytest.raises(InvalidWebhookSignatureError):
            openai.webhooks.verify_signature(changed, headers)


def test_what_the_standards_own_library_signs_we_accept() -> None:
    signature = standardwebhooks.Webhook(SECRET).sign(ID, THEN, BODY.decode())
    assert signature == SIGNATURE
    verify(with_header("webhook-signature", signature))
