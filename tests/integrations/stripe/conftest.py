"""Stripe's double on a real socket, a client that speaks to it, and a witness of all that they say."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from framework.integration.http import HTTPClient, open_client
from framework.integration.policy import Policy
from framework.testing.sandbox import listening
from integrations.stripe.client import StripeClient
from integrations.stripe.sandbox import StripeSandbox
from tests.contracts.checker import Contract
from tests.contracts.witness import Exchange, Listener, Witness

KEY = SecretStr("sk_test_a_key_that_nobody_may_see")
SECRET = "whsec_a_secret_that_nobody_may_see"
CONTRACT = Path(__file__).resolve().parents[4] / "shared" / "contracts" / "stripe" / "openapi.trim.json"


def problems(exchange: Exchange, contract: Contract) -> list[str]:
    """What the description finds wrong with this exchange. It leaves out the endpoints that list by other
    things than time; of those the objects in the list are judged."""
    method, url = exchange.request.method, exchange.request.url
    raw_path = url.raw_path.decode().partition("?")[0]
    path = raw_path[raw_path.index("/v1/") :]
    body = _unexpanded(json.loads(exchange.response.content))
    undescribed = {"/v1/payment_intents/search": "payment_intent", "/v1/events": "event"}
    if (method, path) == ("GET", "/v1/refunds"):  # described are making one and looking at one
        return [problem for item in body["data"] for problem in contract.problems_of("refund", item)]
    if path in undescribed and exchange.response.is_success:
        return [problem for item in body["data"] for problem in contract.problems_of(undescribed[path], item)]
    if path in undescribed or path.startswith("/v1/charges/"):
        return [] if exchange.response.is_success else contract.problems_of("error", body)
    return [
        *contract.problems_of_request(
            method,
            path,
            query=url.query.decode(),
            content_type=exchange.request.headers.get("content-type", ""),
            body=exchange.request.content,
        ),
        *contract.problems_of_answer(
            method,
            path,
            exchange.response.status_code,
            content_type=exchange.response.headers["content-type"],
            body=json.dumps(body),
        ),
    ]


def _unexpanded(body: dict[str, Any]) -> dict[str, Any]:
    """The description knows charges within intents by their ids alone."""
    if isinstance(body.get("latest_charge"), dict):
        return {**body, "latest_charge": body["latest_charge"]["id"]}
    return body


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
def witness() -> Iterator[Witness[Contract]]:
    """Whatever a test says to Stripe and hears from it must follow the description, where that is at hand."""
    witness = Witness[Contract](problems)
    yield witness
    if CONTRACT.is_file():
        contract = Contract.read(CONTRACT)
        assert witness.problems(contract) == []


@pytest.fixture
async def http(stripe_address: str, witness: Witness[Contract]) -> AsyncIterator[HTTPClient]:
    async with open_client(stripe_address, ["api.stripe.com"], Policy(), transport=witness) as client:
        yield client


@pytest.fixture
def stripe(http: HTTPClient) -> StripeClient:
    return StripeClient(http, KEY)
