"""Calls of a business carried out by DeepL's double, through the framework's own client."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from framework import APICall, Payload
from framework.errors import InDoubt, NeedsAttention, Permanent, Transient
from framework.integration.calls import CallView, idempotency_key
from framework.integration.filling import ResultNotFilled
from framework.integration.http import HTTPClient
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed
from integrations.deepl import DeepLSettings, create_deepl_integration
from integrations.deepl.mapping import Translated, TranslationRequest
from integrations.deepl.sandbox import DeepLSandbox

pytestmark = pytest.mark.anyio


class ArticleText(Payload):
    text: str
    target_lang: str
    article: int = 7


class GermanArticle(Payload):
    text: str
    words: int = 0


class Headline(Payload):
    title: str
    language: str


class ArticleTranslation(APICall, table=True):
    request: ArticleText
    result: GermanArticle | None = None


class HeadlineTranslation(APICall, table=True):
    request: Headline
    result: Headline | None = None


@pytest.fixture
def settings(
    deepl_address: str, deepl_sandbox: DeepLSandbox, monkeypatch: pytest.MonkeyPatch
) -> DeepLSettings:
    monkeypatch.setenv("DEEPL_AUTH_KEY", next(iter(deepl_sandbox.keys)))
    return DeepLSettings(base_url=deepl_address)


@pytest.fixture
def integration(settings: DeepLSettings) -> Integration[DeepLSettings]:
    integration = create_deepl_integration(ArticleTranslation, settings)
    integration.configure()
    return integration


@pytest.fixture
async def framework_http(integration: Integration[DeepLSettings]) -> AsyncIterator[HTTPClient]:
    async with integration.open_client() as http:
        yield http


def call_of(request: Any, kind: type[APICall] = ArticleTranslation) -> CallView[Any]:
    record = kind(request=request)  # type: ignore[call-arg]  # subclasses have a request
    return CallView(record, idempotency_key=idempotency_key("deepl", record.id))


HELLO = ArticleText(text="Hello", target_lang="de")


async def carry_out(
    integration: Integration[DeepLSettings], http: HTTPClient, call: CallView[Any]
) -> Completed:
    handler = integration.handlers[next(iter(integration.handlers))].call
    assert handler is not None
    outcome = await handler(call, http)
    assert isinstance(outcome, Completed)
    return outcome


async def test_a_call_completes_with_the_payload_of_its_business(
    integration: Integration[DeepLSettings], framework_http: HTTPClient
) -> None:
    outcome = await carry_out(integration, framework_http, call_of(HELLO))
    assert outcome.result == GermanArticle(text="[DE] Hello")
    assert outcome.external_id is None


async def test_other_names_are_served_by_two_functions(
    settings: DeepLSettings, framework_http: HTTPClient
) -> None:
    def to_translation(headline: Headline) -> TranslationRequest:
        return TranslationRequest(text=headline.title, target_lang=headline.language)

    def to_result(translated: Translated) -> Headline:
        return Headline(title=translated.text, language=translated.detected_source_language or "")

    integration = create_deepl_integration(
        HeadlineTranslation, settings, to_translation=to_translation, to_result=to_result
    )
    integration.configure()
    headline = call_of(Headline(title="News", language="FR"), HeadlineTranslation)
    outcome = await carry_out(integration, framework_http, headline)
    assert outcome.result == Headline(title="[FR] News", language="EN")


def test_a_result_that_deepl_cannot_fill_is_found_at_once() -> None:
    with pytest.raises(ResultNotFilled, match="title, language of Headline"):
        create_deepl_integration(HeadlineTranslation)


async def test_a_request_that_is_no_translation_is_ours_to_correct_and_never_sent(
    settings: DeepLSettings, framework_http: HTTPClient, deepl_sandbox: DeepLSandbox
) -> None:
    integration = create_deepl_integration(
        HeadlineTranslation, settings, to_result=lambda translated: Headline(title="", language="")
    )
    integration.configure()
    with pytest.raises(Permanent, match="text: Field required") as refused:
        await carry_out(
            integration, framework_http, call_of(Headline(title="secret", language="FR"), HeadlineTranslation)
        )
    assert refused.value.code == "unmapped_request"
    assert "secret" not in str(refused.value)
    assert len(deepl_sandbox.requests) == 0


async def test_an_unsupported_language_is_permanent(
    integration: Integration[DeepLSettings], framework_http: HTTPClient
) -> None:
    with pytest.raises(Permanent, match="'target_lang' not supported"):
        await carry_out(integration, framework_http, call_of(ArticleText(text="Hello", target_lang="tlh")))


async def test_a_wrong_key_needs_the_operator(
    integration: Integration[DeepLSettings], framework_http: HTTPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPL_AUTH_KEY", "wrong")
    with pytest.raises(NeedsAttention) as refused:
        await carry_out(integration, framework_http, call_of(HELLO))
    assert refused.value.code == "forbidden"


async def test_a_missing_key_needs_the_operator_and_nothing_is_sent(
    integration: Integration[DeepLSettings],
    framework_http: HTTPClient,
    deepl_sandbox: DeepLSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DEEPL_AUTH_KEY")
    with pytest.raises(NeedsAttention, match="DEEPL_AUTH_KEY"):
        await carry_out(integration, framework_http, call_of(HELLO))
    assert len(deepl_sandbox.requests) == 0


async def test_throttling_is_transient_and_says_when(
    integration: Integration[DeepLSettings], framework_http: HTTPClient, deepl_sandbox: DeepLSandbox
) -> None:
    deepl_sandbox.fail_next("throttle")
    with pytest.raises(Transient) as refused:
        await carry_out(integration, framework_http, call_of(HELLO))
    assert refused.value.retry_after is not None


async def test_a_lost_answer_is_in_doubt_and_the_policy_repeats_it(
    integration: Integration[DeepLSettings], framework_http: HTTPClient, deepl_sandbox: DeepLSandbox
) -> None:
    deepl_sandbox.fail_next("drop_after_acceptance")
    with pytest.raises(InDoubt):
        await carry_out(integration, framework_http, call_of(HELLO))
    assert integration.handlers[ArticleTranslation].policy.on_doubt == "retry"


async def test_the_connection_is_tested_without_cost(
    integration: Integration[DeepLSettings], framework_http: HTTPClient, deepl_sandbox: DeepLSandbox
) -> None:
    probe = integration.hook("test_connection")
    assert probe is not None
    await probe(framework_http)
    assert [received.path for received in deepl_sandbox.requests] == ["/v2/usage"]
    deepl_sandbox.keys = frozenset()
    with pytest.raises(NeedsAttention):
        await probe(framework_http)


async def test_an_account_without_characters_is_not_well(
    integration: Integration[DeepLSettings], framework_http: HTTPClient, deepl_sandbox: DeepLSandbox
) -> None:
    probe = integration.hook("check_health")
    assert probe is not None
    await probe(framework_http)
    deepl_sandbox.character_limit = 0
    with pytest.raises(NeedsAttention, match="All 0 characters"):
        await probe(framework_http)


async def test_a_key_of_the_free_plan_is_taken_to_the_free_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPL_AUTH_KEY", "a-free-key:fx")
    asked: list[str] = []

    def deepl_answers(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(200, json={"translations": [{"text": "Hallo"}]})

    integration = create_deepl_integration(ArticleTranslation, DeepLSettings())
    integration.configure()
    async with integration.open_client(transport=httpx.MockTransport(deepl_answers)) as http:
        await carry_out(integration, http, call_of(HELLO))
    assert asked == ["api-free.deepl.com"]


async def test_the_manifest_names_the_one_secret(integration: Integration[DeepLSettings]) -> None:
    assert [(one.name, one.present) for one in integration.credentials()] == [("DEEPL_AUTH_KEY", True)]
    assert [one.present for one in integration.credentials(environ={})] == [False]
