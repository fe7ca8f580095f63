"""Where results are copied from: a vendor's address, fetched with the care that a stranger's address needs.

1. Only hosts that the settings list, and only by https.
2. The name is looked up once. All that it leads to must be public addresses, and the connection goes to one
   of those: a second look-up could say something else.
3. No redirect is followed, and no more bytes are taken than agreed.
"""

import hashlib
import socket
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

import anyio
import httpx

from framework.errors import Permanent, Transient
from framework.integration.bounded import OversizedAnswer
from framework.integration.egress import Origin
from framework.integration.http import HTTPClient, open_client
from framework.integration.policy import Policy


class AddressRefused(Permanent):
    """{host} leads to an address that is not public. Copies are made from the outside world only."""

    def __init__(self, host: str) -> None:
        super().__init__("", code="address_refused", host=host)


IN_MEMORY = 1024 * 1024
GONE = (401, 403, 404, 410)


@dataclass(frozen=True)
class Fetched:
    """A result as it came, on disk where it is large."""

    file: anyio.SpooledTemporaryFile[bytes] = field(repr=False)
    size: int
    sha256: str
    content_type: str

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes from the beginning."""
        await self.file.seek(0)
        while chunk := await self.file.read(64 * 1024):
            yield chunk


@asynccontextmanager
async def fetched(http: HTTPClient, url: str) -> AsyncIterator[Fetched]:
    """What is at this address, whole, before anything is done with it.

    Raises Permanent if it is gone or too large, and Transient if the source does not deliver it now.
    """
    digest, size = hashlib.sha256(), 0
    async with anyio.SpooledTemporaryFile[bytes](max_size=IN_MEMORY) as file:
        try:
            async with http.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer:
                _check(answer)
                async for chunk in answer.aiter_bytes():
                    digest.update(chunk)
                    size += len(chunk)
                    await file.write(chunk)
        except OversizedAnswer as error:
            raise Permanent(
                f"The result is larger than {error.limit} bytes. Raise S3_LARGEST_COPY if that is normal.",
                code="too_large",
            ) from error
        kind = answer.headers.get("Content-Type", "application/octet-stream")
        yield Fetched(file, size, digest.hexdigest(), kind)


@asynccontextmanager
async def source_client(
    source_url: str,
    listed: Collection[str],
    policy: Policy,
    *,
    largest: int,
    network: Callable[[], httpx.AsyncBaseTransport] = httpx.AsyncHTTPTransport,
) -> AsyncIterator[HTTPClient]:
    """A client that reaches the host of this address, if it is listed, and takes `largest` bytes."""
    origin = Origin.of(source_url)
    hosts = [host for host in listed if "://" not in host]
    ours = next((one for one in listed if "://" in one and Origin.of(one) == origin), "")
    base_url = ours if ours and origin.is_loopback else ""
    transport = network() if base_url else PublicOnly(network())
    opened = open_client(
        base_url,
        hosts,
        replace(policy, max_body_bytes=largest),
        manifest="S3_COPY_FROM",
        transport=transport,
    )
    async with opened as client:
        yield client


def _check(answer: httpx.Response) -> None:
    status, host = answer.status_code, answer.request.url.host
    if status == 200:
        return
    if status in GONE:
        raise Permanent(
            f"{host} answered {status}: the result is gone, or its link has expired. Ask for a new one.",
            code="source_gone",
        )
    if status in (408, 425, 429) or status >= 500:
        raise Transient(f"{host} answered {status}. It is tried again.", code=f"source_{status}")
    raise Permanent(
        f"{host} answered {status}, which is no result. Redirects are not followed.", code="source_refused"
    )


class PublicOnly(httpx.AsyncBaseTransport):
    """Connects to public addresses alone, whatever a name leads to."""

    def __init__(self, network: httpx.AsyncBaseTransport) -> None:
        self._network = network

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Exchange with the address that was looked at; the certificate is still that of the name."""
        host = request.url.host
        address = await public_address(host, request.url.port or 443)
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        return await self._network.handle_async_request(pinned)

    async def aclose(self) -> None:
        await self._network.aclose()


async def public_address(host: str, port: int) -> str:
    """An address of the host. Raises AddressRefused if one of them is not public."""
    try:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Transient(f"{host} cannot be looked up. It is tried again.", code="unreachable") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise AddressRefused(host)
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an address belongs to the world. One of IPv4 in the clothes of IPv6 is judged as what it is."""
    parsed = ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    judged = mapped or parsed
    return judged.is_global and not judged.is_multicast and not _is_translated(address)


def _is_translated(address: str) -> bool:
    """64:ff9b::/96 leads to any address of IPv4 (RFC 6052)."""
    return address.lower().startswith("64:ff9b:")
