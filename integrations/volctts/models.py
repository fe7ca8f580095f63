"""What Volcengine's speech service sends and receives, as far as it is used here; new fields are ignored."""

from datetime import datetime
from enum import IntEnum
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

AudioFormat = Literal["mp3", "ogg_opus", "pcm"]
SampleRate = Literal[8000, 16000, 22050, 24000, 32000, 44100, 48000]


Data = TypeVar("Data")


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class User(Wire):
    uid: str


class AudioParams(Wire):
    format: AudioFormat = "mp3"
    sample_rate: SampleRate | None = None
    enable_timestamp: bool = True


class RequestParams(Wire):
    """What is spoken and how. `additions` is a JSON *text*, not an object: an object is refused."""

    text: str
    speaker: str
    audio_params: AudioParams
    additions: str | None = None


class SubmitBody(Wire):
    """The body of `POST /api/v3/tts/submit`; the vendor makes one task for each `unique_id`."""

    user: User
    unique_id: str
    req_params: RequestParams


class SpeakBody(Wire):
    """The body of `POST /api/v3/tts/unidirectional`."""

    user: User
    req_params: RequestParams


class Chunk(Wire):
    """One object of a streamed answer: audio in base64, or the end, or a refusal."""

    code: int
    message: str = ""
    data: str | None = None


class QueryBody(Wire):
    """The body of `POST /api/v3/tts/query`."""

    task_id: str


class SubmittedTask(Wire):
    task_id: str = Field(min_length=1)


class TaskStatus(IntEnum):
    """The life of a task, as the vendor numbers it."""

    RUNNING = 1
    SUCCESS = 2
    FAILED = 3


class Sentence(Wire):
    """A spoken sentence; its times are seconds from the start of the audio."""

    text: str = ""
    start_time: float | None = Field(default=None, alias="startTime")
    end_time: float | None = Field(default=None, alias="endTime")


class Task(Wire):
    """The `data` of a query's answer. `task_status` stays a number: the vendor may add one.

    `url_expire_time` is a UNIX time in seconds; the vendor does not always send it. `answered_at` is the
    time at which the vendor says it answered (its `Date` header).
    """

    task_id: str = ""
    task_status: int
    audio_url: str | None = None
    url_expire_time: int | None = None
    sentences: list[Sentence] | None = None
    err_msg: str | None = None
    answered_at: datetime | None = None


class Head(Wire):
    """The part that every answer has: a code, and words about it."""

    code: int
    message: str = ""


class GatewayAnswer(Wire):
    """The other form of an error, given by the gateway in front of the service."""

    header: Head


class Reply(Wire, Generic[Data]):
    """An answer whose code says success."""

    data: Data
