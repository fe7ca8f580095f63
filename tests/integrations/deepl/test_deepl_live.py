"""The real DeepL. Costs 5 characters a run, and fails where the key is missing."""

import httpx
import pytest

from framework.integration.secrets import resolve
from integrations.deepl.client import DeepLClient, DeepLRefusal, home_of
from integrations.deepl.mapping import TranslationRequest, to_body
from integrations.deepl.settings import DeepLSettings

pytestmark = [pytest.mark.anyio, pytest.mark.live]

NEEDS = ("DEEPL_AUTH_KEY",)


def live(http: httpx.AsyncClient) -> DeepLClient:
    key = resolve(DeepLSettings().auth_key_ref)
    return DeepLClient(http, home_of(key), key)


async def test_a_text_is_translated(http: httpx.AsyncClient) -> None:
    answer = await live(http).translate(to_body(TranslationRequest(text="Hello", target_lang="DE")))
    assert answer.translations[0].text
    assert answer.translations[0].detected_source_language == "EN"


async def test_the_key_has_a_limit(http: httpx.AsyncClient) -> None:
    assert (await live(http).usage()).character_limit > 0


async def test_an_unsupported_language_is_refused(http: httpx.AsyncClient) -> None:
    with pytest.raises(DeepLRefusal) as refused:
        await live(http).translate(to_body(TranslationRequest(text="Hello", target_lang="TLH")))
    assert refused.value.status == 400
