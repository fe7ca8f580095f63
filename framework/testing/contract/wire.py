"""The wire between an integration and its sandbox: within the process, and cut wherever a test wants."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import httpx
from starlette.responses import Response

from framework.testing.sandbox import Sandbox

Pass: TypeAlias = Callable[[httpx.Request], Awaitable[httpx.Response]]
Trouble: TypeAlias = Callable[[httpx.Request, Pass], Awaitable[httpx.Response]]
"""What happens to one exchange: it may be passed on to the vendor, or not, and answered, or not."""


class Wire(httpx.AsyncBaseTransport):
    """Takes the place of the network: every host leads to the sandbox, and `hosts` says which were asked for.

    Each of `troubles` befalls one exchange, in order; `always` befalls those that are left.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._vendor = httpx.ASGITransport(sandbox.app)
        self.hosts: list[str] = []
        self.troubles: deque[Trouble] = deque()
        self.always: Trouble | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.hosts.append(request.url.host)
        trouble = self.troubles.popleft() if self.troubles else self.always
        if trouble is None:
            return await self._vendor.handle_async_request(request)
        return await trouble(request, self._vendor.handle_async_request)


async def unreachable(request: httpx.Request, pass_on: Pass) -> httpx.Response:
    """Nothing is sent."""
    raise httpx.ConnectTimeout("no connection in time", request=request)


async def timeout_after_acceptance(request: httpx.Request, pass_on: Pass) -> httpx.Response:
    """The vendor does it, and the answer does not come in time."""
    await pass_on(request)
    raise httpx.ReadTimeout("no answer in time", request=request)


async def broken_off(request: httpx.Request, pass_on: Pass) -> httpx.Response:
    """The vendor does it, and the connection breaks."""
    await pass_on(request)
    raise httpx.RemoteProtocolError("the connection was closed without an answer", request=request)


async def crash_before(request: httpx.Request, pass_on: Pass) -> httpx.Response:
    """The process ends before anything was sent."""
    raise asyncio.CancelledError


async def crash_after(request: httpx.Request, pass_on: Pass) -> httpx.Response:
    """The process ends when the vendor has done it, and before that is recorded."""
    await pass_on(request)
    raise asyncio.CancelledError


def answering(answer: Response) -> Trouble:
    """The vendor does nothing and answers this."""

    async def trouble(request: httpx.Request, pass_on: Pass) -> httpx.Response:
        return _as_httpx(answer)

    return trouble


def done_but_answering(answer: Response) -> Trouble:
    """The vendor does it, and answers this all the same."""

    async def trouble(request: httpx.Request, pass_on: Pass) -> httpx.Response:
        await pass_on(request)
        return _as_httpx(answer)

    return trouble


def before_the_answer(happen: Callable[[], Awaitable[object]]) -> Trouble:
    """Something happens between what the vendor does and its answer."""

    async def trouble(request: httpx.Request, pass_on: Pass) -> httpx.Response:
        answer = await pass_on(request)
        await happen()
        return answer

    return trouble


def with_answers(change: Callable[[dict[str, Any]], None]) -> Trouble:
    """Every object in the vendor's JSON is changed on its way, also where each line of a stream is one; other
    answers are left as they are.
    """

    async def trouble(request: httpx.Request, pass_on: Pass) -> httpx.Response:
        answer = await pass_on(request)
        if "json" not in answer.headers.get("content-type", ""):
            return answer
        content = await answer.aread()
        told = [json.loads(part) for part in (content.splitlines() if b"}\n{" in content else [content])]
        change_everywhere(told, change)
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        changed = "\n".join(map(json.dumps, told)).encode()
        return httpx.Response(answer.status_code, headers=headers, content=changed)

    return trouble


def change_everywhere(told: Any, change: Callable[[dict[str, Any]], None]) -> None:
    """Change every object in what was told, the innermost first."""
    match told:
        case dict():
            for value in list(told.values()):
                change_everywhere(value, change)
            change(told)
        case list():
            for value in told:
                change_everywhere(value, change)


def new_field(told: dict[str, Any]) -> None:
    """An object has a field more than yesterday."""
    told["added_by_the_vendor"] = "since yesterday"


def _as_httpx(answer: Response) -> httpx.Response:
    headers = [(name.decode(), value.decode()) for name, value in answer.raw_headers]
    return httpx.Response(answer.status_code, headers=headers, content=bytes(answer.body))
