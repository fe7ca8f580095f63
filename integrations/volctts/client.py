"""The endpoints of Volcengine's speech service, one typed method each, untranslated."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar
from uuid import uuid4

import httpx
from pydantic import SecretStr, TypeAdapter, ValidationError

from integrations.volctts.models import (
    GatewayAnswer,
    Head,
    QueryBody,
    Reply,
    SpeakBody,
    SubmitBody,
    SubmittedTask,
    Task,
    Wire,
)
from integrations.volctts.stream import AUDIO, END, BrokenStream, chunks, sound_in

HOME = "https://openspeech.bytedance.com"
SUCCESS = 20000000

Form = TypeVar("Form", bound=Wire)


class VolcRefusal(Exception):
    """Volcengine answered with a code other than success, or with an error status alone (`code` is 0)."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: int = 200,
        retry_after: timedelta | None = None,
        logid: str = "",
    ) -> None:
        self.code, self.message, self.status = code, message, status
        self.retry_after, self.logid = retry_after, logid
        super().__init__(f"Volcengine answered {status} with code {code}: {message}")


class UnreadableAnswer(Exception):
    """Volcengine answered success with a body that is not what it documents."""

    def __init__(self, body: str, *, logid: str = "") -> None:
        self.body, self.logid = body, logid
        super().__init__("Volcengine answered success with a body that cannot be read.")


@dataclass(frozen=True)
class ConsoleKey:
    """The one key of the new console."""

    key: SecretStr

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Api-Key": self.key.get_secret_value()}


@dataclass(frozen=True)
class AppAccess:
    """The pair of the old console."""

    app_id: SecretStr
    access_key: SecretStr

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-Api-App-Id": self.app_id.get_secret_value(),
            "X-Api-Access-Key": self.access_key.get_secret_value(),
        }


Credentials = ConsoleKey | AppAccess


@dataclass(frozen=True)
class VolcTTSClient:
    """The speech service as seen with one set of credentials and one resource (a family of voices)."""

    http: httpx.AsyncClient
    credentials: Credentials
    resource_id: str
    base_url: str = HOME

    async def submit(self, body: SubmitBody) -> SubmittedTask:
        """`POST /api/v3/tts/submit`: the task that will speak the text.

        The request id is the body's `unique_id`, so that a repeated submit is known as one by either.
        """
        answer = await self._post("/api/v3/tts/submit", body, request_id=body.unique_id)
        return _read(answer, Reply[SubmittedTask]).data

    async def query(self, task_id: str) -> Task:
        """`POST /api/v3/tts/query`: how the task stands, with the audio's address once there is one."""
        answer = await self._post("/api/v3/tts/query", QueryBody(task_id=task_id), request_id=str(uuid4()))
        return _read(answer, Reply[Task]).data.model_copy(update={"answered_at": _answered_at(answer)})

    async def speak(self, body: SpeakBody) -> bytes:
        """`POST /api/v3/tts/unidirectional`: the audio, put together as it comes. Each request costs anew."""
        url = self.base_url.rstrip("/") + "/api/v3/tts/unidirectional"
        headers, content = self._headers(str(uuid4())), body.model_dump(mode="json", exclude_none=True)
        async with self.http.stream("POST", url, headers=headers, json=content) as answer:
            if answer.status_code != 200:
                await answer.aread()
                raise _refusal(answer)
            logid, sound = answer.headers.get("X-Tt-Logid", ""), bytearray()
            try:
                async for chunk in chunks(answer.aiter_text()):
                    if chunk.code == END:
                        return bytes(sound)
                    if chunk.code != AUDIO:
                        raise VolcRefusal(chunk.code, chunk.message[:300], logid=logid)
                    sound += sound_in(chunk)
            except BrokenStream as error:
                raise UnreadableAnswer("", logid=logid) from error
            raise UnreadableAnswer("", logid=logid)

    def _headers(self, request_id: str) -> dict[str, str]:
        return {
            **self.credentials.headers,
            "X-Api-Resource-Id": self.resource_id,
            "X-Api-Request-Id": request_id,
        }

    async def _post(self, path: str, body: Wire, *, request_id: str) -> httpx.Response:
        content = body.model_dump(mode="json", exclude_none=True)
        url = self.base_url.rstrip("/") + path
        return await self.http.post(url, headers=self._headers(request_id), json=content)


def _read(answer: httpx.Response, form: type[Form]) -> Form:
    logid = answer.headers.get("X-Tt-Logid", "")
    head = _head(answer)
    if answer.status_code != 200 or (head is not None and head.code != SUCCESS):
        raise _refusal(answer)
    try:
        return form.model_validate_json(answer.content)
    except ValidationError as error:
        raise UnreadableAnswer(answer.text[:2000], logid=logid) from error


def _refusal(answer: httpx.Response) -> VolcRefusal:
    head = _head(answer)
    return VolcRefusal(
        head.code if head else 0,
        (head.message if head else answer.reason_phrase)[:300],
        status=answer.status_code,
        retry_after=_retry_after(answer),
        logid=answer.headers.get("X-Tt-Logid", ""),
    )


def _head(answer: httpx.Response) -> Head | None:
    """The code and its words, whether the service or the gateway before it answered."""
    try:
        found = TypeAdapter(Head | GatewayAnswer).validate_json(answer.content)
    except ValidationError:
        return None
    return found.header if isinstance(found, GatewayAnswer) else found


def _answered_at(answer: httpx.Response) -> datetime | None:
    """The time of the answer by the vendor's clock, or None if it does not tell."""
    try:
        return parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        return None


def _retry_after(answer: httpx.Response) -> timedelta | None:
    """How long to wait: `Retry-After` is seconds, or a date that is read against the vendor's own clock."""
    asked = answer.headers.get("Retry-After", "")
    if asked.isdecimal():
        return timedelta(seconds=int(asked))
    try:
        return parsedate_to_datetime(asked) - parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError, TypeError):
        return None
