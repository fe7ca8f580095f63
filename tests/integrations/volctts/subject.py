"""What the contract asks of Volcengine's speech."""

from dataclasses import replace
from typing import Any

from framework import APICall, Payload
from framework.testing.contract import Subject, Variant
from integrations.volctts import create_volctts_integration
from integrations.volctts.mapping import SpeechRequest
from integrations.volctts.sandbox import VolcTTSSandbox

KEY = "volc-key-unseen-77c1"
SPEAKER = "en_female_sandbox"


class Reading(Payload):
    text: str
    speaker: str = SPEAKER


class Audio(Payload):
    audio_url: str


class Poem(Payload):
    verses: str


class Sound(Payload):
    audio_base64: str


class ContractStream(APICall, table=True):
    request: Reading
    result: Sound | None = None


class RenamedStream(APICall, table=True):
    request: Poem
    result: Sound | None = None


class ContractSpeech(APICall, table=True):
    request: Reading
    result: Audio | None = None


class RenamedSpeech(APICall, table=True):
    request: Poem
    result: Audio | None = None


def unknown_status(answer: dict[str, Any]) -> None:
    if "task_status" in answer:
        answer["task_status"] = 17


VOLCTTS = Subject(
    name="volctts",
    usual=Variant(call=ContractSpeech, create=create_volctts_integration, request=Reading(text="Hello")),
    renamed=Variant(
        call=RenamedSpeech,
        create=lambda call: create_volctts_integration(
            call,
            to_speech_request=lambda poem: SpeechRequest(text=poem.verses, speaker=SPEAKER),
            to_result=lambda speech: Audio(audio_url=speech.audio_url),
        ),
        request=Poem(verses="Hello"),
    ),
    refused=Reading(text="Hello", speaker="nobody"),
    environment={"VOLC_TTS_API_KEY": KEY, "VOLC_TTS_BASE_URL": None, "VOLC_TTS_CONSOLE": None},
    sandbox=lambda **kit: VolcTTSSandbox(keys=[KEY], **kit),
    effects=lambda volc: len(volc.tasks),
    unknown_status=unknown_status,
)

VOLCTTS_STREAMING = replace(
    VOLCTTS,
    part="streaming",
    usual=Variant(
        call=ContractStream,
        create=lambda call: create_volctts_integration(at_once=call),
        request=Reading(text="Hello"),
    ),
    renamed=Variant(
        call=RenamedStream,
        create=lambda call: create_volctts_integration(
            at_once=call,
            to_speech_request=lambda poem: SpeechRequest(text=poem.verses, speaker=SPEAKER),
            to_spoken_result=lambda spoken: Sound(audio_base64=spoken.audio_base64),
        ),
        request=Poem(verses="Hello"),
    ),
    effects=lambda volc: len(volc.streamed),
    unknown_status=None,
)
