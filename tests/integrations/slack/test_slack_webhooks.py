"""Only Slack is believed, and only about what it says now."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from slack_sdk.signature import Clock, SignatureVerifier

from framework.integration.delivery import Delivery, MalformedDelivery
from framework.integration.outcomes import Completed, ExternalId, Reply
from framework.integration.signature import InvalidSignature
from integrations.slack.mapping import Sent, to_result_of
from integrations.slack.models import Envelope
from integrations.slack.webhooks import (
    answer_to,
    envelope_in,
    event_key,
    interaction_in,
    interaction_key,
    sign,
    signed_with,
)

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
THEN = datetime.fromtimestamp(1531420618, UTC)
BODY = b'{"type":"event_callback","event_id":"Ev1"}'
CALL = UUID("0190a000-0000-7000-8000-000000000001")
AS_SENT = to_result_of(None)


def delivery(body: bytes, headers: Mapping[str, str] | None = None, *, at: datetime = THEN) -> Delivery:
    return Delivery(headers=headers or {}, body=body, received_at=at)


def verify(headers: Mapping[str, str], *secrets: str, body: bytes = BODY, at: datetime = THEN) -> None:
    signed_with(lambda: secrets or (SECRET,))(delivery(body, headers, at=at))


def good(**changed: str) -> dict[str, str]:
    headers = {
        **sign(SECRET, BODY, THEN),
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    return {name: value for name, value in headers.items() if value}


def test_the_published_vector_is_signed_and_verified(contracts: Path) -> None:
    vector = json.loads((contracts / "slack" / "signature_vector.json").read_text())
    body, at = vector["body"].encode(), datetime.fromtimestamp(int(vector["timestamp"]), UTC)
    headers = sign(vector["signing_secret"], body, at)
    assert headers["X-Slack-Signature"] == vector["signature"]
    verify(headers, vector["signing_secret"], body=body, at=at)


class At(Clock):
    def now(self) -> float:
        return THEN.timestamp()


def test_slacks_own_verifier_and_ours_agree() -> None:
    theirs, headers = SignatureVerifier(SECRET, clock=At()), sign(SECRET, BODY, THEN)
    assert theirs.is_valid_request(BODY, dict(headers))
    assert not theirs.is_valid_request(BODY + b" ", dict(headers))
    signature = theirs.generate_signature(timestamp=headers["X-Slack-Request-Timestamp"], body=BODY)
    assert signature is not None
    verify(good(X_Slack_Signature=signature))


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_a_signature_of_the_last_or_next_five_minutes_is_good(seconds: int) -> None:
    verify(good(), at=THEN + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [301, 86400, -301, -86400])
def test_a_stale_or_future_signature_is_refused(seconds: int) -> None:
    with pytest.raises(InvalidSignature, match="300 s"):
        verify(good(), at=THEN + timedelta(seconds=seconds))


@pytest.mark.parametrize("secrets", [("of-last-year", SECRET), (SECRET, "of-next-year")])
def test_while_our_secret_is_rotated_either_is_good(secrets: tuple[str, ...]) -> None:
    verify(good(), *secrets)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        good(X_Slack_Signature=""),
        good(X_Slack_Request_Timestamp=""),
        good(X_Slack_Request_Timestamp="soon"),
        good(X_Slack_Request_Timestamp="1531420619"),
        good(X_Slack_Signature="v0=" + "0" * 64),
        good(X_Slack_Signature=sign(SECRET, BODY, THEN)["X-Slack-Signature"].removeprefix("v0=")),
        good(X_Slack_Signature=sign(SECRET, BODY, THEN)["X-Slack-Signature"].replace("v0=", "v1=")),
        good(X_Slack_Signature="v0=é"),
    ],
)
def test_bad_headers_are_refused(headers: Mapping[str, str]) -> None:
    with pytest.raises(InvalidSignature):
        verify(headers)


def test_a_changed_body_or_another_secret_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        verify(good(), body=BODY + b" ")
    with pytest.raises(InvalidSignature):
        verify(good(), "another-secret")


def test_with_no_secret_nothing_is_believed() -> None:
    with pytest.raises(InvalidSignature):
        signed_with(lambda: ())(delivery(BODY, good()))
    with pytest.raises(InvalidSignature, match="empty"):
        verify(good(), "")


def test_slacks_question_whether_somebody_is_there_is_echoed() -> None:
    body = b'{"token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmd","type":"url_verification"}'
    reply = answer_to(envelope_in(delivery(body)), AS_SENT)
    assert isinstance(reply, Reply)
    assert json.loads(reply.body) == {"challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmd"}
    assert reply.content_type == "application/json"


def test_a_question_without_its_challenge_is_malformed() -> None:
    with pytest.raises(MalformedDelivery):
        answer_to(Envelope(type="url_verification"), AS_SENT)


def posted(metadata: Any, **event: Any) -> Envelope:
    return Envelope.model_validate(
        {
            "type": "event_callback",
            "event_id": "Ev1",
            "event_time": 1531420618,
            "event": {
                "type": "message_metadata_posted",
                "channel_id": "C0GENERAL0",
                "message_ts": "1531420618.000100",
                "metadata": metadata,
                **event,
            },
        }
    )


OURS = {"event_type": "millrace_call", "event_payload": {"api_call_id": str(CALL)}}


def test_the_event_that_our_message_has_appeared_completes_its_call() -> None:
    assert answer_to(posted(OURS), AS_SENT) == Completed(
        Sent(channel="C0GENERAL0", ts="1531420618.000100"),
        external_id=ExternalId("C0GENERAL0:1531420618.000100"),
        reference=CALL,
        event_id="Ev1",
        occurred_at=THEN + timedelta(microseconds=100),
    )


@pytest.mark.parametrize(
    "metadata",
    [
        {"event_type": "task_created", "event_payload": {"api_call_id": str(CALL)}},
        {"event_type": "millrace_call", "event_payload": {}},
        {"event_type": "millrace_call", "event_payload": {"api_call_id": "7"}},
    ],
)
def test_a_message_of_somebody_else_tells_nothing(metadata: Any) -> None:
    assert answer_to(posted(metadata), AS_SENT) is None


@pytest.mark.parametrize("kind", ["message", "app_mention", "reaction_added", "an_event_of_next_year"])
def test_an_event_of_another_kind_tells_nothing_about_a_call(kind: str) -> None:
    assert answer_to(posted(OURS, type=kind), AS_SENT) is None
    assert answer_to(Envelope(type="app_rate_limited"), AS_SENT) is None


def test_an_event_without_its_message_is_malformed() -> None:
    with pytest.raises(MalformedDelivery):
        answer_to(posted(OURS, message_ts=None), AS_SENT)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}"])
def test_a_body_that_is_no_event_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedDelivery):
        envelope_in(delivery(body))


@pytest.mark.parametrize("body", [b"", b"{}", b"payload=", b"payload=%7B%7D", b"other=1", b"\xff"])
def test_a_body_that_is_no_press_of_a_button_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedDelivery):
        interaction_in(delivery(body))


def test_what_was_pressed_is_read_from_the_form() -> None:
    payload = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "ada"},
        "channel": {"id": "C0GENERAL0", "name": "general"},
        "message": {"ts": "1.000000", "metadata": OURS},
        "actions": [{"type": "button", "action_id": "approve", "value": "7"}],
        "trigger_id": "13345224609.738474920",
    }
    pressed = delivery(urlencode({"payload": json.dumps(payload)}).encode())
    interaction = interaction_in(pressed)
    assert (interaction.user.id, interaction.actions[0].action_id, interaction.actions[0].value) == (
        "U1",
        "approve",
        "7",
    )
    assert interaction_key(pressed) == "13345224609.738474920"


def test_what_slack_does_not_name_is_known_by_its_bytes() -> None:
    nameless, other = delivery(b'{"type":"x"}'), delivery(b'{"type":"x" }')
    assert event_key(delivery(BODY)) == "Ev1"
    assert event_key(nameless) == event_key(delivery(b'{"type":"x"}')) != event_key(other)


def test_what_slack_has_really_sent_can_be_read(contracts: Path) -> None:
    shapes = json.loads((contracts / "slack" / "event_payload_shapes.trim.json").read_text())
    for name in ("MessagePayload", "AppMentionPayload", "ReactionAddedPayload", "ChannelCreatedPayload"):
        envelope = envelope_in(delivery(json.dumps(shapes[name]).encode()))
        assert envelope.kind == shapes[name]["event"]["type"]
    form = urlencode({"payload": json.dumps(shapes["BlockActionPayload"])}).encode()
    assert interaction_in(delivery(form)).type == "block_actions"
