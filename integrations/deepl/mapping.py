"""Between the payloads of a business and what DeepL speaks. Pure.

A business declares its own payloads and imports nothing from here. Where its names are those of
`TranslationRequest` and `Translated`, the defaults of the factory match them by name.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from framework import Payload
from framework.integration.filling import filled
from integrations.deepl.models import TranslateAnswer, TranslateBody


class TranslationRequest(Payload):
    """What is to be translated. `target_lang` is a language code of DeepL (`DE`, `EN-GB`, `zh-Hans`)."""

    text: str
    target_lang: str
    source_lang: str | None = None


class Translated(Payload):
    """A translation; the source language is DeepL's guess where the request named none."""

    text: str
    detected_source_language: str | None = None


ToTranslation: TypeAlias = Callable[[Any], TranslationRequest]
ToResult: TypeAlias = Callable[[Translated], Payload]


def to_translation(request: Any) -> TranslationRequest:
    """From a request with `text`, `target_lang` and maybe `source_lang`; more is the business's own."""
    return TranslationRequest.model_validate(request, from_attributes=True)


def to_result_of(result: type[Payload] | None) -> ToResult:
    """A function that fills the fields of this payload class by name. Raises ResultNotFilled if it cannot."""
    return filled(result, Translated, vendor="DeepL")


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
