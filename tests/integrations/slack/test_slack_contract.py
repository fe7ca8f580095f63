"""Requests and answers follow Slack's own description, which tells right ones from wrong ones."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # it ships no types

from integrations.slack.client import SlackClient, SlackError
from integrations.slack.models import Identity, MessageBody, Metadata, Posted
from integrations.slack.sandbox import SlackSandbox
from tests.contracts.checker import FORM, JSON, Contract
from tests.contracts.witness import Listener, Witness
from tests.integrations.slack.conftest import CHANNEL, slack_contract

pytestmark = pytest.mark.anyio


@pytest.fixture
def contract(contracts: Path) -> Contract:
    return slack_contract(contracts / "slack")


async def test_every_kind_of_exchange_follows_the_description(
    contract: Contract, slack: SlackClient, slack_sandbox: SlackSandbox, witness: Witness[Contract]
) -> None:
    first = await slack.post_message(
        MessageBody(
            channel=CHANNEL,
            text="A book was sold",
            blocks=({"type": "section", "text": {"type": "mrkdwn", "text": "A *book*"}},),
            attachments=({"color": "#36a64f", "fallback": "sold"},),
            unfurl_links=False,
            metadata=Metadata(event_type="millrace_call", event_payload={"api_call_id": "1"}),
        )
    )
    await slack.post_message(
        MessageBody(channel=CHANNEL, text="To Ada", thread_ts=first.ts, reply_broadcast=True)
    )
    await slack.auth_test()
    slack_sandbox.refuse_next("restricted_action")
    with pytest.raises(SlackError):
        await slack.post_message(MessageBody(channel=CHANNEL, text="No"))
    slack_sandbox.fail_next("throttle")
    with pytest.raises(SlackError):
        await slack.auth_test()
    assert [exchange.response.status_code for exchange in witness.exchanges] == [200, 200, 200, 200, 429]
    assert witness.problems(contract) == []


async def test_events_follow_their_description(
    contracts: Path, slack: SlackClient, slack_sandbox: SlackSandbox, listener: Listener
) -> None:
    wrapper = Draft7Validator(json.loads((contracts / "slack" / "event_wrapper.schema.json").read_text()))
    metadata = Metadata(event_type="millrace_call", event_payload={"api_call_id": "1"})
    await slack.post_message(MessageBody(channel=CHANNEL, text="Hello", metadata=metadata))
    await slack_sandbox.idle()
    ((_, body),) = listener.requests
    assert list(wrapper.iter_errors(json.loads(body))) == []
    assert list(wrapper.iter_errors({**json.loads(body), "event": {}}))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, '{"text": "no channel"}'),
        (JSON, '{"channel": "C1", "blocks": "[]"}'),
        (JSON, '{"channel": "C1", "text": "x", "colour": "red"}'),
        (JSON, '{"channel": "C1", "text": "x", "unfurl_links": "no"}'),
        (JSON, '{"channel": "C1", "text": "x", "metadata": {"event_type": "x"}}'),
        (FORM, "text=x"),
        (FORM, "channel=C1&unfurl_links=perhaps"),
        ("text/plain", "x"),
    ],
)
def test_the_description_refuses_wrong_requests(contract: Contract, content_type: str, body: str) -> None:
    assert contract.problems_of_request("POST", "/api/chat.postMessage", content_type=content_type, body=body)


@pytest.mark.parametrize(
    "answer",
    [
        {"ok": True},
        {"ok": False},
        {"ok": False, "error": 7},
        {"ok": True, "channel": "general", "ts": "1503435956.000247", "message": {}},
        {"ok": True, "channel": "C1H9RESGL", "ts": "soon", "message": {"text": "", "type": "", "ts": "soon"}},
    ],
)
def test_the_description_refuses_wrong_answers(contract: Contract, answer: object) -> None:
    assert contract.problems_of_answer(
        "POST", "/api/chat.postMessage", 200, content_type=JSON, body=json.dumps(answer)
    )


def test_what_slack_has_really_answered_can_be_read(contracts: Path) -> None:
    shapes = json.loads((contracts / "slack" / "api_response_shapes.trim.json").read_text())
    assert Posted.model_validate(shapes["chat.postMessage"]).channel == "C00000000"
    assert Identity.model_validate(shapes["auth.test"]).user_id == "U00000000"
