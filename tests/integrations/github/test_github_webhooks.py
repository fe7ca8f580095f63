"""Only GitHub is believed; what it delivers is read, and tells of our calls only what our App has done."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest

from framework.integration.delivery import Delivery, MalformedDelivery
from framework.integration.outcomes import Completed, ExternalId, Processing
from framework.integration.signature import InvalidSignature
from integrations.github import objects
from integrations.github.mapping import to_check_result_of, to_comment_result_of
from integrations.github.models import PullRequestTold
from integrations.github.webhooks import (
    GitHubDelivery,
    delivery_id,
    delivery_in,
    delivery_of,
    outcome_of_check,
    outcome_of_comment,
    sign,
    signed_with,
)

SECRET, BODY = "It's a Secret to Everybody", b"Hello, World!"
SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
APP = objects.app(4711, "octo-checks", NOW)
CALL = UUID("8b1c5a52-2f0e-4d0b-9a44-0c1d8b7e5a11")


def delivery(body: bytes = BODY, **headers: str) -> Delivery:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery(headers=named, body=body, received_at=NOW)


def verify(signature: str, *secrets: str, body: bytes = BODY) -> None:
    signed_with(lambda: secrets or (SECRET,))(delivery(body, x_hub_signature_256=signature))


def test_the_published_vector_is_signed_and_verified(contracts: Path) -> None:
    vector = json.loads((contracts / "github" / "signature_vector.json").read_text())
    assert (vector["secret"], vector["payload"].encode(), vector["value"]) == (SECRET, BODY, SIGNATURE)
    assert sign(SECRET, BODY) == SIGNATURE
    verify(SIGNATURE)


@pytest.mark.parametrize("secrets", [("the old one", SECRET), (SECRET, "the new one")])
def test_while_the_secret_is_rotated_either_is_good(secrets: tuple[str, ...]) -> None:
    verify(SIGNATURE, *secrets)


@pytest.mark.parametrize(
    "signature",
    [
        "sha256=" + "0" * 64,
        SIGNATURE.removeprefix("sha256="),
        SIGNATURE.upper(),
        SIGNATURE + "0",
        "sha1=" + "0" * 40,
        "sha256=ä",
    ],
)
def test_any_other_signature_is_refused(signature: str) -> None:
    with pytest.raises(InvalidSignature, match="no signature matches"):
        verify(signature)


def test_a_delivery_without_signature_is_refused() -> None:
    with pytest.raises(InvalidSignature, match="X-Hub-Signature-256 is missing"):
        signed_with(lambda: [SECRET])(delivery())


def test_changed_bytes_and_other_secrets_are_refused() -> None:
    with pytest.raises(InvalidSignature):
        verify(SIGNATURE, body=BODY + b" ")
    with pytest.raises(InvalidSignature):
        verify(SIGNATURE, "another secret")
    with pytest.raises(InvalidSignature, match="empty"):
        verify(SIGNATURE, "")


def opened() -> dict[str, Any]:
    home = objects.repository("octo/shop", NOW)
    pull = objects.pull_request(home, 7, "Tea", "ada", head="tea", sha="a" * 40, base="main", at=NOW)
    return {"action": "opened", "number": 7, "pull_request": pull, "repository": home}


@pytest.mark.parametrize("form", [False, True])
def test_a_pull_request_is_read_however_the_webhook_is_set_up(form: bool) -> None:
    text = json.dumps(opened())
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    body = urlencode({"payload": text}) if form else text
    heard = delivery_in(
        delivery(body.encode(), content_type=kind, x_github_event="pull_request", x_github_delivery="72d3")
    )
    assert (heard.id, heard.kind, heard.action, heard.repository) == (
        "72d3",
        "pull_request",
        "opened",
        "octo/shop",
    )
    assert isinstance(heard.told, PullRequestTold)
    pull = heard.told.pull_request
    assert (pull.number, pull.head.ref, pull.head.sha, pull.changed_files) == (7, "tea", "a" * 40, 1)
    assert pull.user is not None
    assert pull.user.login == "ada"


def test_the_id_of_a_delivery_is_githubs() -> None:
    assert delivery_id(delivery(x_github_delivery="72d3")) == "72d3"
    with pytest.raises(MalformedDelivery, match="X-GitHub-Delivery is missing"):
        delivery_id(delivery())


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"{", "push"), (b"[]", "star"), (b'{"action": 5}', "star"), (b"{}", "pull_request"), (b"{}", None)],
)
def test_what_cannot_be_read_is_malformed_and_not_quoted(body: bytes, kind: str | None) -> None:
    headers = {"x_github_delivery": "1"} | ({"x_github_event": kind} if kind else {})
    with pytest.raises(MalformedDelivery) as raised:
        delivery_in(delivery(body, **headers))
    assert body.decode() not in str(raised.value)


def run_told(**changes: Any) -> GitHubDelivery:
    run = objects.check_run(5, "octo/shop", "quality", "a" * 40, APP)
    run |= {"status": "completed", "conclusion": "success", "external_id": str(CALL)} | changes
    return delivery_of("72d3", "check_run", {"action": "completed", "check_run": run})


def test_a_check_run_of_our_app_tells_of_its_call() -> None:
    outcome = outcome_of_check(run_told(), "4711", to_check_result_of(None))
    assert outcome == Completed(external_id=ExternalId("check_run:5"), reference=CALL, event_id="72d3")
    assert outcome_of_check(run_told(), APP["client_id"], to_check_result_of(None)) == outcome


def test_a_check_run_that_is_still_open_is_processing() -> None:
    outcome = outcome_of_check(
        run_told(status="in_progress", conclusion=None), "4711", to_check_result_of(None)
    )
    assert outcome == Processing(
        detail="in_progress", external_id=ExternalId("check_run:5"), reference=CALL, event_id="72d3"
    )


@pytest.mark.parametrize(
    ("changes", "app_id"),
    [
        ({}, "1234"),
        ({}, None),
        ({"app": None}, "4711"),
        ({"external_id": "42"}, "4711"),
        ({"external_id": None}, "4711"),
        ({"conclusion": "cancelled"}, "4711"),
    ],
)
def test_no_other_check_run_tells_anything(changes: dict[str, Any], app_id: str | None) -> None:
    assert outcome_of_check(run_told(**changes), app_id, to_check_result_of(None)) is None


def comment_told(body: str, *, app: Any = APP, action: str = "created") -> GitHubDelivery:
    comment = objects.comment(9, "octo/shop", 7, body, "octo-checks[bot]", NOW)
    told = {"action": action, "issue": {"number": 7}, "comment": {**comment, "performed_via_github_app": app}}
    return delivery_of("72d3", "issue_comment", told)


def test_a_comment_of_our_app_tells_of_its_call() -> None:
    outcome = outcome_of_comment(
        comment_told(f"Good\n\n<!-- ac:{CALL} -->\n"), "4711", to_comment_result_of(None)
    )
    assert outcome == Completed(external_id=ExternalId("9"), reference=CALL, event_id="72d3", occurred_at=NOW)


@pytest.mark.parametrize(
    "told",
    [
        comment_told("Good"),
        comment_told(str(CALL)),
        comment_told(f"> Good\n> <!-- ac:{CALL} -->\n\nI agree"),
        comment_told(f"Good <!-- ac:{CALL} -->", app=None),
        comment_told(f"Good <!-- ac:{CALL} -->", app=objects.app(12, "other", NOW)),
        comment_told(f"Good <!-- ac:{CALL} -->", action="edited"),
        run_told(),
    ],
)
def test_no_other_delivery_tells_of_a_comment(told: GitHubDelivery) -> None:
    assert outcome_of_comment(told, "4711", to_comment_result_of(None)) is None


def test_a_comment_tells_nothing_of_checks() -> None:
    told = comment_told(f"<!-- ac:{uuid4()} -->")
    assert outcome_of_check(told, "4711", to_check_result_of(None)) is None
