"""Payloads of a business and what Volcengine speaks."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pydantic import ValidationError

from framework import Payload
from integrations.volctts.mapping import SpeechRequest, to_speech, to_speech_request, to_submit_body
from integrations.volctts.models import AudioParams, Task

CALL = UUID("9b2f8a52-9f4e-4a0b-8a44-0c1d8b7e5a11")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Thanks(Payload):
    """A business's own request: the names match, and one field is nobody else's."""

    text: str
    speaker: str
    donor: int


def task(**fields: object) -> Task:
    return Task.model_validate({"task_status": 2, "audio_url": "https://audio.example/1.mp3", **fields})


def test_a_business_payload_is_read_by_its_names() -> None:
    request = to_speech_request(Thanks(text="Thank you", speaker="alice", donor=7))
    assert request == SpeechRequest(text="Thank you", speaker="alice")


def test_a_payload_with_other_names_is_refused() -> None:
    with pytest.raises(ValidationError, match="speaker"):
        to_speech_request(Payload())


def test_a_task_is_submitted_under_the_calls_own_id() -> None:
    request = SpeechRequest(text="Thank you", speaker="alice")
    body = to_submit_body(request, call=CALL, user="millrace", audio=AudioParams(sample_rate=24000))
    assert body.model_dump(exclude_none=True) == {
        "user": {"uid": "millrace"},
        "unique_id": str(CALL),
        "req_params": {
            "text": "Thank you",
            "speaker": "alice",
            "audio_params": {"format": "mp3", "sample_rate": 24000, "enable_timestamp": True},
        },
    }


def test_a_speech_expires_when_the_vendor_says() -> None:
    speech = to_speech(task(url_expire_time=int(NOON.timestamp()), answered_at=NOON + timedelta(days=1)))
    assert speech is not None
    assert speech.expires_at == NOON


def test_a_speech_expires_an_hour_after_the_answer_if_the_vendor_does_not_say() -> None:
    speech = to_speech(task(answered_at=NOON))
    assert speech is not None
    assert speech.expires_at == NOON + timedelta(hours=1)


def test_a_speech_without_any_time_has_no_expiry_and_no_length() -> None:
    speech = to_speech(task())
    assert speech is not None
    assert (speech.expires_at, speech.duration_ms) == (None, None)


def test_a_speech_lasts_until_its_last_sentence_ends() -> None:
    sentences = [{"text": "Thank", "startTime": 0.0, "endTime": 0.4}, {"text": "you", "endTime": 1.2345}, {}]
    speech = to_speech(task(sentences=sentences))
    assert speech is not None
    assert speech.duration_ms == 1234


@pytest.mark.parametrize("address", [None, ""])
def test_a_task_without_an_address_is_no_speech_yet(address: str | None) -> None:
    assert to_speech(task(audio_url=address)) is None
