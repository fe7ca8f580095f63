"""Between the payloads of a business and what DeepL speaks. Pure.

A business declares its own payloads and imports nothing from here. Where its names are those of
`TranslationRequest` and `Translated`, the defaults of the factory match them by name.
"""

from base64 import b64decode
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator

from framework import Payload
from framework.integration.filling import filled
from framework.integration.outcomes import ExternalId
from integrations.deepl.models import DocumentHandle, TranslateAnswer, TranslateBody


class TranslationRequest(Payload):
    """What is to be translated. `target_lang` is a language code of DeepL (`DE`, `EN-GB`, `zh-Hans`)."""

    text: str
    target_lang: str
    source_lang: str | None = None


class Translated(Payload):
    """A translation; the source language is DeepL's guess where the request named none."""

    text: str
    detected_source_language: str | None = None


def in_base64(text: str) -> str:
    """The text, if it is base64."""
    b64decode(text, validate=True)
    return text


class DocumentRequest(Payload):
    """A document that is to be translated; its format is told by the ending of `filename`."""

    filename: str
    content_base64: Annotated[str, AfterValidator(in_base64)]
    target_lang: str
    source_lang: str | None = None


class TranslatedDocument(Payload):
    """A translated document, in the format of the original."""

    content_base64: str
    billed_characters: int | None = None


ToDocument: TypeAlias = Callable[[Any], DocumentRequest]
ToDocumentResult: TypeAlias = Callable[[TranslatedDocument], Payload]
ToTranslation: TypeAlias = Callable[[Any], TranslationRequest]
ToResult: TypeAlias = Callable[[Translated], Payload]


def to_translation(request: Any) -> TranslationRequest:
    """From a request with `text`, `target_lang` and maybe `source_lang`; more is the business's own."""
    return TranslationRequest.model_validate(request, from_attributes=True)


def to_result_of(result: type[Payload] | None) -> ToResult:
    """A function that fills the fields of this payload class by name. Raises ResultNotFilled if it cannot."""
    return filled(result, Translated, vendor="DeepL")


def to_document(request: Any) -> DocumentRequest:
    """From a request with `filename`, `content_base64`, `target_lang` and maybe `source_lang`."""
    return DocumentRequest.model_validate(request, from_attributes=True)


def to_document_result_of(result: type[Payload] | None) -> ToDocumentResult:
    """A function that fills the fields of this payload class by name. Raises ResultNotFilled if it cannot."""
    return filled(result, TranslatedDocument, vendor="DeepL")


def external_id_of(handle: DocumentHandle) -> ExternalId:
    """Both parts in one. The document's key opens nothing without that of our account."""
    return ExternalId(f"{handle.document_id}:{handle.document_key}")


def handle_in(external_id: str) -> DocumentHandle:
    document_id, _, key = external_id.partition(":")
    return DocumentHandle(document_id=document_id, document_key=key)


def to_body(request: TranslationRequest) -> TranslateBody:
    """DeepL reads languages in any case and documents them in capitals."""
    return TranslateBody(
        text=[request.text],
        target_lang=request.target_lang.upper(),
        source_lang=request.source_lang.upper() if request.source_lang else None,
    )


def to_translated(answer: TranslateAnswer) -> Translated:
    """The one translation of a call's one text."""
    first = answer.translations[0]
    return Translated(text=first.text, detected_source_language=first.detected_source_language)
