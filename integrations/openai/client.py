"""OpenAI's endpoints that are used here, one typed method each, raw and untranslated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import SecretStr, ValidationError

from integrations.openai.models import APIError, CreateBody, ErrorAnswer, Models, Response, WireModel

VERSION = "/v1"

Answer = TypeVar("Answer", bound=WireModel)


class OpenAIError(Exception):
    """OpenAI refused: the error as it was said, and what the headers advise about trying again."""

    def __init__(
        self,
        status: int,
        error: APIError,
        *,
        writing: bool,
        should_retry: bool | None = None,
        retry_after: timedelta | None = None,
        request_id: str | None = None,
    ) -> None:
        said = error.code or error.type or "without a code"
        super().__init__(f"OpenAI answered {status} {said} ({request_id or 'no request id'})")
        self.status = status
        self.error = error
        self.writing = writing
        self.should_retry = should_retry
        self.retry_after = retry_after
        self.request_id = request_id


class UnreadableAnswer(Exception):
    """OpenAI accepted a request and answered something that is not described. Its body is not quoted."""

    def __init__(self, status: int, *, fields: Sequence[str], writing: bool, request_id: str | None) -> None:
        where = ", ".join(fields)
        super().__init__(
            f"OpenAI answered {status} with unreadable {where} ({request_id or 'no request id'})"
        )
        self.writing = writing


@dataclass(frozen=True)
class OpenAIClient:
    """OpenAI as seen with one key. `base_url` may end in `/v1`, as other clients want it, or not."""

    http: httpx.AsyncClient
    key: SecretStr
    base_url: str
    organization: str | None = None
    project: str | None = None

    async def create_response(self, body: CreateBody) -> Response:
        """POST /v1/responses."""
        content = body.model_dump(mode="json", exclude_none=True)
        answer = await self.http.post(self._url("/responses"), json=content, headers=self._headers)
        return _read(answer, Response, writing=True)

    async def retrieve_response(self, response: str) -> Response:
        """GET /v1/responses/{response}."""
        path = f"/responses/{_segment(response)}"
        return _read(await self.http.get(self._url(path), headers=self._headers), Response, writing=False)

    async def cancel_response(self, response: str) -> Response:
        """POST /v1/responses/{response}/cancel: of a background response, which may be over already."""
        path = f"/responses/{_segment(response)}/cancel"
        return _read(await self.http.post(self._url(path), headers=self._headers), Response, writing=False)

    async def list_models(self) -> Models:
        """GET /v1/models. Costs nothing."""
        return _read(await self.http.get(self._url("/models"), headers=self._headers), Models, writing=False)

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/").removesuffix(VERSION) + VERSION + path

    @property
    def _headers(self) -> Mapping[str, str]:
        headers = {"Authorization": f"Bearer {self.key.get_secret_value()}"}
        if self.organization:
            headers["OpenAI-Organization"] = self.organization
        if self.project:
            headers["OpenAI-Project"] = self.project
        return headers


def _segment(identifier: str) -> str:
    """An id as one part of a path, so that none can reach another endpoint."""
    return quote(identifier, safe="")


def _read(answer: httpx.Response, model: type[Answer], *, writing: bool) -> Answer:
    request_id = answer.headers.get("x-request-id")
    if not answer.is_success:
        raise OpenAIError(
            answer.status_code,
            _refusal(answer),
            writing=writing,
            should_retry={"true": True, "false": False}.get(answer.headers.get("x-should-retry", "")),
            retry_after=_retry_after(answer.headers),
            request_id=request_id,
        )
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        fields = sorted({".".join(map(str, mistake["loc"])) or "JSON" for mistake in error.errors()})
        raise UnreadableAnswer(
            answer.status_code, fields=fields, writing=writing, request_id=request_id
        ) from None  # pydantic's error quotes the body


def _refusal(answer: httpx.Response) -> APIError:
    try:
        return ErrorAnswer.model_validate_json(answer.content).error
    except ValidationError:
        return APIError()  # a gateway in between answers in its own words


def _retry_after(headers: httpx.Headers) -> timedelta | None:
    """How long to wait: `retry-after-ms`, else `retry-after` in seconds, or as a date by OpenAI's clock."""
    for name, unit in (("retry-after-ms", timedelta(milliseconds=1)), ("retry-after", timedelta(seconds=1))):
        try:
            asked = float(headers[name]) * unit
        except (KeyError, ValueError, OverflowError):
            continue
        if asked >= timedelta(0):
            return asked
    try:
        return parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):
        return None
