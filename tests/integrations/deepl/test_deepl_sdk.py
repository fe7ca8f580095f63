"""DeepL's own SDK is at home in the double: it translates, reads the bill, and is refused."""

from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any, TypeVar

import anyio.to_thread
import deepl
import pytest

from integrations.deepl.sandbox import DeepLSandbox
from tests.integrations.deepl.conftest import KEY

pytestmark = pytest.mark.anyio

Answer = TypeVar("Answer")


@pytest.fixture(autouse=True)
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(deepl.http_client, "max_network_retries", 0)


@pytest.fixture
def sdk(deepl_address: str) -> deepl.DeepLClient:
    return deepl.DeepLClient(KEY.get_secret_value(), server_url=f"{deepl_address}/")


async def told(doing: Callable[..., Answer], *arguments: Any, **named: Any) -> Answer:
    """What the SDK says, which blocks its thread while it waits."""
    return await anyio.to_thread.run_sync(partial(doing, *arguments, **named))


async def test_the_sdk_translates_and_reads_the_bill(
    sdk: deepl.DeepLClient, deepl_sandbox: DeepLSandbox
) -> None:
    one: Any = await told(sdk.translate_text, "Hello", target_lang="DE")
    assert (one.text, one.detected_source_lang, one.billed_characters) == ("[DE] Hello", "EN", 5)
    many: Any = await told(sdk.translate_text, ["a", "b"], source_lang="EN", target_lang="PT-BR")
    assert [two.text for two in many] == ["[PT-BR] a", "[PT-BR] b"]
    usage = await told(sdk.get_usage)
    assert (usage.character.count, usage.character.limit) == (7, 1000)
    assert not usage.any_limit_reached


async def test_the_sdk_has_a_document_translated_and_fetches_it_once(
    sdk: deepl.DeepLClient, deepl_sandbox: DeepLSandbox
) -> None:
    letter, x = {"filename": "letter.txt"}, {"filename": "x.txt"}
    handle = await told(sdk.translate_document_upload, b"Good morning", target_lang="DE", **letter)
    assert (await told(sdk.translate_document_get_status, handle)).status.value == "translating"
    standing = await told(sdk.translate_document_get_status, handle)
    assert (standing.done, standing.billed_characters) == (True, 12)
    fetched = BytesIO()
    await told(sdk.translate_document_download, handle, fetched)
    assert fetched.getvalue() == b"[DE] Good morning"
    with pytest.raises(deepl.DocumentNotReadyException):
        await told(sdk.translate_document_download, handle, BytesIO())
    same = await told(sdk.translate_document_upload, b"x", source_lang="DE", target_lang="DE", **x)
    await told(sdk.translate_document_get_status, same)
    failed = await told(sdk.translate_document_get_status, same)
    assert (failed.ok, failed.error_message) == (False, "Source and target language are equal.")


async def test_the_sdk_is_refused_as_by_deepl(
    sdk: deepl.DeepLClient, deepl_sandbox: DeepLSandbox, deepl_address: str
) -> None:
    with pytest.raises(deepl.DeepLException, match="'target_lang' not supported"):
        await told(sdk.translate_text, "Hello", target_lang="TLH")
    deepl_sandbox.fail_next("throttle")
    with pytest.raises(deepl.TooManyRequestsException):
        await told(sdk.translate_text, "Hello", target_lang="DE")
    deepl_sandbox.fail_next("error_after_success")
    with pytest.raises(deepl.DeepLException, match="500"):
        await told(sdk.translate_text, "Hello", target_lang="DE")
    deepl_sandbox.character_limit = 0
    with pytest.raises(deepl.QuotaExceededException):
        await told(sdk.translate_text, "Hello", target_lang="DE")
    stranger = deepl.DeepLClient("wrong", server_url=f"{deepl_address}/")
    with pytest.raises(deepl.AuthorizationException):
        await told(stranger.get_usage)


async def test_the_sdk_tries_again_when_it_is_throttled(
    sdk: deepl.DeepLClient, deepl_sandbox: DeepLSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deepl.http_client, "max_network_retries", 1)
    monkeypatch.setattr(deepl.http_client._BackoffTimer, "sleep_until_deadline", lambda self: None)
    deepl_sandbox.fail_next("throttle")
    await told(sdk.translate_text, "Hello", target_lang="DE")
    assert [one.path for one in deepl_sandbox.requests] == ["/v2/translate"] * 2
