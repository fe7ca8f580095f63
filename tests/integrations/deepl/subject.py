"""What the contract asks of DeepL."""

from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

from framework import APICall, Payload
from framework.testing.contract import Subject, Variant
from integrations.deepl import create_deepl_integration
from integrations.deepl.mapping import DocumentRequest, TranslationRequest
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


class Paper(Payload):
    filename: str = "letter.txt"
    content_base64: str = b64encode(b"Good morning").decode()
    target_lang: str = "DE"


class TranslatedPaper(Payload):
    content_base64: str


class Scroll(Payload):
    words: str


class ContractDocument(APICall, table=True):
    request: Paper
    result: TranslatedPaper | None = None


class RenamedDocument(APICall, table=True):
    request: Scroll
    result: Scroll | None = None


def unknown_status(answer: dict[str, Any]) -> None:
    if "status" in answer:
        answer["status"] = "being_proofread"


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

DEEPL_DOCUMENTS = replace(
    DEEPL,
    part="documents",
    usual=Variant(
        call=ContractDocument,
        create=lambda call: create_deepl_integration(document=call),
        request=Paper(),
    ),
    renamed=Variant(
        call=RenamedDocument,
        create=lambda call: create_deepl_integration(
            document=call,
            to_document=lambda scroll: DocumentRequest(
                filename="scroll.txt",
                content_base64=b64encode(scroll.words.encode()).decode(),
                target_lang="de",
            ),
            to_document_result=lambda done: Scroll(words=b64decode(done.content_base64).decode()),
        ),
        request=Scroll(words="Good morning"),
    ),
    refused=Paper(target_lang="TLH"),
    unknown_status=unknown_status,
)
