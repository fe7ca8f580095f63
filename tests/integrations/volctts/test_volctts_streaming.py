"""Texts are spoken while we listen, and a stream that breaks off is no speech."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from framework import CallStatus
from framework.testing.contract.bench import Bench
from framework.testing.sandbox import Fault
from integrations.volctts.client import UnreadableAnswer, VolcRefusal, VolcTTSClient
from integrations.volctts.mapping import SpeechRequest, to_speak_body
from integrations.volctts.models import AudioParams, SpeakBody
from integrations.volctts.sandbox import VolcTTSSandbox
from integrations.volctts.stream import BrokenStream, chunks, objects, sound_in
from tests.integrations.volctts.subject import SPEAKER, VOLCTTS_STREAMING, Reading
from tests.integrations.volctts.test_volctts_contract import facts, request_schema

__all__ = ["facts", "request_schema"]  # fixtures
pytestmark = pytest.mark.anyio


def hello(text: str = "Hello there you") -> SpeakBody:
    return to_speak_body(SpeechRequest(text=text, speaker=SPEAKER), user="u", audio=AudioParams())


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    with VOLCTTS_STREAMING.at_home():
        at_work = Bench(VOLCTTS_STREAMING, tmp_path / "spoken.db")
        try:
            yield at_work
        finally:
            at_work.close()


async def in_pieces(text: str, size: int) -> AsyncIterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


async def read(pieces: AsyncIterator[str]) -> list[Any]:
    return [found async for found in objects(pieces)]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("between", ["", "\n", "\r\n\r\n"])
async def test_objects_are_read_wherever_the_network_cut_them(size: int, between: str) -> None:
    sent = [
        {"code": 0, "message": 'a "}{" b', "data": "aGk="},
        {"code": 20000000, "message": "好", "data": None},
    ]
    text = between.join(json.dumps(one, ensure_ascii=False) for one in sent)
    assert await read(in_pieces(text, size)) == sent


@pytest.mark.parametrize("text", ['{"code": 0, "da', "<html>", '{"code": 0}{'])
async def test_a_half_object_is_a_broken_stream(text: str) -> None:
    with pytest.raises(BrokenStream, match="within an object"):
        await read(in_pieces(text, 5))


async def test_what_is_no_chunk_or_no_sound_is_a_broken_stream() -> None:
    with pytest.raises(BrokenStream, match="no chunk"):
        [one async for one in chunks(in_pieces('{"words": 1}', 50))]
    (chunk,) = [one async for one in chunks(in_pieces('{"code": 0, "data": "not base64!"}', 50))]
    with pytest.raises(BrokenStream, match="no base64"):
        sound_in(chunk)


async def test_the_sound_is_put_together_as_it_comes(volc: VolcTTSClient) -> None:
    assert await volc.speak(hello()) == b"Hellothereyou"


async def test_a_stream_without_its_end_is_unreadable(
    volc: VolcTTSClient, volc_sandbox: VolcTTSSandbox
) -> None:
    volc_sandbox.breaks_off_with = 0
    with pytest.raises(UnreadableAnswer):
        await volc.speak(hello())


async def test_a_refusal_may_come_in_the_middle(volc: VolcTTSClient, volc_sandbox: VolcTTSSandbox) -> None:
    volc_sandbox.breaks_off_with = 55000000
    with pytest.raises(VolcRefusal) as refused:
        await volc.speak(hello())
    assert (refused.value.code, bool(refused.value.logid)) == (55000000, True)


async def test_a_refusal_at_the_start_has_its_code(volc: VolcTTSClient) -> None:
    with pytest.raises(VolcRefusal) as refused:
        await volc.speak(hello("x" * 101))
    assert refused.value.code == 40402003


async def test_what_is_streamed_is_as_the_facts_say(
    volc: VolcTTSClient,
    volc_sandbox: VolcTTSSandbox,
    request_schema: Draft202012Validator,
    facts: dict[str, Any],
) -> None:
    await volc.speak(hello())
    received = volc_sandbox.requests[-1]
    assert facts["url"].endswith(received.path)
    assert list(request_schema.iter_errors(json.loads(received.body))) == []
    assert received.headers["x-api-resource-id"] in facts["resource_ids"]
    async with volc.http.stream(
        facts["method"],
        volc.base_url + received.path,
        headers=volc._headers("1"),
        json=json.loads(received.body),
    ) as answer:
        answered: Iterable[Any] = await read(answer.aiter_text())
    of_a_chunk = Draft202012Validator(facts["stream"]["chunk_schema"])
    assert [list(of_a_chunk.iter_errors(one)) for one in answered] == [[] for _ in answered]
    assert {one["code"] for one in answered} == {
        facts["stream"]["audio"]["code"],
        facts["stream"]["end"]["code"],
    }


async def test_a_call_has_its_sound_in_the_answer(tmp_path: Path) -> None:
    async with bench(tmp_path) as volc:
        id = volc.place()
        await volc.settle()
        spoken: Any = volc.call(id)
        assert spoken.status is CallStatus.COMPLETED
        assert b64decode(spoken.result.audio_base64) == b"Hello"


async def test_a_lost_stream_is_spoken_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as volc:
        volc.sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
        id = volc.place()
        await volc.end(id)
        assert (volc.call(id).status, volc.effects) == (CallStatus.COMPLETED, 2)


async def test_a_text_that_is_too_long_is_declined_with_what_to_do(tmp_path: Path) -> None:
    async with bench(tmp_path) as volc:
        sandbox: Any = volc.sandbox
        sandbox.longest_text = 3
        id = volc.place(Reading(text="Hello"))
        await volc.end(id)
        declined = volc.call(id)
        assert declined.status is CallStatus.FAILED
        assert declined.error is not None
        assert "Split the text" in declined.error
