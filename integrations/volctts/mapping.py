"""Between the payloads of a business and what Volcengine's speech service speaks. Pure.

A business declares its own payloads and imports nothing from here. Where its names are those of
`SpeechRequest` and `Speech`, the defaults of the factory match them by name.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from framework.model.payload import Payload
from integrations.volctts.models import AudioParams, RequestParams, SubmitBody, Task, User

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


def to_speech_request(request: Payload) -> SpeechRequest:
    """The request read by its field names; what else it carries is the business's own."""
    return SpeechRequest.model_validate(
        {name: getattr(request, name) for name in SpeechRequest.model_fields if hasattr(request, name)}
    )


def to_submit_body(request: SpeechRequest, *, call: UUID, user: str, audio: AudioParams) -> SubmitBody:
    """One task for each call: the call's id is the `unique_id` under which the vendor refuses a second."""
    params = RequestParams(text=request.text, speaker=request.speaker, audio_params=audio)
    return SubmitBody(user=User(uid=user), unique_id=str(call), req_params=params)


def to_speech(task: Task) -> Speech | None:
    """The speech of a task that succeeded, or None while its audio has no address."""
    if not task.audio_url:
        return None
    return Speech(audio_url=task.audio_url, expires_at=_expires_at(task), duration_ms=_duration_ms(task))


def _expires_at(task: Task) -> datetime | None:
    """As the vendor says, else one hour after its answer, which is how long it documents the link to live."""
    if task.url_expire_time:
        return datetime.fromtimestamp(task.url_expire_time, UTC)
    return task.answered_at + AUDIO_LINK_LIFE if task.answered_at else None


def _duration_ms(task: Task) -> int | None:
    """The end of the last sentence, which the vendor tells when timestamps were asked for."""
    ends = [sentence.end_time for sentence in task.sentences or () if sentence.end_time is not None]
    return round(max(ends) * 1000) if ends else None
