"""GitHub's double on a real socket, a client that speaks to it, and a witness of all that they say."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from framework.integration.http import HTTPClient, open_client
from framework.integration.policy import Policy
from framework.testing.sandbox import listening
from integrations.github.client import GitHubClient
from integrations.github.sandbox import GitHubSandbox
from tests.contracts.checker import Contract

TOKEN = SecretStr("ghs_a_token_that_nobody_may_see")
SECRET = "a webhook secret that nobody may see"
REPOSITORY = "octo/shop"
SHA = "0123456789abcdef0123456789abcdef01234567"
GITHUB = Path(__file__).resolve().parents[4] / "shared" / "contracts" / "github"


@dataclass(frozen=True)
class Exchange:
    request: httpx.Request
    response: httpx.Response

    def problems(self, contract: Contract) -> list[str]:
        """What the description finds wrong. Of what it leaves out, the objects are judged that it knows."""
        method, url = self.request.method, self.request.url
        path = url.raw_path.decode().partition("?")[0]
        path = path[path.index("/github/") + len("/github") :]
        if not self.response.is_success:
            schema = "validation-error" if b'"errors"' in self.response.content else "basic-error"
            problems = contract.problems_of(schema, self.response.json())
        elif path.endswith("/statuses") and method == "GET":
            return [one for status in self.response.json() for one in contract.problems_of("status", status)]
        elif path.startswith(("/app", "/rate_limit")) or "/deliveries" in path or path.endswith("/files"):
            return []
        else:
            problems = contract.problems_of_answer(
                method,
                path,
                self.response.status_code,
                content_type=self.response.headers["content-type"],
                body=self.response.content,
            )
        if self.response.status_code in (400, 422):
            return problems  # the request was wrong on purpose
        if path.startswith(("/app", "/rate_limit")) or path.endswith("/statuses") or "/deliveries" in path:
            return problems
        return problems + contract.problems_of_request(
            method,
            path,
            query=url.query.decode(),
            content_type=self.request.headers.get("content-type", ""),
            body=self.request.content,
        )


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

    def asked(self, method: str) -> list[str]:
        """The paths below the repository that were asked for in this way."""
        return [
            one.request.url.path.partition(f"{REPOSITORY}/")[2]
            for one in self.exchanges
            if one.request.method == method
        ]


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
        return [
            ".".join(filter(None, (headers["x-github-event"], event.get("action"))))
            for (headers, _), event in zip(self.requests, self.events, strict=True)
        ]

    async def _hear(self, request: Request) -> Response:
        self.requests.append((dict(request.headers), await request.body()))
        return Response(status_code=self.status)

    async def aclose(self) -> None:
        """Nothing is open."""


@pytest.fixture(scope="session")
def app_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def private_key(app_key: rsa.RSAPrivateKey) -> str:
    return app_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="session")
def public_key(app_key: rsa.RSAPrivateKey) -> str:
    return (
        app_key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


@pytest.fixture
def github_sandbox(public_key: str) -> GitHubSandbox:
    return GitHubSandbox(
        token=TOKEN.get_secret_value(),
        webhook_secret=SECRET,
        repositories=[REPOSITORY],
        app_public_key=public_key,
    )


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
async def github_address(github_sandbox: GitHubSandbox, listener: Listener) -> AsyncIterator[str]:
    async with listening({"github": github_sandbox, "ours": listener}) as address:
        github_sandbox.send_webhooks_to(f"{address}/ours/events")
        yield f"{address}/github"


@pytest.fixture(scope="session")
def description() -> Contract | None:
    """GitHub's own, where it is at hand."""
    return Contract.read(GITHUB / "openapi.trim.json") if GITHUB.is_dir() else None


@pytest.fixture
def witness(description: Contract | None) -> Iterator[Witness]:
    """Whatever a test says to GitHub and hears from it must follow the description, where that is at hand."""
    witness = Witness()
    yield witness
    if description is not None:
        problems = [problem for exchange in witness.exchanges for problem in exchange.problems(description)]
        assert problems == []


@pytest.fixture
async def http(github_address: str, witness: Witness) -> AsyncIterator[HTTPClient]:
    async with open_client(github_address, ["api.github.com"], Policy(), transport=witness) as client:
        yield client


@pytest.fixture
def github(http: HTTPClient) -> GitHubClient:
    return GitHubClient(http, TOKEN)
