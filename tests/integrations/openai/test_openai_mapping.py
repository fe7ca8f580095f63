"""What a response means for its call, whatever its status; and what a business makes of it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from framework import Payload
from framework.integration.delivery import Delivery, MalformedDelivery
from framework.integration.filling import ResultNotFilled
from framework.integration.outcomes import Completed, ExternalId, Failed, PollNow, Processing
from framework.integration.signature import InvalidSignature
from integrations.openai.mapping import (
    KEPT,
    Answer,
    Prompt,
    outcome_of,
    to_body,
    to_prompt,
    to_result_of,
)
from integrations.openai.models import Response
from integrations.openai.webhooks import news_in

CALL = UUID("0190a000-0000-7000-8000-000000000001")
ID = ExternalId("resp_1")
AS_ANSWER = to_result_of(None)


def response(status: str | None, *texts: str, **more: Any) -> Response:
    content = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    output = [{"type": "reasoning", "summary": []}, {"type": "message", "content": content}]
    metadata = {"api_call_id": str(CALL)}
    return Response.model_validate(
        {"id": "resp_1", "status": status, "output": output, "metadata": metadata, **more}
    )


def test_a_completed_response_is_the_answer() -> None:
    done = response(
        "completed", "One. ", "Two.", model="gpt-5-mini", usage={"input_tokens": 3, "output_tokens": 2}
    )
    assert outcome_of(done, AS_ANSWER) == Completed(
        Answer(text="One. Two.", response_id="resp_1", model="gpt-5-mini", input_tokens=3, output_tokens=2),
        external_id=ID,
        reference=CALL,
    )


def test_a_failed_response_says_why() -> None:
    failed = response("failed", error={"code": "invalid_prompt", "message": "No."})
    assert outcome_of(failed, AS_ANSWER) == Failed(
        "No.", code="invalid_prompt", external_id=ID, reference=CALL
    )
    silent = outcome_of(response("failed"), AS_ANSWER)
    assert isinstance(silent, Failed)
    assert silent.code == "failed"


def test_a_cancelled_response_has_failed() -> None:
    cancelled = outcome_of(response("cancelled"), AS_ANSWER)
    assert isinstance(cancelled, Failed)
    assert cancelled.code == "cancelled"


def test_an_answer_that_broke_off_has_failed_and_is_kept_as_far_as_it_goes() -> None:
    broken = response("incomplete", "As far as", incomplete_details={"reason": "max_output_tokens"})
    assert outcome_of(broken, AS_ANSWER) == Failed(
        "The answer broke off (max_output_tokens). As far as it goes: As far as",
        code="incomplete",
        external_id=ID,
        reference=CALL,
    )
    filtered = outcome_of(response("incomplete"), AS_ANSWER)
    long = outcome_of(response("incomplete", "x" * 10_000), AS_ANSWER)
    assert isinstance(filtered, Failed)
    assert filtered.reason == "The answer broke off (no reason given)"
    assert isinstance(long, Failed)
    assert len(long.reason) < KEPT + 100


def test_a_model_that_declines_has_not_answered() -> None:
    content = [{"type": "refusal", "refusal": "I will not."}]
    declined = response("completed", output=[{"type": "message", "content": content}])
    assert outcome_of(declined, AS_ANSWER) == Failed(
        "The model declined: I will not.", code="refused", external_id=ID, reference=CALL
    )


@pytest.mark.parametrize("status", ["queued", "in_progress", "pondering", None])
def test_every_other_status_known_or_new_is_processing(status: str | None) -> None:
    assert outcome_of(response(status), AS_ANSWER) == Processing(
        detail=status, external_id=ID, reference=CALL
    )


@pytest.mark.parametrize("metadata", [None, {}, {"api_call_id": "7"}])
def test_a_response_that_nobody_here_asked_for_has_no_reference(metadata: object) -> None:
    outcome = outcome_of(response("queued", metadata=metadata), AS_ANSWER)
    assert isinstance(outcome, Processing)
    assert outcome.reference is None


class Mood(Payload):
    mood: str


class Remark(Payload):
    text: str
    output_tokens: int | None = None
    stars: int = 5


def test_a_result_is_filled_by_the_names_of_its_fields() -> None:
    outcome = outcome_of(response("completed", "Fine."), to_result_of(Remark))
    assert isinstance(outcome, Completed)
    assert outcome.result == Remark(text="Fine.")
    with pytest.raises(ResultNotFilled, match="mood of Mood"):
        to_result_of(Mood)


@pytest.mark.parametrize("text", ["no JSON", '{"weather": "a private matter"}'])
def test_what_the_business_cannot_read_fails_the_call_and_is_not_quoted(text: str) -> None:
    outcome = outcome_of(response("completed", text), lambda answer: Mood.model_validate_json(answer.text))
    assert isinstance(outcome, Failed)
    assert outcome.code == "unfit_answer"
    assert "private" not in outcome.reason
    good = outcome_of(
        response("completed", '{"mood": "good"}'), lambda answer: Mood.model_validate_json(answer.text)
    )
    assert isinstance(good, Completed)
    assert good.result == Mood(mood="good")


def test_a_prompt_becomes_a_stored_request_that_carries_the_calls_id() -> None:
    plain = to_body(Prompt(input="Why?"), call=CALL, model="gpt-5-mini", background=True)
    assert plain.model_dump(exclude_none=True) == {
        "model": "gpt-5-mini",
        "input": "Why?",
        "metadata": {"api_call_id": str(CALL)},
        "background": True,
        "store": True,
    }
    schema = {"type": "object"}
    full = Prompt(
        input="Why?", instructions="Be brief.", model="gpt-5", max_output_tokens=16, json_schema=schema
    )
    body = to_body(full, call=CALL, model="gpt-5-mini", background=False)
    assert (body.model, body.instructions, body.max_output_tokens, body.background) == (
        "gpt-5",
        "Be brief.",
        16,
        False,
    )
    assert body.text == {
        "format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": True}
    }


class Riddle(Payload):
    input: str
    max_output_tokens: int | None = None
    difficulty: int = 3


def test_a_request_is_read_by_the_names_of_its_fields() -> None:
    assert to_prompt(Riddle(input="Why?", max_output_tokens=20)) == Prompt(input="Why?", max_output_tokens=20)
    with pytest.raises(ValidationError):
        to_prompt(Riddle(input="Why?", max_output_tokens=15))
    with pytest.raises(ValidationError):
        to_prompt(Mood(mood="good"))


BODY = b'{"id":"evt_1","object":"event","created_at":1750861210,"type":"%s","data":{"id":"resp_1"}}'
THEN = datetime.fromtimestamp(1750861210, UTC)


def delivery(body: bytes, **headers: str) -> Delivery:
    return Delivery(headers=headers or {"webhook-id": "wh_1"}, body=body, received_at=THEN)


@pytest.mark.parametrize("kind", ["completed", "failed", "cancelled", "incomplete", "pondered"])
def test_a_webhook_says_of_which_response_there_is_news(kind: str) -> None:
    assert news_in(delivery(BODY % f"response.{kind}".encode())) == PollNow(
        external_id=ID, event_id="wh_1", occurred_at=THEN, detail=f"response.{kind}"
    )


@pytest.mark.parametrize("kind", [b"batch.completed", b"eval.run.failed", b"realtime.call.incoming"])
def test_a_webhook_about_something_else_tells_nothing(kind: bytes) -> None:
    assert news_in(delivery(BODY % kind)) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"id":"evt_1","type":"response.completed"}'])
def test_a_body_that_is_no_event_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedDelivery):
        news_in(delivery(body))


def test_a_delivery_without_a_name_is_not_openais() -> None:
    with pytest.raises(InvalidSignature):
        news_in(delivery(BODY % b"response.completed", other="x"))
