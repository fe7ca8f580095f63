"""What is sent to Volcengine, by the facts that are known of its interface.

The facts are of the streaming endpoint, whose `req_params` and headers the asynchronous one shares.
"""

import json
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from framework.integration.manifest import load_manifest
from integrations.volctts.client import HOME, SUCCESS, VolcTTSClient
from integrations.volctts.errors import NOT_PERMITTED, SERVER_ERROR, TEXT_TOO_LONG
from integrations.volctts.mapping import SpeechRequest, to_submit_body
from integrations.volctts.models import AudioFormat, AudioParams, SampleRate, SubmitBody
from integrations.volctts.sandbox import RESOURCES, VolcTTSSandbox

pytestmark = pytest.mark.anyio


@pytest.fixture
def facts(contracts: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((contracts / "volcengine" / "tts_v3.facts.json").read_text())
    return read


@pytest.fixture
def request_schema(facts: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(facts["request_schema"])


def hello(audio: AudioParams) -> SubmitBody:
    request = SpeechRequest(text="Hello", speaker="en_female_sandbox")
    return to_submit_body(request, call=uuid4(), user="millrace", audio=audio)


async def test_what_is_submitted_is_as_the_facts_say(
    volc: VolcTTSClient,
    volc_sandbox: VolcTTSSandbox,
    request_schema: Draft202012Validator,
    facts: dict[str, Any],
) -> None:
    await volc.submit(hello(AudioParams()))
    received = volc_sandbox.requests[-1]
    assert list(request_schema.iter_errors(json.loads(received.body))) == []
    assert received.headers["x-api-resource-id"] in facts["resource_ids"]
    assert received.headers["x-api-request-id"]


@pytest.mark.parametrize("audio_format", get_args(AudioFormat))
@pytest.mark.parametrize("sample_rate", [None, *get_args(SampleRate)])
def test_every_sound_that_may_be_chosen_is_as_the_facts_say(
    request_schema: Draft202012Validator, audio_format: AudioFormat, sample_rate: SampleRate | None
) -> None:
    body = hello(AudioParams(format=audio_format, sample_rate=sample_rate))
    assert list(request_schema.iter_errors(body.model_dump(mode="json", exclude_none=True))) == []


def test_the_facts_object_to_additions_that_are_no_text(request_schema: Draft202012Validator) -> None:
    asked = {"req_params": {"text": "Hello", "speaker": "alice", "audio_params": {}, "additions": {"a": 1}}}
    assert not request_schema.is_valid(asked)


def test_the_codes_and_resources_are_those_of_the_facts(facts: dict[str, Any]) -> None:
    assert {str(code) for code in (TEXT_TOO_LONG, NOT_PERMITTED, SERVER_ERROR)} == set(facts["error_codes"])
    assert facts["stream"]["end"]["code"] == SUCCESS
    assert set(facts["resource_ids"]) >= RESOURCES


def test_the_manifest_lists_the_host_of_the_facts(facts: dict[str, Any]) -> None:
    manifest = load_manifest(Path(__file__).parents[3] / "integrations" / "volctts")
    assert manifest.hosts == (HOME.removeprefix("https://"),)
    assert facts["url"].startswith(HOME + "/")
