"""Stripe's double on a real socket, a client that speaks to it, and a witness of all that they say."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from integrations.stripe.client import StripeClient
from integrations.stripe.sandbox import StripeSandbox
from tests.contracts.checker import Contract

KEY = SecretStr("sk_test_a_key_that_nobody_may_see")
SECRET = "whsec_a_secret_that_nobody_may_see"
CONTRACT = Path(__file__).resolve().parents[4] / "shared" / "contracts" / "stripe" / "openapi.trim.json"


@dataclass(frozen=True)
class Exchange:
    request: httpx.Request
    response: httpx.Response

    def problems(self, contract: Contract) -> list[str]:
        """What the description finds wrong with this exchange. It leaves out the endpoints that list by other
        things than time; of those the objects in the list are judged."""
        method, url = self.request.method, self.request.url
        raw_path = url.raw_path.decode().partition("?")[0]
        path = raw_path[raw_path.index("/v1/") :]
        body = _unexpanded(json.loads(self.response.content))
        undescribed = {"/v1/payment_intents/search": "payment_intent", "/v1/events": "event"}
        if path in undescribed and self.response.is_success:
            return [
                problem for item in body["data"] for problem in contract.problems_of(undescribed[path], item)
            ]
        if path in undescribed or path.startswith("/v1/charges/"):
            return [] if self.response.is_success else contract.problems_of("error", body)
        return [
            *contract.problems_of_request(
                method,
                path,
                query=url.query.decode(),
                content_type=self.request.headers.get("content-type", ""),
                body=self.request.content,
            ),
            *contract.problems_of_answer(
                method,
                path,
                self.response.status_code,
                content_type=self.response.headers["content-type"],
                body=json.dumps(body),
            ),
        ]


def _unexpanded(body: dict[str, Any]) -> dict[str, Any]:
    """The description knows charges within intents by their ids alone."""
    if isinstance(body.get("latest_charge"), dict):
        return {**body, "latest_charge": body["latest_charge"]["id"]}
    return body


class Witness(httpx.AsyncBaseTransport):
    """Keeps every exchange that passes."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._network = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
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
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]

    async def _hear(self, request: Request) -> Response:
        self.requests.append((dict(request.headers), await request.body()))
        return Response()

    async def aclose(self) -> None:
        """Nothing is open."""


@pytest.fixture
def stripe_sandbox() -> StripeSandbox:
    return StripeSandbox(api_key=KEY.get_secret_value(), webhook_secret=SECRET, retry_delays=())


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
async def stripe_address(stripe_sandbox: StripeSandbox, listener: Listener) -> AsyncIterator[str]:
    async with listening({"stripe": stripe_sandbox, "ours": listener}) as address:
        stripe_sandbox.send_webhooks_to(f"{address}/ours/events")
        yield f"{address}/stripe"


@pytest.fixture
def witness() -> Iterator[Witness]:
    """Whatever a test says to Stripe and hears from it must follow the description, where that is at hand."""
    witness = Witness()
    yield witness
    if CONTRACT.is_file():
        contract = Contract.read(CONTRACT)
        assert [problem for exchange in witness.exchanges for problem in exchange.problems(contract)] == []


@pytest.fixture
async def http(stripe_address: str, witness: Witness) -> AsyncIterator[HTTPClient]:
    async with open_client(stripe_address, ["api.stripe.com"], Policy(), transport=witness) as client:
        yield client


@pytest.fixture
def stripe(http: HTTPClient) -> StripeClient:
    return StripeClient(http, KEY)
