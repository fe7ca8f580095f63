"""The vendor of W3: a process of its own that takes charges over HTTP, the same for every contestant.

It does as little as a vendor can (an id per idempotency key): the contestants are measured, not it.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]


class Vendor:
    """An ASGI app: POST /charges answers 201 with a charge, the same one for the same idempotency key."""

    def __init__(self) -> None:
        self.charges: dict[bytes, bytes] = {}

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        body = await _read(receive)
        if (scope["method"], scope["path"]) == ("POST", "/charges"):
            answer = self._charge(dict(scope["headers"])[b"idempotency-key"], json.loads(body))
            await _answer(send, 201, answer)
        elif (scope["method"], scope["path"]) == ("GET", "/count"):
            await _answer(send, 200, str(len(self.charges)).encode())
        else:
            await _answer(send, 404, b"{}")

    def _charge(self, key: bytes, request: dict[str, Any]) -> bytes:
        if key not in self.charges:
            charge = {"id": f"ch_{len(self.charges)}", "amount_cents": request["amount_cents"]}
            self.charges[key] = json.dumps({**charge, "status": "succeeded"}).encode()
        return self.charges[key]


async def _read(receive: Callable[[], Awaitable[Message]]) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _answer(send: Callable[[Message], Awaitable[None]], status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def sandbox() -> Iterator[str]:
    """A vendor with empty books in another process, reached at the URL given."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sandbox"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError(f"the sandbox ended with {process.wait()} before it listened")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    # asyncio sets this only on sockets that name their protocol; without it every answer waits 40 ms for an
    # acknowledgement between its headers and its body.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(Vendor(), lifespan="off", log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
