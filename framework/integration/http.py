"""The HTTP client that handlers get. The only module that knows which library speaks HTTP.

1. A request to a host that the manifest does not list is refused before anything is sent, redirects included.
2. The exchange goes through aiohttp's connections, behind httpx's interface (see decision 0003).
3. An error says whether the vendor may have acted: `Transient` if not, `InDoubt` if it may have.
4. The answer is bounded, compressed or not.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from framework.errors import InDoubt, IntegrationError, Permanent, Transient
from framework.integration.bounded import OversizedAnswer, bounded, inflated
from framework.integration.client import HTTPClient as HTTPClient
from framework.integration.egress import Egress, Origin
from framework.integration.policy import Policy
from framework.observe import RedactingFilter

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing (RFC 9110, 9.2.1): a lost answer to them leaves nothing in doubt."""

INFLATABLE = ("gzip", "x-gzip", "deflate")

_redact = RedactingFilter()


@asynccontextmanager
async def open_client(
    base_url: str,
    hosts: Sequence[str],
    policy: Policy,
    *,
    headers: Mapping[str, str] | None = None,
    manifest: str = "the manifest",
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[HTTPClient]:
    """A client that reaches the given hosts and no other, bounded as the policy says.

    Raises HostRefused at once if `base_url`, which may be empty, is not allowed itself. `headers` go with
    every request. The client keeps no cookies, follows no redirect unless told to, and reads neither proxies
    nor passwords from the environment. `transport` takes the place of the network in tests.
    """
    egress = Egress(tuple(hosts), base_url, manifest)
    if base_url:
        home = Origin.of(base_url)
        egress.check(home.scheme, home.host, home.port)
    logging.getLogger("httpx").addFilter(_redact)  # it writes a line with the address of every request
    async with _Client(
        base_url=base_url,
        headers={"user-agent": "millrace", "accept-encoding": "gzip", **(headers or {})},
        timeout=httpx.Timeout(
            connect=policy.timeout.connect,
            read=policy.timeout.read,
            write=policy.timeout.write,
            pool=policy.timeout.connect + policy.timeout.read,
        ),
        transport=Guard(egress, policy, transport or _connections(policy)),
        max_redirects=5,
        trust_env=False,
    ) as client:
        yield client


class _Client(httpx.AsyncClient):
    """A client that looks for no cookies: that costs as much as all else that httpx does to an answer."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._none = _NoCookies(CookieJar(DefaultCookiePolicy(allowed_domains=[])))

    @property  # type: ignore[misc]  # nobody is to set them
    def cookies(self) -> httpx.Cookies:
        return self._none


class _NoCookies(httpx.Cookies):
    """Cookies that are none, and stay none."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Take none."""


class Guard(httpx.AsyncBaseTransport):
    """Stands between the client and the network: lets out what may go, and says what errors mean."""

    def __init__(self, egress: Egress, policy: Policy, network: httpx.AsyncBaseTransport) -> None:
        self._egress = egress
        self._network = network
        self._limit = policy.max_body_bytes
        self._longest = policy.timeout.connect + policy.timeout.write + policy.timeout.read

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Exchange one request for the head of its answer; the body follows as the client reads it."""
        self._egress.check(request.url.scheme, request.url.host, request.url.port)
        try:
            async with asyncio.timeout(self._longest):  # aiohttp waits for ever for a peer that does not read
                response = await self._network.handle_async_request(request)
        except _ERRORS as error:
            raise translated(error, request) from error
        if int(response.headers.get("content-length", 0)) > self._limit and request.method != "HEAD":
            await response.aclose()
            raise OversizedAnswer(self._limit)
        return self._with_bounded_body(response, request)

    def _with_bounded_body(self, response: httpx.Response, request: httpx.Request) -> httpx.Response:
        encoding = response.headers.get("content-encoding", "").strip().lower()
        body = _Body(response.stream, request, self._limit, encoding)
        if encoding not in INFLATABLE:
            response.stream = body
            return response
        headers = (
            response.headers.copy()
        )  # it is done here and not by httpx, which would inflate without bound
        del headers["content-encoding"]
        headers.pop("content-length", None)
        return httpx.Response(
            response.status_code, headers=headers, stream=body, extensions=response.extensions
        )

    async def aclose(self) -> None:
        await self._network.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of an answer, bounded, whose errors are translated too."""

    def __init__(self, stream: object, request: httpx.Request, limit: int, encoding: str) -> None:
        assert isinstance(stream, httpx.AsyncByteStream), (
            "An asynchronous transport answers with such a stream"
        )
        self._stream, self._request, self._limit, self._encoding = stream, request, limit, encoding

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = bounded(aiter(self._stream), self._limit)
        if self._encoding in INFLATABLE and self._request.method != "HEAD":
            chunks = inflated(chunks, self._encoding, self._limit)
        try:
            async for chunk in chunks:
                yield chunk
        except _ERRORS as error:
            raise translated(error, self._request) from error

    async def aclose(self) -> None:
        await self._stream.aclose()


_ERRORS = (httpx.HTTPError, aiohttp.ClientError, TimeoutError, OSError)

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_NEVER_SENT_BY_AIOHTTP = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_OURS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, aiohttp.InvalidURL)


def translated(error: Exception, request: httpx.Request) -> IntegrationError:
    """What a failed exchange means for the call.

    What aiohttp itself says goes before what httpx-aiohttp makes of it: that calls a connection which broke
    after it was used a ConnectTimeout. Only the host of the address is quoted: the rest may be signed.
    """
    cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
    where = f"{request.method} to {request.url.host}: {type(cause).__name__}"
    if isinstance(error, _OURS) or isinstance(cause, _OURS):
        return Permanent(f"{where}. The request cannot be made as it is", code="bad_request")
    never_sent = _NEVER_SENT_BY_AIOHTTP if isinstance(cause, aiohttp.ClientError) else _NEVER_SENT
    if isinstance(cause, never_sent):
        return Transient(f"{where}. Nothing was sent", code="unreachable")
    if request.method in SAFE_METHODS:
        return Transient(f"{where}. The answer was lost, and nothing depends on it", code="answer_lost")
    return InDoubt(f"{where}. The request was sent, and its answer was lost", code="answer_lost")


def _connections(policy: Policy) -> httpx.AsyncBaseTransport:
    """As many connections as calls may be under way, with none of their cookies."""

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=policy.concurrency, ssl=_tls()),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    return AiohttpTransport(verify=_tls(), client=session)


@cache
def _tls() -> ssl.SSLContext:
    """What to trust, read from disk once: that takes tens of milliseconds."""
    return httpx.create_ssl_context()
