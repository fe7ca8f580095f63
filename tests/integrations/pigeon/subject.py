"""What the contract asks of Pigeon, the vendor of the tutorial: an integration outside of this project."""

import json
from typing import Any

from docs.tutorial.code.pigeon import create_pigeon_integration
from docs.tutorial.code.pigeon.models import NewMessage
from docs.tutorial.code.pigeon.sandbox import PigeonSandbox
from framework import APICall, Payload
from framework.testing.contract import Subject, Variant

KEY, SIGNING = "pigeon-key-unseen-3b", "pigeon-signing-unseen-9f"


class Text(Payload):
    to: str = "+43 1 5550100"
    text: str = "Your parcel is here"


class Told(Payload):
    parts: int


class Call(Payload):
    phone: str


class ContractText(APICall, table=True):
    request: Text
    result: Told | None = None


class RenamedText(APICall, table=True):
    request: Call
    result: Told | None = None


def unknown_status(answer: dict[str, Any]) -> None:
    if "status" in answer:
        answer["status"] = "circling"


def failed(body: bytes) -> bytes:
    event = json.loads(body)
    event["event_id"] = "evt_contradicted"
    event["message"] |= {"status": "failed", "reason": "The phone is switched off."}
    return json.dumps(event).encode()


PIGEON = Subject(
    name="pigeon",
    usual=Variant(call=ContractText, create=create_pigeon_integration, request=Text()),
    renamed=Variant(
        call=RenamedText,
        create=lambda call: create_pigeon_integration(
            call,
            to_message=lambda asked: NewMessage(to=asked.phone, text="Hello"),
            to_result=lambda message: Told(parts=message.parts),
        ),
        request=Call(phone="+43 1 5550100"),
    ),
    refused=Text(to="5550100"),
    environment={"PIGEON_KEY": KEY, "PIGEON_WEBHOOK_SECRET": SIGNING, "PIGEON_BASE_URL": None},
    sandbox=lambda **kit: PigeonSandbox(key=KEY, webhook_secret=SIGNING, **kit),
    effects=lambda pigeon: len(pigeon.messages),
    unknown_status=unknown_status,
    contradicted=failed,
    signing_secret="PIGEON_WEBHOOK_SECRET",
)
