"""A double of Volcengine's speech service: keeps tasks, speaks nothing, bills every task once.

A task runs until it was queried `running_queries` times and `speaks_after` has passed; then it succeeds, or
fails if `fail` was called for it. The task's id is its `unique_id`, as it was seen at the vendor.

A stream has the words of the text for sound. It ends with the code `breaks_off_with`; with 0 it has no end.
"""

import json
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from framework.testing.sandbox import Sandbox

LONGEST_TEXT = 100_000
SPEAKERS = frozenset({"zh_female_vv_uranus_bigtts", "zh_male_m191_uranus_bigtts", "en_female_sandbox"})
RESOURCES = frozenset({"seed-tts-1.0", "seed-tts-2.0", "seed-icl-1.0", "seed-icl-2.0"})
SUCCESS, RUNNING, SUCCEEDED, FAILED = 20000000, 1, 2, 3


class Params(BaseModel):
    """What is spoken. `additions` must be a JSON text."""

    text: str = Field(min_length=1)
    speaker: str
    audio_params: dict[str, Any]
    additions: str | None = None


class Asked(BaseModel):
    """A submitted task, by the rules of the vendor."""

    unique_id: str = Field(default_factory=lambda: str(uuid4()), min_length=1)
    req_params: Params


class Spoken(BaseModel):
    """A text that is to be streamed, by the rules of the vendor."""

    req_params: Params


S = TypeVar("S", Asked, Spoken)


class Query(BaseModel):
    task_id: str = Field(min_length=1)


@dataclass
class SandboxTask:
    """A task in the vendor's books."""

    id: str
    text: str
    speaker: str
    submitted_at: datetime
    queries: int = 0
    submits: int = 1
    failure: str | None = None

    @property
    def characters(self) -> int:
        return len(self.text)


