"""Payloads of a business and what DeepL speaks."""

import pytest
from pydantic import ValidationError

from framework import Payload
from integrations.deepl.mapping import TranslationRequest, to_body, to_translated, to_translation
from integrations.deepl.models import TranslateAnswer, Translation


class ArticleText(Payload):
    """A business's own request: the names match, and one field is nobody else's."""

    text: str
    target_lang: str
    article: int


class Heading(Payload):
    title: str


def test_a_business_payload_is_read_by_its_names() -> None:
    request = to_translation(ArticleText(text="Hello", target_lang="de", article=7))
    assert request == TranslationRequest(text="Hello", target_lang="de")


def test_a_payload_with_other_names_is_refused() -> None:
    with pytest.raises(ValidationError, match="text"):
        to_translation(Heading(title="Hello"))


def test_languages_are_sent_in_capitals_and_an_unknown_source_is_left_to_deepl() -> None:
    body = to_body(TranslationRequest(text="Hello", target_lang="en-gb"))
    assert body.model_dump(exclude_none=True) == {
        "text": ["Hello"],
        "target_lang": "EN-GB",
        "show_billed_characters": True,
    }
    assert to_body(TranslationRequest(text="Hallo", target_lang="en", source_lang="de")).source_lang == "DE"


def test_a_translation_keeps_the_language_that_deepl_detected() -> None:
    answer = TranslateAnswer(translations=[Translation(text="Hallo", detected_source_language="EN")])
    translated = to_translated(answer)
    assert (translated.text, translated.detected_source_language) == ("Hallo", "EN")
