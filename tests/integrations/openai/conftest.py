"""OpenAI's double on a real socket, a client that speaks to it, and a witness of all that they say."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from framework.integration.http import HTTPClient, open_client
from framework.integration.policy import Policy
from framework.testing.sandbox import listening
from integrations.openai.client import OpenAIClient
from integrations.openai.sandbox import OpenAISandbox
from tests.contracts.checker import Contract

KEY = SecretStr("sk-a-key-that-nobody-may-see")
SECRET = "whsec_" + base64.b64encode(b"a webhook secret that nobody may see").decode()
CONTRACTS = Path(__file__).resolve().parents[4] / "shared" / "contracts" / "openai"


@dataclass(frozen=True)
class Described:
    """OpenAI's description, which comes in two parts."""

    responses: Contract
    others: Contract

    @classmethod
    def read(cls, folder: Path) -> "Described":
        return cls(
            Contract.read(folder / "openapi.responses.trim.json"),
            Contract.read(folder / "openapi.trim.json"),
        )


@dataclass(frozen=True)
class Exchange:
    request: httpx.Request
    response: httpx.Response

    @property
    def path(self) -> str:
        path = self.request.url.path
        return path[path.index("/v1/") :]

    def problems(self, described: Described) -> list[str]:
        """What the description finds wrong with this exchange. It describes success and 429: other refusals
        are judged as errors, and a cancelled response, whose endpoint it leaves out, as a response."""
        body, contract = json.loads(self.response.content), described.responses
        if self.path.endswith("/cancel"):
            return contract.problems_of("Response" if self.response.is_success else "ErrorResponse", body)
        if self.path == "/v1/models":
            contract = described.others
        sent = contract.problems_of_request(
            self.request.method,
            self.path,
            query=self.request.url.query.decode(),
            content_type=self.request.headers.get("content-type", ""),
            body=self.request.content,
        )
        if self.response.status_code not in (200, 429):
            return described.responses.problems_of("ErrorResponse", body)
        if self.path == "/v1/models" and not self.response.is_success:
            return sent + described.responses.problems_of("ErrorResponse", body)
        return sent + contract.problems_of_answer(
            self.request.method,
            self.path,
            self.response.status_code,
            content_type=self.response.headers["content-type"],
            body=self.response.content,
        )


class Witness(httpx.AsyncBaseTransport):
    """Keeps every exchange that passes."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._network = httpx.AsyncHTTPTransport()

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
    """Our side of the webhooks: keeps what arrives."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.app = Starlette(routes=[Route("/events", self._hear, methods=["POST"])])

    @property
    def kinds(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.requests]

    async def _hear(self, request: Request) -> Response:
        self.requests.append((dict(request.headers), await request.body()))
        return Response()

    async def aclose(self) -> None:
        """Nothing is open."""


@pytest.fixture
def openai_sandbox() -> OpenAISandbox:
    return OpenAISandbox(api_key=KEY.get_secret_value(), webhook_secret=SECRET, retry_delays=())


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
async def openai_address(openai_sandbox: OpenAISandbox, listener: Listener) -> AsyncIterator[str]:
    async with listening({"openai": openai_sandbox, "ours": listener}) as address:
        openai_sandbox.send_webhooks_to(f"{address}/ours/events")
        yield f"{address}/openai"


@pytest.fixture
def witness() -> Iterator[Witness]:
    """Whatever a test says to OpenAI and hears from it must follow the description, where that is at hand."""
    witness = Witness()
    yield witness
    if CONTRACTS.is_dir():
        described = Described.read(CONTRACTS)
        assert [problem for exchange in witness.exchanges for problem in exchange.problems(described)] == []


@pytest.fixture
async def http(openai_address: str, witness: Witness) -> AsyncIterator[HTTPClient]:
    async with open_client(openai_address, ["api.openai.com"], Policy(), transport=witness) as client:
        yield client


@pytest.fixture
def openai(http: HTTPClient, openai_address: str) -> OpenAIClient:
    return OpenAIClient(http, KEY, openai_address)
