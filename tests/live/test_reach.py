"""The account of live tests is honest: no evidence without a vendor, and nobody's secrets in it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from framework.cli.path.live import digest
from tests.live.reach import PROJECT, Reach, missing, reason

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def stripe(monkeypatch: pytest.MonkeyPatch) -> Reach:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_of_nobody")
    return Reach("stripe", ("STRIPE_SECRET_KEY",))


def asked(reach: Reach, url: str, status: int = 200, method: str = "GET") -> None:
    reach.note(httpx.Request(method, url), status)


def test_what_is_missing_is_named_with_where_to_obtain_it() -> None:
    assert missing(("A", "B", "C"), {"A": "x", "B_REF": "file:///b"}) == ["C"]
    said = reason("stripe", ["STRIPE_SECRET_KEY"])
    assert said == (
        "stripe was not reached: STRIPE_SECRET_KEY is not set (https://dashboard.stripe.com/apikeys)"
    )


def test_evidence_says_what_was_exchanged_without_ids_and_secrets(stripe: Reach, tmp_path: Path) -> None:
    asked(stripe, "https://api.stripe.com/v1/payment_intents?key=sk_test_of_nobody", method="POST")
    asked(stripe, "https://api.stripe.com/v1/payment_intents/pi_3OqQ2eLkdIwHu7ix")
    asked(stripe, "https://api.stripe.com/v1/payment_intents/pi_4XyZ9aBcDeFgHiJk")
    asked(stripe, "https://api.stripe.com/sk_test_of_nobody", 404)
    stripe.passed.append("test_a_card_is_charged")
    told = json.loads(stripe.write(tmp_path, NOON).read_text())
    assert told == {
        "integration": "stripe",
        "ran_at": "2026-11-20T12:00:00Z",
        "passed": ["test_a_card_is_charged"],
        "failed": 0,
        "skipped": 0,
        "digest": digest(PROJECT, "stripe"),
        "exchanges": {
            "GET api.stripe.com/<STRIPE_SECRET_KEY> -> 404": 1,
            "GET api.stripe.com/v1/payment_intents/* -> 200": 2,
            "POST api.stripe.com/v1/payment_intents -> 200": 1,
        },
    }


def test_a_double_on_this_machine_is_no_evidence(stripe: Reach, tmp_path: Path) -> None:
    asked(stripe, "http://127.0.0.1:8900/stripe/v1/payment_intents")
    stripe.passed.append("test_a_card_is_charged")
    assert str(stripe) == "stripe was not reached: what answered is on this machine"
    with pytest.raises(AssertionError, match="proven nothing"):
        stripe.write(tmp_path, NOON)


def test_silence_is_no_evidence(stripe: Reach) -> None:
    stripe.passed.append("test_a_card_is_charged")
    assert not stripe.is_proven, "nothing was exchanged"


def test_a_failure_is_no_evidence(stripe: Reach) -> None:
    asked(stripe, "https://api.stripe.com/v1/payment_intents")
    stripe.passed.append("test_a_card_is_charged")
    stripe.failed.append("test_the_same_key_is_the_same_payment")
    assert not stripe.is_proven
    assert str(stripe) == ("stripe was asked, and 1 tests failed: test_the_same_key_is_the_same_payment")
