"""Between the payloads of a business and what Volcengine's speech service speaks. Pure.

A business declares its own payloads and imports nothing from here. Where its names are those of
`SpeechRequest` and `Speech`, the defaults of the factory match them by name.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from framework import Payload
from framework.integration.filling import filled
from framework.integration.outcomes import Completed, Failed, Outcome, Processing
from integrations.volctts.models import (
    AudioParams,
    RequestParams,
    SpeakBody,
    SubmitBody,
    Task,
    TaskStatus,
    User,
)

AUDIO_LINK_LIFE = timedelta(hours=1)


class SpeechRequest(Payload):
    """What is to be spoken, and by which voice (a speaker id of the resource, as the console lists them)."""

    text: str
    speaker: str


class Speech(Payload):
    """Where the audio is until `expires_at`. The vendor keeps it for 7 days; copy what must last."""

    audio_url: str
    expires_at: datetime | None = None
    duration_ms: int | None = None


class SpokenAtOnce(Payload):
    """The audio itself, in base64, of the format that the settings name."""

    audio_base64: str


ToSpokenResult: TypeAlias = Callable[[SpokenAtOnce], Payload]
ToSpeechRequest: TypeAlias = Callable[[Any], SpeechRequest]
ToResult: TypeAlias = Callable[[Speech], Payload]


def to_speech_request(request: Any) -> SpeechRequest:
    """From a request with `text` and `speaker`; what else it has is the business's own."""
    return SpeechRequest.model_validate(request, from_attributes=True)


def to_result_of(result: type[Payload] | None) -> ToResult:
    """A function that fills the fields of this payload class by name. Raises ResultNotFilled if it cannot."""
    return filled(result, Speech, vendor="Volcengine")


def to_spoken_result_of(result: type[Payload] | None) -> ToSpokenResult:
    """A function that fills the fields of this payload class by name. Raises ResultNotFilled if it cannot."""
    return filled(result, SpokenAtOnce, vendor="Volcengine")


def to_speak_body(request: SpeechRequest, *, user: str, audio: AudioParams) -> SpeakBody:
    """A text that is spoken while we listen."""
    params = RequestParams(text=request.text, speaker=request.speaker, audio_params=audio)
    return SpeakBody(user=User(uid=user), req_params=params)


def to_submit_body(request: SpeechRequest, *, call: UUID, user: str, audio: AudioParams) -> SubmitBody:
    """One task for each call: the call's id is the `unique_id` under which the vendor refuses a second."""
    params = RequestParams(text=request.text, speaker=request.speaker, audio_params=audio)
    return SubmitBody(user=User(uid=user), unique_id=str(call), req_params=params)


def to_speech(task: Task) -> Speech | None:
    """The speech of a task that succeeded, or None while its audio has no address."""
    if not task.audio_url:
        return None
    return Speech(audio_url=task.audio_url, expires_at=_expires_at(task), duration_ms=_duration_ms(task))


def outcome_of(task: Task, to_result: ToResult) -> Outcome:
    """What the standing of a task means for its call. A status that nobody knows yet is processing."""
    match task.task_status:
        case TaskStatus.SUCCESS:
            speech = to_speech(task)
            return (
                Completed(to_result(speech)) if speech else Processing(detail="the audio has no address yet")
            )
        case TaskStatus.FAILED:
            return Failed(task.err_msg or "Volcengine could not speak the text", code="synthesis_failed")
        case TaskStatus.RUNNING:
            return Processing(detail="running")
        case unknown:
            return Processing(detail=f"task_status {unknown}")


def _expires_at(task: Task) -> datetime | None:
    """As the vendor says, else one hour after its answer, which is how long it documents the link to live."""
    if task.url_expire_time:
        return datetime.fromtimestamp(task.url_expire_time, UTC)
    return task.answered_at + AUDIO_LINK_LIFE if task.answered_at else None


def _duration_ms(task: Task) -> int | None:
    """The end of the last sentence, which the vendor tells when timestamps were asked for."""
    ends = [sentence.end_time for sentence in task.sentences or () if sentence.end_time is not None]
    return round(max(ends) * 1000) if ends else None
