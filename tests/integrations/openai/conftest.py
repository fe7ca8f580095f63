"""OpenAI's double on a real socket, a client that speaks to it, and a witness of all that they say."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from framework.integration.http import HTTPClient, open_client
from framework.integration.policy import Policy
from framework.testing.sandbox import listening
from integrations.openai.client import OpenAIClient
from integrations.openai.sandbox import OpenAISandbox
from tests.contracts.checker import Contract
from tests.contracts.witness import Exchange, Listener, Witness

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


def problems(exchange: Exchange, described: Described) -> list[str]:
    """What the description finds wrong with this exchange. It describes success and 429: other refusals
    are judged as errors, and a cancelled response, whose endpoint it leaves out, as a response."""
    path = exchange.request.url.path
    path = path[path.index("/v1/") :]
    body, contract = json.loads(exchange.response.content), described.responses
    if path.endswith("/cancel"):
        return contract.problems_of("Response" if exchange.response.is_success else "ErrorResponse", body)
    if path == "/v1/models":
        contract = described.others
    sent = contract.problems_of_request(
        exchange.request.method,
        path,
        query=exchange.request.url.query.decode(),
        content_type=exchange.request.headers.get("content-type", ""),
        body=exchange.request.content,
    )
    if exchange.response.status_code not in (200, 429):
        return described.responses.problems_of("ErrorResponse", body)
    if path == "/v1/models" and not exchange.response.is_success:
        return sent + described.responses.problems_of("ErrorResponse", body)
    return sent + contract.problems_of_answer(
        exchange.request.method,
        path,
        exchange.response.status_code,
        content_type=exchange.response.headers["content-type"],
        body=exchange.response.content,
    )


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
def witness() -> Iterator[Witness[Described]]:
    """Whatever a test says to OpenAI and hears from it must follow the description, where that is at hand."""
    witness = Witness[Described](problems)
    yield witness
    if CONTRACTS.is_dir():
        described = Described.read(CONTRACTS)
        assert witness.problems(described) == []


@pytest.fixture
async def http(openai_address: str, witness: Witness[Described]) -> AsyncIterator[HTTPClient]:
    async with open_client(openai_address, ["api.openai.com"], Policy(), transport=witness) as client:
        yield client


@pytest.fixture
def openai(http: HTTPClient, openai_address: str) -> OpenAIClient:
    return OpenAIClient(http, KEY, openai_address)
