"""What the contract asks of OpenAI, in the background."""

import base64
from typing import Any

from framework import APICall, Payload
from framework.testing.contract import Subject, Variant
from integrations.openai import create_openai_integration
from integrations.openai.mapping import Prompt
from integrations.openai.sandbox import OpenAISandbox

KEY = "sk-unseen-proj-5x0p"
SIGNING = "whsec_" + base64.b64encode(b"a secret that is in no record").decode()


class Question(Payload):
    input: str
    model: str = "gpt-5-mini"


class Words(Payload):
    text: str


class Riddle(Payload):
    riddle: str


class ContractPrompt(APICall, table=True):
    request: Question
    result: Words | None = None


class RenamedPrompt(APICall, table=True):
    request: Riddle
    result: Words | None = None


def unknown_status(answer: dict[str, Any]) -> None:
    if answer.get("object") == "response":
        answer["status"] = "pondering"


OPENAI = Subject(
    name="openai",
    usual=Variant(
        call=ContractPrompt, create=create_openai_integration, request=Question(input="What is true?")
    ),
    renamed=Variant(
        call=RenamedPrompt,
        create=lambda call: create_openai_integration(
            call,
            to_prompt=lambda asked: Prompt(input=asked.riddle, model="gpt-5-nano"),
            to_result=lambda answer: Words(text=answer.text),
        ),
        request=Riddle(riddle="What is true?"),
    ),
    refused=Question(input="What is true?", model="gpt-0"),
    environment={
        "OPENAI_API_KEY": KEY,
        "OPENAI_WEBHOOK_SECRET": SIGNING,
        "OPENAI_BASE_URL": None,
        "OPENAI_POLL_SECONDS": None,
        "OPENAI_ON_DOUBT": None,
    },
    sandbox=lambda **kit: OpenAISandbox(api_key=KEY, webhook_secret=SIGNING, **kit),
    effects=lambda openai: len(openai.responses),
    unknown_status=unknown_status,
    signing_secret="OPENAI_WEBHOOK_SECRET",
)
