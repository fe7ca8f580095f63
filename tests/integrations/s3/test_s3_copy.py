"""A result is copied before its link expires, from nowhere but where the settings allow."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import anyio.lowlevel
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from framework import APICall, Payload
from framework.errors import IntegrationError, NeedsAttention, Permanent, Transient
from framework.integration.calls import CallView, idempotency_key
from framework.integration.egress import HostRefused, InsecureScheme
from framework.integration.http import HTTPClient
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed
from framework.integration.policy import Policy
from framework.testing.sandbox import listening
from integrations.s3 import S3Settings, create_s3_integration
from integrations.s3.sandbox import S3Sandbox
from integrations.s3.source import AddressRefused, is_public, public_address, source_client
from tests.integrations.s3.conftest import NOON
from tests.integrations.s3.test_s3_integration import PhotoUpload

pytestmark = pytest.mark.anyio
SPEECH = b"ID3" + bytes(range(256)) * 10_000


class SpeechCopyRequest(Payload):
    source_url: str
    key: str = "speeches/1.mp3"


class SpeechCopied(Payload):
    key: str
    size: int
    content_type: str


class SpeechCopy(APICall, table=True):
    request: SpeechCopyRequest
    result: SpeechCopied | None = None


@dataclass
class Vendor:
    """Whoever made the result, and gives it away for an hour."""

    status: int = 200
    asked: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/speech.mp3", self._speech),
                Route("/endless", self._endless),
                Route("/moved", self._moved),
            ]
        )

    async def _speech(self, request: Request) -> Response:
        self.asked += 1
        self.headers = dict(request.headers)
        return Response(SPEECH if self.status == 200 else b"", self.status, media_type="audio/mpeg")

    async def _moved(self, request: Request) -> Response:
        return RedirectResponse("http://169.254.169.254/latest/meta-data/")

    async def _endless(self, request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            while True:
                await anyio.lowlevel.checkpoint()  # a server that never waits would not see its client leave
                yield b"x" * 100_000

        return StreamingResponse(chunks())

    async def aclose(self) -> None:
        """Nothing is open."""


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
async def vendor_address(vendor: Vendor) -> AsyncIterator[str]:
    async with listening({"vendor": vendor}) as address:
        yield address


@pytest.fixture
async def copying(
    s3_address: str, vendor_address: str, clock: Any
) -> AsyncIterator[tuple[Integration[S3Settings], HTTPClient]]:
    chosen = S3Settings(  # type: ignore[call-arg]  # the bucket is in the environment
        base_url=s3_address, copy_from=frozenset({vendor_address, "*.example.com"}), largest_copy=3_000_000
    )
    integration = create_s3_integration(PhotoUpload, chosen, copy=SpeechCopy)
    integration.configure()
    integration.setup(_Clocked(clock))
    async with integration.open_client() as http:
        yield integration, http


@dataclass
class _Clocked:
    """An App, as far as its clock goes."""

    clock: Any


async def copy(
    copying: tuple[Integration[S3Settings], HTTPClient], url: str, key: str = "speeches/1.mp3"
) -> Any:
    integration, http = copying
    record = SpeechCopy(id=uuid4(), request=SpeechCopyRequest(source_url=url, key=key), created_at=NOON)
    handler = integration.handlers[SpeechCopy].call
    assert handler is not None
    return await handler(CallView(record, idempotency_key=idempotency_key("s3", record.id)), http)


async def refusal_of(
    copying: tuple[Integration[S3Settings], HTTPClient], url: str, key: str = "speeches/1.mp3"
) -> IntegrationError:
    with pytest.raises(IntegrationError) as refused:
        await copy(copying, url, key)
    return refused.value


async def test_a_result_is_copied_as_it_is(
    copying: Any, vendor: Vendor, vendor_address: str, s3_sandbox: S3Sandbox
) -> None:
    outcome = await copy(copying, f"{vendor_address}/vendor/speech.mp3?X-Signature=abc")
    copied = SpeechCopied(key="speeches/1.mp3", size=len(SPEECH), content_type="audio/mpeg")
    assert outcome == Completed(copied)
    assert s3_sandbox.objects["speeches/1.mp3"].content == SPEECH
    assert "authorization" not in vendor.headers


async def test_a_copy_done_twice_is_the_same_object(
    copying: Any, vendor: Vendor, vendor_address: str, s3_sandbox: S3Sandbox
) -> None:
    s3_sandbox.fail_next("error_after_success")
    assert isinstance(await refusal_of(copying, f"{vendor_address}/vendor/speech.mp3"), Transient)
    assert isinstance(await copy(copying, f"{vendor_address}/vendor/speech.mp3"), Completed)
    assert vendor.asked == 2
    assert list(s3_sandbox.objects) == ["speeches/1.mp3"]


@pytest.mark.parametrize("fault", ["throttle", "error_after_success"])
async def test_a_storage_that_is_ill_is_tried_again(
    copying: Any, vendor_address: str, s3_sandbox: S3Sandbox, fault: str
) -> None:
    s3_sandbox.fail_next(fault)
    assert isinstance(await refusal_of(copying, f"{vendor_address}/vendor/speech.mp3"), Transient)


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (401, Permanent, "source_gone"),
        (403, Permanent, "source_gone"),
        (404, Permanent, "source_gone"),
        (410, Permanent, "source_gone"),
        (400, Permanent, "source_refused"),
        (206, Permanent, "source_refused"),
        (408, Transient, "source_408"),
        (425, Transient, "source_425"),
        (429, Transient, "source_429"),
        (500, Transient, "source_500"),
        (503, Transient, "source_503"),
    ],
)
async def test_a_source_that_does_not_deliver_says_whose_problem_it_is(
    copying: Any,
    vendor: Vendor,
    vendor_address: str,
    s3_sandbox: S3Sandbox,
    status: int,
    error: type[IntegrationError],
    code: str,
) -> None:
    vendor.status = status
    refused = await refusal_of(copying, f"{vendor_address}/vendor/speech.mp3?X-Signature=abc")
    assert (type(refused), refused.code) == (error, code)
    assert "abc" not in str(refused)
    assert s3_sandbox.objects == {}


async def test_an_endless_result_is_cut_off_and_nothing_is_stored(
    copying: Any, vendor_address: str, s3_sandbox: S3Sandbox
) -> None:
    refused = await refusal_of(copying, f"{vendor_address}/vendor/endless")
    assert (type(refused), refused.code) == (Permanent, "too_large")
    assert "3000000 bytes" in str(refused)
    assert s3_sandbox.objects == {}


async def test_a_redirect_is_not_followed(copying: Any, vendor_address: str) -> None:
    refused = await refusal_of(copying, f"{vendor_address}/vendor/moved")
    assert refused.code == "source_refused"


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://elsewhere.org/speech.mp3", HostRefused),
        ("https://example.com.evil.org/speech.mp3", HostRefused),
        ("https://user@elsewhere.org#.example.com/", HostRefused),
        ("http://cdn.example.com/speech.mp3", InsecureScheme),
        ("http://127.0.0.1:1/speech.mp3", HostRefused),
        ("http://169.254.169.254/latest/meta-data/", HostRefused),
        ("https://[::1]/", HostRefused),
        ("https://cdn.example.com:8443/", HostRefused),
    ],
)
async def test_an_address_that_nobody_listed_is_refused_before_anything_is_sent(
    copying: Any, s3_sandbox: S3Sandbox, url: str, error: type[IntegrationError]
) -> None:
    assert type(await refusal_of(copying, url)) is error
    assert len(s3_sandbox.requests) == 0


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://cdn.example.com/", "no address", "//"])
async def test_what_is_no_address_of_the_web_is_refused(copying: Any, url: str) -> None:
    assert isinstance(await refusal_of(copying, url), Permanent)


async def test_a_listed_name_that_leads_inside_is_refused(
    copying: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def inside(*_: Any, **__: Any) -> list[Any]:
        return [(0, 0, 0, "", ("93.184.216.34", 443)), (0, 0, 0, "", ("10.0.0.7", 443))]

    monkeypatch.setattr("integrations.s3.source.anyio.getaddrinfo", inside)
    assert isinstance(await refusal_of(copying, "https://cdn.example.com/speech.mp3"), AddressRefused)


async def test_a_name_that_nobody_knows_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: Any, **__: Any) -> list[Any]:
        raise OSError("Name or service not known")

    monkeypatch.setattr("integrations.s3.source.anyio.getaddrinfo", unknown)
    with pytest.raises(Transient):
        await public_address("cdn.example.com", 443)


async def test_the_connection_goes_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    async def public(*_: Any, **__: Any) -> list[Any]:
        return [(0, 0, 0, "", ("93.184.216.34", 443))]

    monkeypatch.setattr("integrations.s3.source.anyio.getaddrinfo", public)
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, content=SPEECH)

    reached = source_client(
        "https://cdn.example.com/a?b=c",
        ["*.example.com"],
        Policy(),
        largest=10_000_000,
        network=lambda: httpx.MockTransport(answer),
    )
    async with reached as http:
        assert (await http.get("https://cdn.example.com/a?b=c")).content == SPEECH
    [request] = sent
    assert str(request.url) == "https://93.184.216.34/a?b=c"
    assert request.headers["host"] == "cdn.example.com"
    assert request.extensions["sni_hostname"] == "cdn.example.com"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
    ],
)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_an_address_of_the_world_is_public(address: str) -> None:
    assert is_public(address)


async def test_a_key_that_means_another_is_ours_to_correct(
    copying: Any, vendor: Vendor, vendor_address: str
) -> None:
    refused = await refusal_of(copying, f"{vendor_address}/vendor/speech.mp3", key="a/../b")
    assert (type(refused), refused.code) == (Permanent, "unmapped_request")
    assert vendor.asked == 0


async def test_without_credentials_nothing_is_stored(
    copying: Any, vendor_address: str, s3_sandbox: S3Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert isinstance(await refusal_of(copying, f"{vendor_address}/vendor/speech.mp3"), NeedsAttention)
    assert s3_sandbox.objects == {}
