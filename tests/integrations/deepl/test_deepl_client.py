"""The client against DeepL's double, over a socket."""

import logging

import httpx
import pytest
from pydantic import SecretStr

from integrations.deepl.client import FREE, PRO, DeepLClient, DeepLRefusal, UnreadableAnswer, home_of
from integrations.deepl.models import TranslateBody
from integrations.deepl.sandbox import LARGEST_REQUEST, DeepLSandbox

pytestmark = pytest.mark.anyio
HELLO = TranslateBody(text=["Hello"], target_lang="DE")


async def test_a_text_comes_back_translated_and_billed(
    deepl: DeepLClient, deepl_sandbox: DeepLSandbox
) -> None:
    answer = await deepl.translate(HELLO)
    assert answer.translations[0].text == "[DE] Hello"
    assert answer.translations[0].detected_source_language == "EN"
    assert answer.translations[0].billed_characters == 5
    assert deepl_sandbox.books()["characters"] == 5


async def test_usage_counts_what_was_translated(deepl: DeepLClient) -> None:
    await deepl.translate(HELLO)
    usage = await deepl.usage()
    assert (usage.character_count, usage.character_limit, usage.exhausted) == (5, 1000, False)


async def test_an_unsupported_language_is_refused_with_words(
    deepl: DeepLClient, deepl_sandbox: DeepLSandbox
) -> None:
    with pytest.raises(DeepLRefusal) as refused:
        await deepl.translate(TranslateBody(text=["Hello"], target_lang="TLH"))
    assert (refused.value.status, refused.value.message) == (400, "Value for 'target_lang' not supported.")
    assert refused.value.trace
    assert deepl_sandbox.billed == []


async def test_a_wrong_key_is_refused_and_bills_nobody(
    http: httpx.AsyncClient, deepl_address: str, deepl_sandbox: DeepLSandbox
) -> None:
    stranger = DeepLClient(http, deepl_address, SecretStr("wrong"))
    with pytest.raises(DeepLRefusal) as refused:
        await stranger.translate(HELLO)
    assert refused.value.status == 403
    assert deepl_sandbox.billed == []


async def test_a_request_over_128_kib_is_refused(deepl: DeepLClient, deepl_sandbox: DeepLSandbox) -> None:
    deepl_sandbox.character_limit = 10**9
    with pytest.raises(DeepLRefusal) as refused:
        await deepl.translate(TranslateBody(text=["x" * LARGEST_REQUEST], target_lang="DE"))
    assert refused.value.status == 413


async def test_an_exhausted_quota_is_refused_with_456(
    deepl: DeepLClient, deepl_sandbox: DeepLSandbox
) -> None:
    deepl_sandbox.character_limit = 4
    with pytest.raises(DeepLRefusal) as refused:
        await deepl.translate(HELLO)
    assert refused.value.status == 456


async def test_throttling_says_how_long_to_wait(deepl: DeepLClient, deepl_sandbox: DeepLSandbox) -> None:
    deepl_sandbox.fail_next("throttle")
    with pytest.raises(DeepLRefusal) as refused:
        await deepl.translate(HELLO)
    assert refused.value.status == 429
    assert refused.value.retry_after is not None
    assert refused.value.retry_after.total_seconds() == 1


async def test_an_error_without_a_body_is_named_by_its_status(
    deepl: DeepLClient, deepl_sandbox: DeepLSandbox
) -> None:
    deepl_sandbox.fail_next("error_after_success")
    with pytest.raises(DeepLRefusal) as refused:
        await deepl.translate(HELLO)
    assert (refused.value.status, refused.value.message) == (500, "Internal Server Error")


async def test_a_lost_answer_repeated_costs_characters_and_nothing_else(
    deepl: DeepLClient, deepl_sandbox: DeepLSandbox
) -> None:
    deepl_sandbox.fail_next("drop_after_acceptance")
    with pytest.raises(httpx.TransportError):
        await deepl.translate(HELLO)
    again = await deepl.translate(HELLO)
    assert again.translations[0].text == "[DE] Hello"
    assert [entry.text for entry in deepl_sandbox.billed] == ["Hello", "Hello"]


@pytest.mark.parametrize("body", [b"<html>", b'{"translations": []}', b'{"translations": [{}]}', b"[]"])
async def test_a_success_that_cannot_be_read_keeps_its_body(body: bytes) -> None:
    answers = httpx.MockTransport(lambda request: httpx.Response(200, content=body))
    async with httpx.AsyncClient(transport=answers) as http:
        with pytest.raises(UnreadableAnswer) as unreadable:
            await DeepLClient(http, PRO, SecretStr("key")).translate(HELLO)
    assert unreadable.value.body == body.decode()


async def test_fields_that_deepl_adds_are_ignored() -> None:
    body = {"translations": [{"text": "Hallo", "mood": "happy"}], "weather": "fine"}
    answers = httpx.MockTransport(lambda request: httpx.Response(200, json=body))
    async with httpx.AsyncClient(transport=answers) as http:
        answer = await DeepLClient(http, PRO, SecretStr("key")).translate(HELLO)
    assert answer.translations[0].text == "Hallo"


async def test_a_date_to_retry_at_is_read_against_the_vendors_clock() -> None:
    headers = {"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}
    answers = httpx.MockTransport(lambda request: httpx.Response(529, headers=headers))
    async with httpx.AsyncClient(transport=answers) as http:
        with pytest.raises(DeepLRefusal) as refused:
            await DeepLClient(http, PRO, SecretStr("key")).usage()
    assert refused.value.retry_after is not None
    assert refused.value.retry_after.total_seconds() == 30


@pytest.mark.parametrize(
    ("key", "base_url", "home"),
    [
        ("abc", PRO, PRO),
        ("abc:fx", PRO, FREE),
        ("abc:fx", PRO + "/", FREE),
        ("abc:fx", "http://127.0.0.1:8900/deepl", "http://127.0.0.1:8900/deepl"),
    ],
)
def test_a_key_of_the_free_plan_lives_at_the_free_host(key: str, base_url: str, home: str) -> None:
    assert home_of(SecretStr(key), base_url) == home


async def test_the_key_is_neither_logged_nor_kept(
    deepl: DeepLClient, deepl_sandbox: DeepLSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await deepl.translate(HELLO)
    seen = caplog.text + repr(deepl_sandbox.requests) + repr(deepl)
    assert "/v2/translate" in seen
    assert deepl.key.get_secret_value() not in seen
