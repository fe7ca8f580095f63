"""What the contract asks of Slack."""

from framework import APICall, Payload
from framework.testing.contract import Subject, Variant
from integrations.slack import create_slack_integration
from integrations.slack.mapping import Notice
from integrations.slack.sandbox import SlackSandbox

TOKEN, SIGNING = "xoxb-unseen-20481024", "slack-signing-unseen-e1"


class Note(Payload):
    channel: str = "C0GENERAL"
    text: str = "The build is green"


class Posted(Payload):
    ts: str


class Shout(Payload):
    room: str
    words: str


class ContractNotice(APICall, table=True):
    request: Note
    result: Posted | None = None


class RenamedNotice(APICall, table=True):
    request: Shout
    result: Posted | None = None


SLACK = Subject(
    name="slack",
    usual=Variant(call=ContractNotice, create=create_slack_integration, request=Note()),
    renamed=Variant(
        call=RenamedNotice,
        create=lambda call: create_slack_integration(
            call,
            to_notice=lambda shout: Notice(channel=shout.room, text=shout.words),
            to_result=lambda sent: Posted(ts=sent.ts),
        ),
        request=Shout(room="C0GENERAL", words="The build is green"),
    ),
    refused=Note(channel="C0ARCHIVED"),
    environment={
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_SIGNING_SECRET": SIGNING,
        "SLACK_CHANNEL_SECONDS": "0",
        "SLACK_BASE_URL": None,
    },
    sandbox=lambda **kit: SlackSandbox(token=TOKEN, webhook_secret=SIGNING, **kit),
    effects=lambda slack: len(slack.messages("C0GENERAL")),
    signing_secret="SLACK_SIGNING_SECRET",
)
