"""DeepL's endpoints that are used here, one typed method each, raw and untranslated."""

from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import SecretStr, ValidationError

from integrations.deepl.models import (
    DocumentHandle,
    DocumentStanding,
    ErrorBody,
    TranslateAnswer,
    TranslateBody,
    Usage,
    Wire,
)

PRO = "https://api.deepl.com"
FREE = "https://api-free.deepl.com"

Answer = TypeVar("Answer", bound=Wire)


class DeepLRefusal(Exception):
    """DeepL answered with an error status."""

    def __init__(
        self, status: int, message: str, *, retry_after: timedelta | None = None, trace: str = ""
    ) -> None:
        self.status, self.message, self.retry_after, self.trace = status, message, retry_after, trace
        super().__init__(f"DeepL answered {status}: {message}")


class UnreadableAnswer(Exception):
    """DeepL answered 200 with a body that is not what it documents."""

    def __init__(self, body: str, *, trace: str = "") -> None:
        self.body, self.trace = body, trace
        super().__init__("DeepL answered 200 with a body that cannot be read.")


@dataclass(frozen=True)
class DeepLClient:
    """DeepL as seen with one key. `base_url` is where the key is served, see `home_of`."""

    http: httpx.AsyncClient
    base_url: str
    key: SecretStr

    async def translate(self, body: TranslateBody) -> TranslateAnswer:
        """`POST /v2/translate`: the translations, in the order of the texts."""
        content = body.model_dump(mode="json", exclude_none=True)
        answer = await self.http.post(self._url("/v2/translate"), headers=self._headers, json=content)
        return _read(answer, TranslateAnswer)

    async def upload(
        self, content: bytes, filename: str, *, target_lang: str, source_lang: str | None = None
    ) -> DocumentHandle:
        """`POST /v2/document`: the id and the key under which the document can be asked for."""
        form = {"target_lang": target_lang} | ({"source_lang": source_lang} if source_lang else {})
        answer = await self.http.post(
            self._url("/v2/document"), headers=self._headers, data=form, files={"file": (filename, content)}
        )
        return _read(answer, DocumentHandle)

    async def standing(self, handle: DocumentHandle) -> DocumentStanding:
        """`POST /v2/document/{id}`: how a document stands."""
        return _read(await self._about(handle, ""), DocumentStanding)

    async def download(self, handle: DocumentHandle) -> bytes:
        """`POST /v2/document/{id}/result`: the translated document, which DeepL hands out once."""
        answer = await self._about(handle, "/result")
        if answer.status_code != 200:
            raise _refusal(answer)
        return answer.content

    async def _about(self, handle: DocumentHandle, what: str) -> httpx.Response:
        url = self._url(f"/v2/document/{quote(handle.document_id, safe='')}{what}")
        body = {"document_key": handle.document_key}
        return await self.http.post(url, headers=self._headers, json=body)

    async def usage(self) -> Usage:
        """`GET /v2/usage`: what the key has used and may use. Costs nothing."""
        answer = await self.http.get(self._url("/v2/usage"), headers=self._headers)
        return _read(answer, Usage)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"DeepL-Auth-Key {self.key.get_secret_value()}"}

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path


def home_of(key: SecretStr, base_url: str = PRO) -> str:
    """The address that serves `key`: keys of the free plan end in `:fx` and are refused by the paid host.

    An address other than DeepL's own (a sandbox, a proxy) is kept.
    """
    if base_url.rstrip("/") == PRO and key.get_secret_value().endswith(":fx"):
        return FREE
    return base_url


def _read(answer: httpx.Response, kind: type[Answer]) -> Answer:
    trace = answer.headers.get("X-Trace-ID", "")
    if answer.status_code != 200:
        raise _refusal(answer)
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        raise UnreadableAnswer(answer.text[:2000], trace=trace) from error


def _refusal(answer: httpx.Response) -> DeepLRefusal:
    trace = answer.headers.get("X-Trace-ID", "")
    return DeepLRefusal(answer.status_code, _message(answer), retry_after=_retry_after(answer), trace=trace)


def _message(answer: httpx.Response) -> str:
    """What DeepL says about the refusal; 414, 500 and 504 come without a body."""
    try:
        return ErrorBody.model_validate_json(answer.content).message[:300]
    except ValidationError:
        return answer.reason_phrase


def _retry_after(answer: httpx.Response) -> timedelta | None:
    """How long to wait: `Retry-After` is seconds, or a date that is read against the vendor's own clock."""
    asked = answer.headers.get("Retry-After", "")
    if asked.isdecimal():
        return timedelta(seconds=int(asked))
    try:
        return parsedate_to_datetime(asked) - parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError, TypeError):
        return None
