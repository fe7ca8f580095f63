"""Calls in the hands of handlers."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from framework.integration import CallView, idempotency_key, result_type
from framework.integration.calls import HandlerWrites, ResultUnclear
from framework.model.apicall import APICall
from framework.model.payload import Payload


class ChargeRequest(Payload):
    amount_cents: int


class Receipt(Payload):
    url: str


class Refusal(Payload):
    why: str


class ViewedCharge(APICall, table=True):
    order_number: int
    request: ChargeRequest
    result: Receipt | None = None


class Ping(APICall, table=True):
    request: ChargeRequest


class Muddled(APICall, table=True):
    request: ChargeRequest
    result: Receipt | Refusal | None = None


def view() -> CallView[ChargeRequest]:
    record = ViewedCharge(order_number=7, request=ChargeRequest(amount_cents=1250))
    return CallView(record, idempotency_key=idempotency_key("stripe", record.id), attempt=2)


def test_a_handler_reads_what_was_asked_and_under_which_names() -> None:
    call = view()
    assert call.request.amount_cents == 1250
    assert call.order_number == 7
    assert isinstance(call.id, UUID)
    assert call.external_id is None
    assert call.attempt == 2
    assert call.idempotency_key == f"stripe:{call.id}:0"


@pytest.mark.parametrize("field", ["status", "order_number", "id", "attempt", "anything"])
def test_a_handler_cannot_write(field: str) -> None:
    with pytest.raises(HandlerWrites, match=field):
        setattr(view(), field, "completed")


def test_a_field_that_the_call_does_not_have_is_missing() -> None:
    with pytest.raises(AttributeError):
        _: Any = view().colour


def test_a_view_does_not_show_the_request() -> None:
    shown = repr(view())
    assert "ViewedCharge" in shown
    assert "1250" not in shown


def test_the_idempotency_key_changes_with_the_generation_alone() -> None:
    call = uuid4()
    assert idempotency_key("stripe", call) == idempotency_key("stripe", call, 0)
    assert idempotency_key("stripe", call, 1) == f"stripe:{call}:1"


def test_the_type_of_the_result_is_the_payload_of_its_annotation() -> None:
    assert result_type(ViewedCharge) is Receipt


def test_a_call_without_a_declared_result_has_no_type_of_result() -> None:
    assert result_type(Ping) is None


def test_a_result_of_two_payloads_is_a_mistake() -> None:
    with pytest.raises(ResultUnclear, match="Muddled"):
        result_type(Muddled)
