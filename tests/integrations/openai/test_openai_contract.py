"""Requests and answers follow OpenAI's own description, which tells right ones from wrong ones."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from integrations.openai.client import OpenAIClient, OpenAIError
from integrations.openai.mapping import Prompt, to_body
from integrations.openai.models import Response
from integrations.openai.sandbox import Ending, OpenAISandbox
from tests.contracts.checker import JSON
from tests.contracts.witness import Witness
from tests.integrations.openai.conftest import Described

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "object", "properties": {"mood": {"type": "string"}}, "required": ["mood"]}


@pytest.fixture
def described(contracts: Path) -> Described:
    return Described.read(contracts / "openai")


async def ask(openai: OpenAIClient, prompt: Prompt, *, background: bool = True) -> Response:
    return await openai.create_response(
        to_body(prompt, call=uuid4(), model="gpt-5-mini", background=background)
    )


async def test_every_kind_of_exchange_follows_the_description(
    described: Described, openai: OpenAIClient, openai_sandbox: OpenAISandbox, witness: Witness[Described]
) -> None:
    items = [{"role": "user", "content": "Hello"}]
    prompts = [
        Prompt(input="Hello"),
        Prompt(input=items, instructions="Be brief.", model="gpt-5", max_output_tokens=16),
        Prompt(input="How is it?", json_schema=SCHEMA),
    ]
    for prompt in prompts:
        await openai.retrieve_response((await ask(openai, prompt)).id)
        await ask(openai, prompt, background=False)
    openai_sandbox.automatic = False
    endings = [
        Ending("failed", code="invalid_prompt"),
        Ending("incomplete", text="As far as"),
        Ending(refusal="I will not.", text=""),
    ]
    for ending in endings:
        waiting = await ask(openai, Prompt(input="Hello"))
        openai_sandbox.finish(waiting.id, ending)
        await openai.retrieve_response(waiting.id)
    await openai.cancel_response((await ask(openai, Prompt(input="Hello"))).id)
    await openai.list_models()
    for refuse in (Prompt(input="Hello", model="gpt-0"), Prompt(input="Hello", instructions="x")):
        openai_sandbox.quota = 0
        with pytest.raises(OpenAIError):
            await ask(openai, refuse)
    with pytest.raises(OpenAIError):
        await openai.retrieve_response("resp_unknown")
    assert len(witness.exchanges) == 21
    assert witness.problems(described) == []


@pytest.mark.parametrize(
    "body",
    [
        {"input": 7},
        {"input": "x", "model": 7},
        {"input": "x", "max_output_tokens": 8},
        {"input": "x", "metadata": {"api_call_id": 7}},
        {"input": "x", "background": "yes"},
        {"input": "x", "text": {"format": {"type": "json_schema", "schema": {}}}},
        {"input": [{"role": "king", "content": "x"}]},
    ],
)
def test_the_description_refuses_wrong_requests(described: Described, body: object) -> None:
    assert described.responses.problems_of_request(
        "POST", "/v1/responses", content_type=JSON, body=json.dumps(body)
    )


def test_the_description_refuses_wrong_answers(described: Described, contracts: Path) -> None:
    schemas = json.loads((contracts / "openai" / "openapi.responses.trim.json").read_text())["components"]
    example = schemas["schemas"]["Response"]["example"]
    example["output"][0]["content"][0]["logprobs"] = []  # which the example forgets, and its schema demands
    del example["user"]  # which is null, and its schema wants a text
    contract = described.responses
    assert contract.problems_of("Response", example) == []
    assert contract.problems_of("Response", {**example, "status": "done"})
    assert contract.problems_of("Response", {**example, "output": "words"})
    assert contract.problems_of("Response", {**example, "error": {"code": "bad_luck", "message": "x"}})
    assert contract.problems_of("ErrorResponse", {"error": {"message": "x"}})


def test_openais_own_example_is_read(contracts: Path) -> None:
    schemas = json.loads((contracts / "openai" / "openapi.responses.trim.json").read_text())["components"]
    response = Response.model_validate(schemas["schemas"]["Response"]["example"])
    assert (response.status, response.model) == ("completed", "gpt-4o-2024-08-06")
    assert response.output_text.startswith("The image depicts a scenic landscape")
    assert response.usage is not None
    assert response.usage.output_tokens == 52
