"""Slack's double on a real socket, a client that speaks to it, and a witness of all that they say."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from framework.integration.http import HTTPClient, open_client
from framework.integration.policy import Policy
from framework.testing.sandbox import listening
from integrations.slack.client import SlackClient
from integrations.slack.sandbox import SlackSandbox
from tests.contracts.checker import FORM, JSON, Contract
from tests.contracts.witness import Exchange, Listener, Witness

TOKEN = SecretStr("xoxb-a-token-that-nobody-may-see")
SECRET = "a-signing-secret-that-nobody-may-see"
CHANNEL = "C0GENERAL0"
CONTRACTS = Path(__file__).resolve().parents[4] / "shared" / "contracts" / "slack"
JSON_TEXTS = ("blocks", "attachments")


def slack_contract(folder: Path) -> Contract:
    """Slack's description of 2021 in today's notation, where it is known to be wrong set right.

    1. The token is in `Authorization`, and no parameter. 2. `blocks` and `attachments` are arrays in JSON.
    3. Every method can be posted to. 5. The file is of 2021: `metadata` is newer, and so are most codes of
    errors and what comes with them. (The fourth known error is in an example, which is not used.)
    """
    text = (folder / "web_api.trim.json").read_text().replace("#/definitions/", "#/components/schemas/")
    described, known = json.loads(text), json.loads((folder / "known_spec_errors.json").read_text())
    assert [one["where"].partition(" ")[0] for one in known][:3] == [
        "/chat.postMessage",
        "/chat.postMessage",
        "/auth.test",
    ]
    paths: dict[str, Any] = {}
    for path, methods in described["paths"].items():
        operation = {name: _operation(one) for name, one in methods.items()}
        paths[path] = {"post": next(iter(operation.values())), **operation}
    return Contract(
        {
            "servers": [{"url": "https://slack.com/api"}],
            "paths": paths,
            "components": {"schemas": described["definitions"]},
        }
    )


def _operation(one: dict[str, Any]) -> dict[str, Any]:
    parameters = [parameter for parameter in one["parameters"] if parameter["name"] != "token"]
    form = [parameter for parameter in parameters if parameter["in"] == "formData"]
    query = [
        {**parameter, "schema": {"type": parameter["type"]}}
        for parameter in parameters
        if parameter["in"] == "query"
    ]
    operation: dict[str, Any] = {"parameters": query, "responses": _responses(one["responses"])}
    if form:
        bodies = {FORM: _body(form, as_json=False), JSON: _body(form, as_json=True)}
        operation["requestBody"] = {"content": bodies, "required": True}
    return operation


def _body(form: list[dict[str, Any]], *, as_json: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {parameter["name"]: {"type": parameter["type"]} for parameter in form}
    properties["metadata"] = {"type": "string"}
    if as_json:
        properties |= {name: {"type": "array"} for name in JSON_TEXTS}
        properties["metadata"] = {"type": "object", "required": ["event_type", "event_payload"]}
    required = [parameter["name"] for parameter in form if parameter.get("required")]
    return {
        "schema": {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }
    }


def _responses(described: dict[str, Any]) -> dict[str, Any]:
    """Refusals come with 200 too. Their codes and hints that are newer than the file are taken as texts."""
    refusal = described["default"]["schema"]
    newer = {name: {"type": "string"} for name in ("error", "needed", "provided", "req_method")}
    refusal = {**refusal, "properties": {**refusal["properties"], **newer}}
    success = described["200"]["schema"]
    return {
        "200": {"content": {JSON: {"schema": {"anyOf": [success, refusal]}}}},
        "429": {"content": {JSON: {"schema": refusal}}},
    }


def problems(exchange: Exchange, contract: Contract) -> list[str]:
    """What the description finds wrong with this exchange. It leaves out the history of channels: of
    that the messages are judged, without the metadata that is newer than the description."""
    method, url = exchange.request.method, exchange.request.url
    path = url.path[url.path.index("/api/") :]
    if path.startswith("/api/conversations."):
        messages = json.loads(exchange.response.content).get("messages", [])
        bare = [{key: one[key] for key in one if key != "metadata"} for one in messages]
        return [problem for one in bare for problem in contract.problems_of("objs_message", one)]
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
            body=exchange.response.content,
        ),
    ]


@pytest.fixture
def slack_sandbox() -> SlackSandbox:
    return SlackSandbox(token=TOKEN.get_secret_value(), webhook_secret=SECRET, retry_delays=())


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
async def slack_address(slack_sandbox: SlackSandbox, listener: Listener) -> AsyncIterator[str]:
    async with listening({"slack": slack_sandbox, "ours": listener}) as address:
        slack_sandbox.send_webhooks_to(f"{address}/ours/events")
        yield f"{address}/slack"


@pytest.fixture
def witness() -> Iterator[Witness[Contract]]:
    """Whatever a test says to Slack and hears from it must follow the description, where that is at hand."""
    witness = Witness[Contract](problems)
    yield witness
    if CONTRACTS.is_dir():
        contract = slack_contract(CONTRACTS)
        assert witness.problems(contract) == []


@pytest.fixture
async def http(slack_address: str, witness: Witness[Contract]) -> AsyncIterator[HTTPClient]:
    async with open_client(slack_address, ["slack.com"], Policy(), transport=witness) as client:
        yield client


@pytest.fixture
def slack(http: HTTPClient) -> SlackClient:
    return SlackClient(http, TOKEN)
