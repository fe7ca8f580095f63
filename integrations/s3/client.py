"""The operations of S3 that are used here, one typed method each, raw and untranslated."""

from collections.abc import AsyncIterable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import httpx

from integrations.s3.models import ErrorBody, ObjectHead, UnreadableXML, parse_xml, text_of
from integrations.s3.signing import EMPTY_PAYLOAD, Signer, encoded


class S3Refusal(Exception):
    """S3 answered with an error status. `code` is S3's own, or empty: an answer to HEAD has no body."""

    def __init__(
        self, status: int, error: ErrorBody, *, retry_after: str | None = None, request_id: str = ""
    ) -> None:
        self.status, self.error, self.retry_after, self.request_id = status, error, retry_after, request_id
        super().__init__(f"S3 answered {status} {error.code} ({request_id or 'no request id'})")


class UnreadableAnswer(Exception):
    """S3 accepted the request and answered something that it does not document."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        super().__init__(f"S3 answered something that cannot be read ({request_id or 'no request id'})")


@dataclass(frozen=True)
class Bucket:
    """Where a bucket is. AWS puts its name into the host (`virtual`), most others into the path."""

    endpoint: str
    name: str
    virtual: bool

    @property
    def address(self) -> str:
        """The address of the bucket itself, to which forms are sent."""
        whole = urlsplit(self.endpoint.rstrip("/"))
        if not self.virtual:
            return whole._replace(path=f"{whole.path}/{self.name}").geturl()
        return whole._replace(netloc=f"{self.name}.{whole.netloc}").geturl()

    def url(self, key: str) -> str:
        """The address of an object."""
        return f"{self.address}/{encoded(key, safe='/')}"


@dataclass(frozen=True)
class S3Client:
    """One bucket as seen with one set of credentials. `now` dates the signatures."""

    http: httpx.AsyncClient
    bucket: Bucket
    signer: Signer
    now: Callable[[], datetime]

    async def head_object(self, key: str) -> ObjectHead | None:
        """HEAD: the object without its bytes; None if there is none.

        S3 says 403 for a missing object to whoever may not list the bucket (`s3:ListBucket`).
        """
        answer = await self._send("HEAD", self.bucket.url(key))
        if answer.status_code == 404:
            return None
        return _head(_expect(answer, 200))

    async def put_object(
        self, key: str, content: AsyncIterable[bytes], *, size: int, sha256: str, content_type: str
    ) -> ObjectHead:
        """PUT: store these bytes, of this size and hash, which S3 checks."""
        headers = {"Content-Length": str(size), "Content-Type": content_type}
        answer = _expect(
            await self._send("PUT", self.bucket.url(key), headers, payload_hash=sha256, content=content), 200
        )
        return _head(answer, {"Content-Length": str(size), "Content-Type": content_type})

    async def delete_object(self, key: str) -> None:
        """DELETE. That the object was not there is no error."""
        _expect(await self._send("DELETE", self.bucket.url(key)), 204, 200, 404)

    async def count_objects(self, *, at_most: int = 1) -> int:
        """GET ?list-type=2: how many objects there are, up to `at_most`."""
        url = f"{self.bucket.address}?list-type=2&max-keys={at_most}"
        answer = _expect(await self._send("GET", url), 200)
        try:
            return int(text_of(parse_xml(answer.content), "KeyCount"))
        except (UnreadableXML, ValueError) as error:
            raise UnreadableAnswer(_request_id(answer)) from error

    async def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        payload_hash: str = EMPTY_PAYLOAD,
        content: AsyncIterable[bytes] | None = None,
    ) -> httpx.Response:
        stated = {**(headers or {}), "X-Amz-Content-Sha256": payload_hash}
        signed = self.signer.signed_headers(
            method, url, stated.items(), payload_hash=payload_hash, at=self.now()
        )
        return await self.http.request(method, url, headers={**stated, **signed}, content=content)


def _head(answer: httpx.Response, known: Mapping[str, str] | None = None) -> ObjectHead:
    try:
        headers = httpx.Headers(answer.headers)
        headers.update(known or {})
        return ObjectHead.of(headers)
    except (KeyError, ValueError) as error:
        raise UnreadableAnswer(_request_id(answer)) from error


def _expect(answer: httpx.Response, *statuses: int) -> httpx.Response:
    if answer.status_code in statuses:
        return answer
    raise S3Refusal(
        answer.status_code,
        ErrorBody.read(answer.content),
        retry_after=answer.headers.get("Retry-After"),
        request_id=_request_id(answer),
    )


def _request_id(answer: httpx.Response) -> str:
    return str(answer.headers.get("x-amz-request-id", ""))
