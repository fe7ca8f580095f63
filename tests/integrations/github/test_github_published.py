"""All payloads that GitHub publishes pass the receiver.

They are many megabytes and lie elsewhere: `npm pack @octokit/webhooks-examples`, unpack it, and say where in
GITHUB_WEBHOOK_EXAMPLES. Payloads of the kinds that are used here lie among the contracts.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from framework.integration.delivery import Delivery
from integrations.github.mapping import to_check_result_of, to_comment_result_of
from integrations.github.webhooks import delivery_in, outcome_of_check, outcome_of_comment, sign, signed_with

FOLDER = os.environ.get("GITHUB_WEBHOOK_EXAMPLES", "")


@pytest.mark.skipif(not FOLDER, reason="GITHUB_WEBHOOK_EXAMPLES does not say where they are")
def test_every_published_payload_is_believed_and_understood() -> None:
    files = sorted(Path(FOLDER).rglob("index.json"))
    assert files, f"there are no examples in {FOLDER}"
    read = 0
    for file in files:
        for kind in json.loads(file.read_text(encoding="utf-8")):
            for number, payload in enumerate(kind["examples"]):
                delivery = delivered(kind["name"], payload, f"{kind['name']}-{number}")
                signed_with(lambda: ["a secret"])(delivery)
                told = delivery_in(delivery)
                assert (told.kind, told.action) == (kind["name"], payload.get("action")), file
                assert outcome_of_check(told, 1, to_check_result_of(None)) is None, "no call of ours"
                assert outcome_of_comment(told, 1, to_comment_result_of(None)) is None, "no call of ours"
                read += 1
    assert read >= 300


def delivered(kind: str, payload: dict[str, Any], id: str) -> Delivery:
    body = json.dumps(payload).encode()
    headers = {
        "X-GitHub-Event": kind,
        "X-GitHub-Delivery": id,
        "X-Hub-Signature-256": sign("a secret", body),
        "Content-Type": "application/json",
    }
    return Delivery(headers=headers, body=body, received_at=datetime.now(UTC))
