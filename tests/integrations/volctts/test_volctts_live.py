"""The real Volcengine. Costs 5 characters a run, and fails where the credentials are missing.

Run it before the first deployment: what it checks was read from public clients and never tried here.
"""

import os
from uuid import UUID, uuid4

import anyio
import httpx
import pytest

from integrations.volctts.client import VolcRefusal, VolcTTSClient
from integrations.volctts.errors import DUPLICATE_REQUEST, TASK_GONE
from integrations.volctts.mapping import SpeechRequest, to_speech, to_submit_body
from integrations.volctts.models import SubmitBody, TaskStatus
from integrations.volctts.settings import VolcTTSSettings

pytestmark = [pytest.mark.anyio, pytest.mark.live]

NEEDS = ("VOLC_TTS_API_KEY",)


def live(http: httpx.AsyncClient) -> VolcTTSClient:
    settings = VolcTTSSettings()
    return VolcTTSClient(http, settings.credentials(), settings.resource_id)


def hello(call: UUID) -> SubmitBody:
    speaker = os.environ.get("VOLC_TTS_SPEAKER", "zh_female_vv_uranus_bigtts")
    settings = VolcTTSSettings()
    request = SpeechRequest(text="Hello", speaker=speaker)
    return to_submit_body(request, call=call, user=settings.user, audio=settings.audio)


async def test_a_text_is_spoken(http: httpx.AsyncClient) -> None:
    task = await live(http).submit(hello(uuid4()))
    with anyio.fail_after(120):
        while (  # noqa: ASYNC110  # the vendor sends nothing to wait for
            standing := await live(http).query(task.task_id)
        ).task_status == TaskStatus.RUNNING:
            await anyio.sleep(2)
    speech = to_speech(standing)
    assert speech is not None
    assert speech.expires_at is not None
    assert (await http.get(speech.audio_url)).status_code == 200


async def test_a_task_is_found_by_the_id_that_we_gave_it(http: httpx.AsyncClient) -> None:
    call = uuid4()
    task = await live(http).submit(hello(call))
    with pytest.raises(VolcRefusal) as refused:
        await live(http).submit(hello(call))
    assert refused.value.code == DUPLICATE_REQUEST
    assert task.task_id == str(call)
    await live(http).query(str(call))


async def test_an_unknown_task_is_gone(http: httpx.AsyncClient) -> None:
    with pytest.raises(VolcRefusal) as refused:
        await live(http).query(str(uuid4()))
    assert refused.value.code == TASK_GONE
