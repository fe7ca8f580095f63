"""What the contract asks of DeepL."""

from framework import APICall, Payload
from framework.testing.contract import Subject, Variant
from integrations.deepl import create_deepl_integration
from integrations.deepl.mapping import TranslationRequest
from integrations.deepl.sandbox import DeepLSandbox

KEY = "deepl-key-unseen:0f3a"


class Translated(Payload):
    text: str


class Text(Payload):
    text: str
    target_lang: str


class Wording(Payload):
    words: str
    language: str


class Meaning(Payload):
    meaning: str


class ContractTranslation(APICall, table=True):
    request: Text
    result: Translated | None = None


class RenamedTranslation(APICall, table=True):
    request: Wording
    result: Meaning | None = None


DEEPL = Subject(
    name="deepl",
    usual=Variant(
        call=ContractTranslation,
        create=create_deepl_integration,
        request=Text(text="Good morning", target_lang="DE"),
    ),
    renamed=Variant(
        call=RenamedTranslation,
        create=lambda call: create_deepl_integration(
            call,
            to_translation=lambda asked: TranslationRequest(text=asked.words, target_lang=asked.language),
            to_result=lambda translated: Meaning(meaning=translated.text),
        ),
        request=Wording(words="Good morning", language="DE"),
    ),
    refused=Text(text="Good morning", target_lang="TLH"),
    environment={"DEEPL_AUTH_KEY": KEY, "DEEPL_BASE_URL": None},
    sandbox=lambda **kit: DeepLSandbox(keys=[KEY], **kit),
    effects=lambda deepl: len(deepl.billed),
)
