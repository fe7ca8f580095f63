"""GitHub's double on a real socket, a client that speaks to it, and a witness of all that they say."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from framework.integration.http import HTTPClient, open_client
from framework.integration.policy import Policy
from framework.testing.sandbox import listening
from integrations.github.client import GitHubClient
from integrations.github.sandbox import GitHubSandbox
from tests.contracts.checker import Contract
from tests.contracts.witness import Exchange, Listener, Witness

TOKEN = SecretStr("ghs_a_token_that_nobody_may_see")
SECRET = "a webhook secret that nobody may see"
REPOSITORY = "octo/shop"
SHA = "0123456789abcdef0123456789abcdef01234567"
GITHUB = Path(__file__).resolve().parents[4] / "shared" / "contracts" / "github"


def problems(exchange: Exchange, contract: Contract) -> list[str]:
    """What the description finds wrong. Of what it leaves out, the objects are judged that it knows."""
    method, url = exchange.request.method, exchange.request.url
    path = url.raw_path.decode().partition("?")[0]
    path = path[path.index("/github/") + len("/github") :]
    if not exchange.response.is_success:
        schema = "validation-error" if b'"errors"' in exchange.response.content else "basic-error"
        problems = contract.problems_of(schema, exchange.response.json())
    elif path.endswith("/statuses") and method == "GET":
        return [one for status in exchange.response.json() for one in contract.problems_of("status", status)]
    elif path.startswith(("/app", "/rate_limit")) or "/deliveries" in path or path.endswith("/files"):
        return []
    else:
        problems = contract.problems_of_answer(
            method,
            path,
            exchange.response.status_code,
            content_type=exchange.response.headers["content-type"],
            body=exchange.response.content,
        )
    if exchange.response.status_code in (400, 422):
        return problems  # the request was wrong on purpose
    if path.startswith(("/app", "/rate_limit")) or path.endswith("/statuses") or "/deliveries" in path:
        return problems
    return problems + contract.problems_of_request(
        method,
        path,
        query=url.query.decode(),
        content_type=exchange.request.headers.get("content-type", ""),
        body=exchange.request.content,
    )


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
    witness = Witness[Contract](problems)
    yield witness
    if description is not None:
        assert witness.problems(description) == []


@pytest.fixture
async def http(github_address: str, witness: Witness[Contract]) -> AsyncIterator[HTTPClient]:
    async with open_client(github_address, ["api.github.com"], Policy(), transport=witness) as client:
        yield client


@pytest.fixture
def github(http: HTTPClient) -> GitHubClient:
    return GitHubClient(http, TOKEN)
