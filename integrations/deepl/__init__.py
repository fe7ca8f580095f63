"""Texts leave for DeepL and come home translated in the same breath; documents take a while."""

from collections.abc import Callable

from pydantic import ValidationError

from framework import APICall, Payload
from framework.errors import NeedsAttention, Permanent
from framework.integration.calls import CallView, result_type
from framework.integration.client import HTTPClient
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed
from framework.integration.policy import Policy
from framework.integration.secrets import resolve
from integrations.deepl.client import DeepLClient, home_of
from integrations.deepl.documents import translate_documents
from integrations.deepl.errors import refusals_translated
from integrations.deepl.mapping import (
    ToDocument,
    ToDocumentResult,
    ToResult,
    ToTranslation,
    to_body,
    to_document,
    to_document_result_of,
    to_result_of,
    to_translated,
    to_translation,
)
from integrations.deepl.settings import DeepLSettings

__all__ = ["DeepLSettings", "create_deepl_integration"]


def create_deepl_integration(
    call: type[APICall] | None = None,
    settings: DeepLSettings | None = None,
    *,
    document: type[APICall] | None = None,
    to_translation: ToTranslation = to_translation,
    to_result: ToResult | None = None,
    to_document: ToDocument = to_document,
    to_document_result: ToDocumentResult | None = None,
) -> Integration[DeepLSettings]:
    """Carry out `call` as the translation of a text, and `document` as that of a document.

    Its request has `text`, `target_lang` and maybe `source_lang`, and its result takes `text` and
    `detected_source_language` as far as it has fields of these names; the two functions serve other names.

    DeepL has neither ids nor a key against repetition. A translation whose answer was lost is asked for
    again, which costs its characters once more and nothing else.

    A document's request has `filename`, `content_base64`, `target_lang` and maybe `source_lang`, and its
    result takes `content_base64` and `billed_characters`.
    """
    deepl = Integration("deepl", settings=settings or DeepLSettings, policy=Policy(on_doubt="retry"))

    def client(http: HTTPClient) -> DeepLClient:
        key = resolve(deepl.settings.auth_key_ref)
        return DeepLClient(http, home_of(key, deepl.settings.base_url), key)

    if call is not None:
        translate_texts(deepl, call, to_translation, to_result or to_result_of(result_type(call)), client)
    if document is not None:
        as_document = to_document_result or to_document_result_of(result_type(document))
        translate_documents(deepl, document, to_document, as_document, client)

    @deepl.test_connection
    async def try_the_key(http: HTTPClient) -> None:
        with refusals_translated():
            await client(http).usage()

    @deepl.check_health
    async def characters_are_left(http: HTTPClient) -> None:
        with refusals_translated():
            usage = await client(http).usage()
        if usage.exhausted:
            raise NeedsAttention(
                f"All {usage.character_limit} characters of this period are used. Raise the account's limit.",
                code="quota_exceeded",
            )

    return deepl


def translate_texts(
    deepl: Integration[DeepLSettings],
    call: type[APICall],
    to_translation: ToTranslation,
    translated: ToResult,
    client: Callable[[HTTPClient], DeepLClient],
) -> None:
    """Let every call of this class be one text."""

    @deepl.call(call)
    async def translate(translation: CallView[Payload], http: HTTPClient) -> Completed:
        try:
            body = to_body(to_translation(translation.request))
        except ValidationError as error:
            raise Permanent(
                f"The request of {call.__name__} is no translation: {_fields(error)}. Pass `to_translation`.",
                code="unmapped_request",
            ) from error
        with refusals_translated():
            answer = await client(http).translate(body)
        return Completed(translated(to_translated(answer)))


def _fields(error: ValidationError) -> str:
    """Which fields are wrong, and how; never what they hold."""
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
