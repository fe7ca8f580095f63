"""A sandbox can go on from the books of an earlier one, and says how often it misbehaved."""

import json

import httpx
import pytest
from pydantic import ValidationError

from framework.testing.faults import Faults
from framework.testing.sandbox import Sandbox
from integrations.deepl.sandbox import DeepLSandbox
from integrations.stripe.client import API_VERSION
from integrations.stripe.sandbox import StripeSandbox
from integrations.volctts.sandbox import VolcTTSSandbox

pytestmark = pytest.mark.anyio

STRIPE = {"authorization": "Bearer sk_test_sandbox", "stripe-version": API_VERSION, "idempotency-key": "once"}
INTENT = {"amount": "500", "currency": "eur"}


def at(sandbox: Sandbox) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(sandbox.app), base_url="http://vendor")


async def after(first: Sandbox, second: Sandbox) -> Sandbox:
    """The second sandbox, with what the first has kept on disk."""
    second.resume(json.loads(json.dumps(first.kept())))
    return second


async def test_an_idempotency_key_is_remembered() -> None:
    first = StripeSandbox()
    async with at(first) as http:
        made = await http.post("/v1/payment_intents", data=INTENT, headers=STRIPE)
    second = await after(first, StripeSandbox())
    async with at(second) as http:
        again = await http.post("/v1/payment_intents", data=INTENT, headers=STRIPE)
    assert made.status_code == again.status_code == 200
    assert again.json() == made.json()
    assert second.books() == first.books()


async def test_what_was_billed_stays_billed() -> None:
    first = DeepLSandbox()
    async with at(first) as http:
        body = {"text": ["Hello"], "target_lang": "DE"}
        await http.post("/v2/translate", json=body, headers={"authorization": "DeepL-Auth-Key sandbox"})
    assert first.characters == 5
    assert (await after(first, DeepLSandbox())).books() == first.books()


async def test_a_task_goes_on() -> None:
    first = VolcTTSSandbox()
    headers = {"x-api-key": "sandbox", "x-api-resource-id": "seed-tts-2.0"}
    params = {"text": "Hello", "speaker": "en_female_sandbox", "audio_params": {}}
    async with at(first) as http:
        await http.post("/api/v3/tts/submit", json={"unique_id": "a", "req_params": params}, headers=headers)
        await http.post("/api/v3/tts/query", json={"task_id": "a"}, headers=headers)
    second = await after(first, VolcTTSSandbox())
    async with at(second) as http:
        answer = await http.post("/api/v3/tts/query", json={"task_id": "a"}, headers=headers)
    assert answer.json()["data"]["task_status"] == 2


def test_books_of_another_kind_are_refused() -> None:
    with pytest.raises(ValidationError):
        DeepLSandbox().resume({"billed": "everything"})


async def test_each_fault_that_struck_is_counted() -> None:
    sandbox = DeepLSandbox(faults=Faults(throttle=1.0))
    async with at(sandbox) as http:
        for _ in range(3):
            await http.get("/v2/usage", headers={"authorization": "DeepL-Auth-Key sandbox"})
        shown = (await http.get("/__sandbox__/faults")).json()
    assert shown["struck"] == {"throttle": 3}
    assert shown["rates"]["throttle"] == 1.0
