"""What a client and a double say to each other on a real socket, and what the double says to our side."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Description = TypeVar("Description")


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    request: httpx.Request
    response: httpx.Response


class Witness(httpx.AsyncBaseTransport, Generic[Description]):
    """Keeps every exchange that passes; `judge` says what a vendor's description finds wrong with one."""

    def __init__(self, judge: Callable[[Exchange, Description], list[str]]) -> None:
        self.exchanges: list[Exchange] = []
        self._judge = judge
        self._network = httpx.AsyncHTTPTransport()

    def problems(self, description: Description) -> list[str]:
        """All that the description finds wrong."""
        return [problem for exchange in self.exchanges for problem in self._judge(exchange, description)]

    def asked(self, method: str, below: str) -> list[str]:
        """The paths below one that were asked for in this way."""
        return [
            one.request.url.path.partition(f"{below}/")[2]
            for one in self.exchanges
            if one.request.method == method
        ]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        answer = await self._network.handle_async_request(request)
        content = await answer.aread()
        kept = httpx.Response(answer.status_code, headers=answer.headers, content=content)
        self.exchanges.append(Exchange(request, kept))
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)

    async def aclose(self) -> None:
        await self._network.aclose()


class Listener:
    """Our side of the webhooks: keeps what arrives, and answers `status`."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.app = Starlette(routes=[Route("/events", self._hear, methods=["POST"])])

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]

    @property
    def kinds(self) -> list[str]:
        """The kinds of the events, by their `type`, or as GitHub names them in a header and `action`."""
        return [
            event["type"]
            if "type" in event
            else ".".join(filter(None, (headers.get("x-github-event"), event.get("action"))))
            for (headers, _), event in zip(self.requests, self.events, strict=True)
        ]

    async def _hear(self, request: Request) -> Response:
        self.requests.append((dict(request.headers), await request.body()))
        return Response(status_code=self.status)

    async def aclose(self) -> None:
        """Nothing is open."""
