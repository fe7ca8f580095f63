"""The guarded client, against stand-ins and against real sockets that misbehave."""

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from framework.errors import InDoubt, IntegrationError, Permanent, Transient
from framework.integration import HostRefused, HTTPClient, Policy, Timeout, open_client
from framework.integration.bounded import OversizedAnswer, UnreadableEncoding

pytestmark = pytest.mark.anyio

POLICY = Policy(timeout=Timeout(connect=2, read=0.05, write=2), max_body_bytes=1_000)
VENDOR = "https://api.acme.example"
HOSTS = ("api.acme.example",)

Answer = Callable[[httpx.Request], httpx.Response]
Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def vendor(answer: Answer, policy: Policy = POLICY) -> AsyncIterator[HTTPClient]:
    """A client whose network is a function."""
    async with open_client(VENDOR, HOSTS, policy, transport=httpx.MockTransport(answer)) as http:
        yield http


@asynccontextmanager
async def server(talk: Connection, policy: Policy = POLICY) -> AsyncIterator[HTTPClient]:
    """A client of a real socket, behind which `talk` treats each connection."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        port = listening.sockets[0].getsockname()[1]
        async with open_client(f"http://127.0.0.1:{port}", (), policy) as http:
            yield http
    finally:
        listening.close()


async def request_read(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0"
    )
    return head + await reader.readexactly(int(length.partition(b":")[2]))


async def closes_without_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_read(reader)


async def resets_without_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_read(reader)
    writer.transport.abort()


async def never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_read(reader)
    await reader.read()  # until the client goes away


async def breaks_off_in_the_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_read(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this")
    await writer.drain()


async def speaks_no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_read(reader)
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    await writer.drain()


async def stops_in_the_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await breaks_off_in_the_body(reader, writer)
    await reader.read()


LOSSES = [
    closes_without_an_answer,
    resets_without_an_answer,
    never_answers,
    breaks_off_in_the_body,
    stops_in_the_body,
    speaks_no_http,
]


async def raised_by(request: Awaitable[httpx.Response]) -> IntegrationError:
    with pytest.raises(IntegrationError) as caught:
        await request
    return caught.value


@pytest.mark.parametrize("talk", LOSSES)
async def test_a_lost_answer_to_a_request_that_changes_something_is_in_doubt(talk: Connection) -> None:
    async with server(talk) as http:
        error = await raised_by(http.post("/charges?key=do-not-show", json={"amount": 1}))
    assert isinstance(error, InDoubt)
    assert error.code == "answer_lost"
    assert "do-not-show" not in str(error)


@pytest.mark.parametrize("talk", LOSSES)
async def test_a_lost_answer_to_a_question_can_be_asked_for_again(talk: Connection) -> None:
    async with server(talk) as http:
        assert isinstance(await raised_by(http.get("/charges/1")), Transient)


async def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    gone = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = gone.sockets[0].getsockname()[1]
    gone.close()
    await gone.wait_closed()
    async with open_client(f"http://127.0.0.1:{port}", (), POLICY) as http:
        error = await raised_by(http.post("/charges", json={}))
    assert isinstance(error, Transient)
    assert error.code == "unreachable"


async def test_a_host_that_has_no_address_means_that_nothing_was_sent() -> None:
    async with open_client("https://nowhere.invalid", ("nowhere.invalid",), POLICY) as http:
        assert isinstance(await raised_by(http.post("/charges", json={})), Transient)


async def test_a_peer_that_does_not_read_is_not_waited_for_for_ever() -> None:
    async def never_reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # the stream API cannot stop reading
        await left.wait()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536

    left = asyncio.Event()
    hasty = replace(POLICY, timeout=Timeout(connect=0.05, read=0.05, write=0.05))
    async with server(never_reads, hasty) as http:
        error = await raised_by(http.post("/uploads", content=endless()))
        left.set()
    assert isinstance(error, InDoubt)


async def test_a_connection_that_served_before_and_broke_now_is_in_doubt_too() -> None:
    async def answers_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        await request_read(reader)

    async with server(answers_once) as http:
        assert (await http.post("/charges", json={})).json() == {}
        assert isinstance(await raised_by(http.post("/charges", json={})), InDoubt)


@pytest.mark.parametrize("never_sent", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
async def test_httpx_errors_before_sending_are_transient(never_sent: type[httpx.TransportError]) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise never_sent("no")

    async with vendor(broken) as http:
        assert isinstance(await raised_by(http.post("/charges")), Transient)


@pytest.mark.parametrize(
    "after",
    [httpx.ReadTimeout, httpx.WriteError, httpx.WriteTimeout, httpx.ReadError, httpx.RemoteProtocolError],
)
async def test_httpx_errors_after_sending_are_in_doubt(after: type[httpx.TransportError]) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise after("no")

    async with vendor(broken) as http:
        assert isinstance(await raised_by(http.post("/charges")), InDoubt)


async def test_a_request_that_cannot_be_made_is_permanent() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.LocalProtocolError("no such header")

    async with vendor(broken) as http:
        assert isinstance(await raised_by(http.post("/charges")), Permanent)


async def test_a_host_that_the_manifest_does_not_list_is_never_asked() -> None:
    asked = []
    async with vendor(lambda request: asked.append(request) or httpx.Response(200)) as http:  # type: ignore[func-returns-value]
        with pytest.raises(HostRefused, match=r"evil\.example.*the manifest"):
            await http.get("https://evil.example/")
    assert asked == []


async def test_a_redirect_to_such_a_host_is_refused_too() -> None:
    asked = []

    def redirecting(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"location": "https://evil.example/"})

    async with vendor(redirecting) as http:
        assert (await http.get("/")).status_code == 302
        with pytest.raises(HostRefused):
            await http.get("/", follow_redirects=True)
    assert asked == ["api.acme.example", "api.acme.example"]


async def test_settings_that_lead_elsewhere_are_refused_before_any_request() -> None:
    with pytest.raises(HostRefused):
        async with open_client("https://evil.example", HOSTS, POLICY):
            pass


async def test_headers_go_with_every_request_and_cookies_with_none() -> None:
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, headers={"set-cookie": "session=1; Path=/"})

    headers = {"authorization": "Bearer abc"}
    async with open_client(
        VENDOR, HOSTS, POLICY, headers=headers, transport=httpx.MockTransport(answer)
    ) as http:
        await http.get("/a")
        await http.get("/b")
    assert [one["authorization"] for one in seen] == ["Bearer abc", "Bearer abc"]
    assert not any("cookie" in one for one in seen)


async def test_proxies_of_the_environment_do_not_bypass_the_guard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.evil.example:3128")
    async with vendor(lambda request: httpx.Response(204)) as http:
        assert (await http.get("/")).status_code == 204


@pytest.mark.parametrize("path", ["/told", "/untold"])
async def test_an_answer_larger_than_agreed_is_not_read(path: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    def large(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"x" * 1_001 if request.url.path == "/told" else pieces())

    async with vendor(large) as http:
        with pytest.raises(OversizedAnswer, match="1000 bytes"):
            await http.get(path)


async def test_an_answer_as_large_as_agreed_is_read() -> None:
    async with vendor(lambda request: httpx.Response(200, content=b"x" * 1_000)) as http:
        assert len((await http.get("/")).content) == 1_000


def compressed(body: bytes) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(body))

    return answer


async def test_a_compressed_answer_is_read() -> None:
    async with vendor(compressed(gzip.compress(b'{"id": 1}', mtime=0))) as http:
        assert (await http.get("/")).json() == {"id": 1}


async def test_a_small_answer_that_swells_is_not_read() -> None:
    bomb = gzip.compress(b"x" * 100_000, mtime=0)
    assert len(bomb) < POLICY.max_body_bytes
    async with vendor(compressed(bomb)) as http:
        with pytest.raises(OversizedAnswer):
            await http.get("/")


@pytest.mark.parametrize(
    "body",
    [
        b"not gzip",
        gzip.compress(b'{"id": 1}', mtime=0)[:-4],
        gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0),
    ],
)
async def test_an_answer_that_is_not_what_it_says_is_refused(body: bytes) -> None:
    async with vendor(compressed(body)) as http:
        with pytest.raises(UnreadableEncoding, match="gzip"):
            await http.get("/")


async def test_an_empty_answer_may_call_itself_compressed() -> None:
    async with vendor(compressed(b"")) as http:
        assert (await http.get("/")).content == b""


async def test_what_httpx_logs_of_a_request_holds_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="httpx"):
        async with vendor(lambda request: httpx.Response(200)) as http:
            await http.get("/hooks?access_token=do-not-show")
    assert "api.acme.example" in caplog.text
    assert "do-not-show" not in caplog.text


async def test_a_file_is_sent_in_pieces_and_an_answer_read_in_pieces() -> None:
    async def echoes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = await request_read(reader)
        body = received.partition(b"\r\n\r\n")[2]
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()

    async with server(echoes) as http:
        async with http.stream("POST", "/files", files={"file": ("a.txt", b"hello")}) as response:
            received = b"".join([chunk async for chunk in response.aiter_bytes()])
    assert b"hello" in received
