"""What is sent to DeepL, and what its double answers, by DeepL's own description."""

import json
from pathlib import Path

import httpx
import pytest

from framework.integration.manifest import load_manifest
from integrations.deepl.client import FREE, PRO, DeepLClient
from integrations.deepl.mapping import TranslationRequest, to_body
from integrations.deepl.models import Usage
from integrations.deepl.sandbox import DeepLSandbox
from tests.contracts.checker import Contract

pytestmark = pytest.mark.anyio


class Witness:
    """Keeps each exchange of a client."""

    def __init__(self) -> None:
        self.exchanges: list[httpx.Response] = []

    async def note(self, response: httpx.Response) -> None:
        await response.aread()
        await response.request.aread()
        self.exchanges.append(response)

    def problems(self, contract: Contract, mounted_at: str) -> list[str]:
        return [problem for answer in self.exchanges for problem in _problems(contract, answer, mounted_at)]


def _problems(contract: Contract, answer: httpx.Response, mounted_at: str) -> list[str]:
    sent = answer.request
    path = sent.url.path.removeprefix(mounted_at)
    asked = contract.problems_of_request(
        sent.method, path, content_type=sent.headers.get("content-type", ""), body=sent.content
    )
    answered = contract.problems_of_answer(
        sent.method,
        path,
        answer.status_code,
        content_type=answer.headers.get("content-type", ""),
        body=answer.content,
    )
    return [*asked, *answered]


@pytest.fixture
def contract(contracts: Path) -> Contract:
    return Contract.read(contracts / "deepl" / "openapi.trim.json")


@pytest.fixture
def witness(http: httpx.AsyncClient) -> Witness:
    witness = Witness()
    http.event_hooks["response"].append(witness.note)
    return witness


@pytest.mark.parametrize("source_lang", [None, "en"])
async def test_a_translation_is_as_described(
    deepl: DeepLClient, witness: Witness, contract: Contract, source_lang: str | None
) -> None:
    await deepl.translate(
        to_body(TranslationRequest(text="Hello", target_lang="de", source_lang=source_lang))
    )
    assert len(witness.exchanges) == 1
    assert witness.problems(contract, "/deepl") == []


async def test_usage_is_as_described(deepl: DeepLClient, witness: Witness, contract: Contract) -> None:
    await deepl.usage()
    assert len(witness.exchanges) == 1
    assert witness.problems(contract, "/deepl") == []


async def test_refusals_are_as_described(
    http: httpx.AsyncClient,
    deepl_address: str,
    deepl: DeepLClient,
    deepl_sandbox: DeepLSandbox,
    witness: Witness,
    contract: Contract,
) -> None:
    hello, klingon = ({"text": ["Hello"], "target_lang": language} for language in ("DE", "TLH"))
    good = {"Authorization": f"DeepL-Auth-Key {deepl.key.get_secret_value()}"}
    translate = f"{deepl_address}/v2/translate"
    await http.post(translate, json=hello, headers={"Authorization": "DeepL-Auth-Key wrong"})
    await http.post(translate, json=klingon, headers=good)
    await http.post(translate, json={"text": ["x" * 140_000], "target_lang": "DE"}, headers=good)
    deepl_sandbox.fail_next("throttle")
    await http.post(translate, json=hello, headers=good)
    deepl_sandbox.fail_next("error_after_success")
    await http.post(translate, json=hello, headers=good)
    deepl_sandbox.character_limit = 0
    await http.post(translate, json=hello, headers=good)
    assert [answer.status_code for answer in witness.exchanges] == [403, 400, 413, 429, 500, 456]
    assert witness.problems(contract, "/deepl") == []


async def test_the_description_objects_to_a_request_without_a_target(
    http: httpx.AsyncClient, deepl_address: str, witness: Witness, contract: Contract
) -> None:
    await http.post(f"{deepl_address}/v2/translate", json={"text": ["Hello"]})
    assert any("target_lang" in problem for problem in witness.problems(contract, "/deepl"))


def test_the_examples_of_the_description_can_be_read(contracts: Path) -> None:
    description = json.loads((contracts / "deepl" / "openapi.trim.json").read_text())
    answer = description["paths"]["/v2/usage"]["get"]["responses"]["200"]["content"]["application/json"]
    usages = [Usage.model_validate(example["value"]) for example in answer["examples"].values()]
    assert [usage.character_limit for usage in usages] == [1_250_000, 1_000_000_000_000]


def test_the_manifest_lists_the_hosts_that_the_description_serves(contracts: Path) -> None:
    description = json.loads((contracts / "deepl" / "openapi.trim.json").read_text())
    manifest = load_manifest(Path(__file__).parents[3] / "integrations" / "deepl")
    assert {f"https://{host}" for host in manifest.hosts} == {
        server["url"] for server in description["servers"]
    }
    assert {PRO, FREE} == {server["url"] for server in description["servers"]}
