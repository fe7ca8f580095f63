"""The real OpenAI. Costs some tens of tokens a run, and fails where the key is missing."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from framework.integration.secrets import resolve
from integrations.openai.client import OpenAIClient, OpenAIError
from integrations.openai.mapping import Prompt, reference_of, to_body
from integrations.openai.settings import OpenAISettings

pytestmark = [pytest.mark.anyio, pytest.mark.live]

NEEDS = ("OPENAI_API_KEY",)
PROMPT = Prompt(input="Answer with the one word yes.", model="gpt-4.1-nano", max_output_tokens=16)


@pytest.fixture
async def live() -> AsyncIterator[OpenAIClient]:
    settings = OpenAISettings()
    async with httpx.AsyncClient(timeout=60) as http:
        yield OpenAIClient(http, resolve(settings.api_key_ref), settings.base_url)


async def test_a_prompt_is_answered(live: OpenAIClient) -> None:
    call = uuid4()
    response = await live.create_response(to_body(PROMPT, call=call, model="", background=False))
    assert (response.status, reference_of(response)) == ("completed", call)
    assert "yes" in response.output_text.lower()


async def test_a_background_response_can_be_asked_about_and_cancelled_twice(live: OpenAIClient) -> None:
    queued = await live.create_response(to_body(PROMPT, call=uuid4(), model="", background=True))
    assert queued.status in ("queued", "in_progress", "completed")
    assert (await live.retrieve_response(queued.id)).id == queued.id
    first, second = await live.cancel_response(queued.id), await live.cancel_response(queued.id)
    assert first.status == second.status
    assert first.status in ("cancelled", "completed")


async def test_an_unknown_model_is_refused(live: OpenAIClient) -> None:
    with pytest.raises(OpenAIError) as refused:
        await live.create_response(
            to_body(Prompt(input="x", model="gpt-0"), call=uuid4(), model="", background=False)
        )
    assert refused.value.error.code == "model_not_found"
    assert refused.value.status in (400, 404)