class VolcTTSSandbox(Sandbox):
    """The speech service with its own keys, speakers and tasks."""

    name: ClassVar[str] = "volctts"
    environment = {"VOLC_TTS_API_KEY": "sandbox"}
    ledgers = {"tasks": dict[str, SandboxTask], "streamed": list[str]}
    secret_headers = Sandbox.secret_headers | {"x-api-key", "x-api-app-id", "x-api-access-key"}

    def __init__(
        self,
        *,
        keys: Collection[str] = ("sandbox",),
        pairs: Collection[tuple[str, str]] = (("sandbox-app", "sandbox-access"),),
        speakers: Collection[str] = SPEAKERS,
        longest_text: int = LONGEST_TEXT,
        running_queries: int = 1,
        speaks_after: timedelta = timedelta(0),
        **kit: Any,
    ) -> None:
        super().__init__(**kit)
        self.keys, self.pairs, self.speakers = frozenset(keys), frozenset(pairs), frozenset(speakers)
        self.longest_text = longest_text
        self.running_queries, self.speaks_after = running_queries, speaks_after
        self.tasks: dict[str, SandboxTask] = {}
        self.streamed: list[str] = []
        self.breaks_off_with: int | None = None

    def routes(self) -> Sequence[Route]:
        return [
            Route("/api/v3/tts/submit", self._submit, methods=["POST"]),
            Route("/api/v3/tts/unidirectional", self._speak, methods=["POST"]),
            Route("/api/v3/tts/query", self._query, methods=["POST"]),
        ]

    def refusal(self, request: Request) -> Response | None:
        pair = (request.headers.get("x-api-app-id", ""), request.headers.get("x-api-access-key", ""))
        if request.headers.get("x-api-key") not in self.keys and pair not in self.pairs:
            return refused(401, 45000000, "unauthorized: credentials are missing or wrong")
        if request.headers.get("x-api-resource-id") not in RESOURCES:
            return refused(403, 45000000, "requested resource not granted")
        return None

    def books(self) -> Mapping[str, Any]:
        tasks = [
            asdict(task) | {"submitted_at": task.submitted_at.isoformat()} for task in self.tasks.values()
        ]
        return {"characters": sum(task.characters for task in self.tasks.values()), "tasks": tasks}

    def throttled(self, retry_after: int) -> Response:
        return refused(429, 45000000, "quota exceeded for types: concurrency", retry_after=str(retry_after))

    def broken(self) -> Response:
        return refused(500, 55000000, "internal server error")

    def fail(self, task_id: str, reason: str) -> None:
        """Let this task end in failure."""
        self.tasks[task_id].failure = reason

    def forget(self, task_id: str) -> None:
        """Drop a task, as the vendor does after 7 days."""
        del self.tasks[task_id]

    async def _admitted(self, request: Request, kind: type[S]) -> S | Response:
        """What is asked for, or why it is refused."""
        try:
            asked = kind.model_validate_json(await request.body())
        except ValidationError as error:
            return refused(400, 40000000, f"invalid params: {error.errors()[0]['loc']}")
        if len(asked.req_params.text) > self.longest_text:
            return refused(400, 40402003, "TTSExceededTextLimit:exceed max limit")
        if asked.req_params.speaker not in self.speakers:
            return refused(403, 45000000, "speaker permission denied: access denied")
        return asked

    async def _submit(self, request: Request) -> Response:
        asked = await self._admitted(request, Asked)
        if isinstance(asked, Response):
            return asked
        params = asked.req_params
        if asked.unique_id in self.tasks:
            self.tasks[asked.unique_id].submits += 1
            return refused(400, 40000002, "duplicate reqid")
        self.tasks[asked.unique_id] = SandboxTask(asked.unique_id, params.text, params.speaker, self.now())
        return answered({"task_id": asked.unique_id, "task_status": RUNNING})

    async def _speak(self, request: Request) -> Response:
        """Speak while the other side listens: chunks of audio, a sentence's text, the end."""
        asked = await self._admitted(request, Spoken)
        if isinstance(asked, Response):
            return asked
        params = asked.req_params
        self.streamed.append(params.text)
        said = [
            {"code": 0, "message": "", "data": b64encode(word.encode()).decode()}
            for word in params.text.split(" ")
        ]
        said.append({"code": 0, "message": "", "data": None, "sentence": {"text": params.text, "words": []}})
        if self.breaks_off_with is None:
            said.append({"code": SUCCESS, "message": "ok", "data": None})
        elif self.breaks_off_with:
            said.append({"code": self.breaks_off_with, "message": "internal server error", "data": None})
        return Response(
            "\n".join(map(json.dumps, said)), 200, {"X-Tt-Logid": uuid4().hex}, "application/json"
        )

    async def _query(self, request: Request) -> Response:
        try:
            asked = Query.model_validate_json(await request.body())
        except ValidationError:
            return refused(400, 40000000, "invalid params: task_id")
        task = self.tasks.get(asked.task_id)
        if task is None:
            return refused(400, 40000001, "task not found")
        task.queries += 1
        return answered(self._standing(task))

    def _standing(self, task: SandboxTask) -> Mapping[str, Any]:
        if task.queries <= self.running_queries or self.now() - task.submitted_at < self.speaks_after:
            return {"task_id": task.id, "task_status": RUNNING}
        if task.failure:
            return {"task_id": task.id, "task_status": FAILED, "err_msg": task.failure}
        seconds = round(task.characters * 0.2, 3)
        return {
            "task_id": task.id,
            "task_status": SUCCEEDED,
            "audio_url": f"https://audio.sandbox.invalid/{task.id}.mp3?signature={task.characters}",
            "url_expire_time": int((self.now() + timedelta(hours=1)).timestamp()),
            "req_text_length": task.characters,
            "synthesize_text_length": task.characters,
            "sentences": [{"text": task.text, "startTime": 0.0, "endTime": seconds, "words": []}],
        }


def answered(data: Mapping[str, Any]) -> Response:
    return JSONResponse({"code": SUCCESS, "message": "OK", "data": data}, headers={"X-Tt-Logid": uuid4().hex})


def refused(status: int, code: int, message: str, *, retry_after: str | None = None) -> Response:
    headers = {"X-Tt-Logid": uuid4().hex} | ({"Retry-After": retry_after} if retry_after else {})
    return JSONResponse({"code": code, "message": message, "data": None}, status, headers)
