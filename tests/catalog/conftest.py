"""A catalog on a clock that stands still, whose visits reach doubles instead of the network."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import httpx
import pytest
from starlette.types import ASGIApp

from framework.app import App, opened
from framework.catalog import Catalog, Plugins, records
from framework.catalog.plugins import BUILT_IN
from framework.catalog.plugins.in_memory import InMemory
from framework.clock import ManualClock
from framework.integration.http import open_client

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Internet(httpx.AsyncBaseTransport):
    """Every host is an ASGI app, or lies behind a real address; the others cannot be reached."""

    def __init__(self) -> None:
        self.hosts: dict[str, ASGIApp | str] = {}
        self.requests: list[httpx.Request] = []
        self._network = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        match self.hosts.get(request.url.host):
            case None:
                raise httpx.ConnectError("No route to this host", request=request)
            case str() as address:
                there = request.url.copy_with(scheme="http", netloc=address.encode())
                return await self._network.handle_async_request(
                    httpx.Request(request.method, there, headers=request.headers.raw, stream=request.stream)
                )
            case app:
                return await httpx.ASGITransport(app).handle_async_request(request)

    async def aclose(self) -> None:
        await self._network.aclose()

    def asked(self, host: str) -> list[str]:
        """`GET /v2/` for each request that this host got, in order."""
        return [f"{one.method} {one.url.path}" for one in self.requests if one.url.host == host]


@pytest.fixture
def internet() -> Internet:
    return Internet()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def app(clock: ManualClock) -> Iterator[App]:
    with opened(App([records], clock=clock)) as app:
        yield app


@pytest.fixture
def in_memory() -> InMemory:
    return InMemory()


@pytest.fixture
def catalog(app: App, internet: Internet, in_memory: InMemory) -> Catalog:
    others = [make() for make in BUILT_IN if make is not InMemory]
    return Catalog(app, Plugins([in_memory, *others]), connect=partial(open_client, transport=internet))


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Keeps a secret in the environment and gives the reference to it."""

    def keep(value: str, name: str = "A_SECRET_OF_A_TEST") -> str:
        monkeypatch.setenv(name, value)
        return f"env://{name}"

    return keep
