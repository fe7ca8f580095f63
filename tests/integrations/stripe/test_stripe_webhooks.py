"""Only Stripe is believed, and only about what it says now."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from framework.integration.delivery import Delivery, MalformedDelivery
from framework.integration.outcomes import Completed, ExternalId, Processing
from framework.integration.signature import InvalidSignature
from integrations.stripe.mapping import to_result_of
from integrations.stripe.models import Event
from integrations.stripe.webhooks import event_in, outcome_of_event, sign, signed_with

SECRET = "whsec_test_secret"
BODY = b'{"id":"evt_1","object":"event","type":"payment_intent.succeeded"}'
SIGNATURE = "67da5088c63e080c71bd2bb0cb5c03d85a8fc6a21ce3aaf484df809654745b92"
THEN = datetime.fromtimestamp(1700000000, UTC)


def delivery(header: str | None, *, body: bytes = BODY, at: datetime = THEN) -> Delivery:
    headers = {} if header is None else {"Stripe-Signature": header}
    return Delivery(headers=headers, body=body, received_at=at)


def verify(header: str | None, *secrets: str, body: bytes = BODY, at: datetime = THEN) -> None:
    signed_with(lambda: secrets or (SECRET,))(delivery(header, body=body, at=at))


def test_the_published_vector_is_signed_and_verified() -> None:
    assert sign(SECRET, BODY, THEN) == f"t=1700000000,v1={SIGNATURE}"
    verify(f"t=1700000000,v1={SIGNATURE}")


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_a_signature_of_the_last_or_next_five_minutes_is_good(seconds: int) -> None:
    verify(f"t=1700000000,v1={SIGNATURE}", at=THEN + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [301, 86400, -301, -86400])
def test_a_stale_or_future_signature_is_refused(seconds: int) -> None:
    with pytest.raises(InvalidSignature, match="300 s"):
        verify(f"t=1700000000,v1={SIGNATURE}", at=THEN + timedelta(seconds=seconds))


@pytest.mark.parametrize("secrets", [("whsec_old", SECRET), (SECRET, "whsec_new")])
def test_while_our_secret_is_rotated_either_is_good(secrets: tuple[str, ...]) -> None:
    verify(f"t=1700000000,v1={SIGNATURE}", *secrets)


def test_while_stripe_signs_with_two_secrets_either_is_good() -> None:
    verify(f"t=1700000000,v1={'0' * 64},v1={SIGNATURE}")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"t=1700000000,v0={SIGNATURE}",
        f"t=1700000000,v1={'0' * 64}",
        f"t=1700000000,v1={SIGNATURE[:-1]}",
        f"t=1700000001,v1={SIGNATURE}",
        f"v1={SIGNATURE}",
        f"t=1700000000,t=1700000000,v1={SIGNATURE}",
        f"t=soon,v1={SIGNATURE}",
        "t=1700000000",
        "t=1700000000,v1=é",
    ],
)
def test_a_bad_header_is_refused(header: str | None) -> None:
    with pytest.raises(InvalidSignature):
        verify(header)


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        verify(f"t=1700000000,v1={SIGNATURE}", body=BODY.replace(b"evt_1", b"evt_2"))


def test_another_secret_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        verify(f"t=1700000000,v1={SIGNATURE}", "whsec_other")


def test_with_no_secret_nothing_is_believed() -> None:
    with pytest.raises(InvalidSignature):
        signed_with(lambda: ())(delivery(f"t=1700000000,v1={SIGNATURE}"))
    with pytest.raises(InvalidSignature):
        verify(sign("x", BODY, THEN), "")


def intent_event(kind: str, **intent: Any) -> Event:
    object_ = {"id": "pi_1", "status": "processing", "amount": 990, "currency": "eur", "created": 1, **intent}
    return Event.model_validate(
        {"id": "evt_1", "type": kind, "created": 1700000000, "data": {"object": object_}}
    )


def test_a_failed_payment_is_not_the_end() -> None:
    event = intent_event("payment_intent.payment_failed", status="requires_payment_method")
    outcome = outcome_of_event(event, to_result_of(None))
    assert outcome == Processing(
        detail="requires_payment_method", external_id=ExternalId("pi_1"), event_id="evt_1", occurred_at=THEN
    )


def test_a_status_that_nobody_knows_yet_is_processing() -> None:
    event = intent_event("payment_intent.partially_funded", status="requires_patience")
    assert isinstance(outcome_of_event(event, to_result_of(None)), Processing)


def test_a_captured_charge_completes_its_intent() -> None:
    charge = {
        "id": "ch_1",
        "payment_intent": "pi_1",
        "status": "succeeded",
        "captured": True,
        "amount": 990,
        "currency": "eur",
        "created": 1,
    }
    event = Event.model_validate(
        {"id": "evt_2", "type": "charge.succeeded", "created": 1700000000, "data": {"object": charge}}
    )
    authorized = event.model_copy(
        update={"data": event.data.model_copy(update={"object": charge | {"captured": False}})}
    )
    outcome = outcome_of_event(event, to_result_of(None))
    assert isinstance(outcome, Completed)
    assert outcome.external_id == "pi_1"
    assert outcome_of_event(authorized, to_result_of(None)) is None


def test_an_event_of_another_kind_tells_nothing() -> None:
    event = Event.model_validate(
        {"id": "evt_1", "type": "plan.created", "created": 1, "data": {"object": {"id": "price_1"}}}
    )
    assert outcome_of_event(event, to_result_of(None)) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{", json.dumps({"id": "evt_1"}).encode()])
def test_a_body_that_is_no_event_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedDelivery):
        event_in(delivery(None, body=body))


def test_an_event_without_a_whole_intent_is_malformed() -> None:
    event = Event.model_validate(
        {"id": "evt_1", "type": "payment_intent.succeeded", "created": 1, "data": {"object": {"id": "pi_1"}}}
    )
    with pytest.raises(MalformedDelivery):
        outcome_of_event(event, to_result_of(None))
