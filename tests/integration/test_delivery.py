"""What a vendor sent."""

from datetime import UTC, datetime

import pytest

from framework.integration import Delivery, MalformedDelivery

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def delivery(body: bytes) -> Delivery:
    return Delivery(headers={"X-Signature": "abc"}, body=body, received_at=NOON, path="events")


def test_headers_are_found_in_lower_case_and_cannot_be_changed() -> None:
    headers = delivery(b"").headers
    assert headers["x-signature"] == "abc"
    with pytest.raises(TypeError):
        headers["x-signature"] = "other"  # type: ignore[index]


def test_the_body_is_read_as_json_and_as_a_form() -> None:
    assert delivery(b'{"id": "evt_1"}').json() == {"id": "evt_1"}
    assert delivery(b"payload=%7B%7D&empty=").form() == {"payload": "{}", "empty": ""}
    assert delivery(b"").form() == {}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\xfa"])
def test_a_body_that_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedDelivery, match="is no JSON"):
        delivery(body).json()


def test_a_body_that_is_no_form_is_malformed() -> None:
    with pytest.raises(MalformedDelivery, match="is no form"):
        delivery(b"\xff\xfe").form()


def test_neither_signatures_nor_bodies_are_shown() -> None:
    shown = repr(delivery(b'{"email": "ada@example.org"}'))
    assert "abc" not in shown
    assert "ada@example.org" not in shown
    assert "events" in shown
