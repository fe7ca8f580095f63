"""What the contract asks of GitHub: checks that are concluded later, and comments."""

from typing import Any

from pydantic import SecretStr

from framework import APICall, Payload
from framework.integration.integration import Integration
from framework.integration.secrets import AuthRef, resolve
from framework.testing.contract import Subject, Variant
from integrations.github import GitHubSettings, create_github_integration
from integrations.github.mapping import Check, Remark
from integrations.github.sandbox import GitHubSandbox
from integrations.github.tokens import GivenToken

TOKEN, SIGNING = "ghs_unseen_4n7Tq0", "github-signing-unseen-c3"
REPOSITORY, SHA = "octo/shop", "0123456789abcdef0123456789abcdef01234567"
ENVIRONMENT = {
    "GITHUB_TOKEN": TOKEN,
    "GITHUB_WEBHOOK_SECRET": SIGNING,
    "GITHUB_BASE_URL": None,
    "GITHUB_APP_ID": None,
    "GITHUB_INSTALLATION_ID": None,
}


class Verdict(Payload):
    repository: str = REPOSITORY
    head_sha: str = SHA
    name: str = "quality"
    status: str = "in_progress"


class Shown(Payload):
    url: str


class Finding(Payload):
    commit: str


class Words(Payload):
    repository: str = REPOSITORY
    number: int = 1
    body: str = "Looks good"


class Praise(Payload):
    what: str


class ContractCheck(APICall, table=True):
    request: Verdict
    result: Shown | None = None


class RenamedCheck(APICall, table=True):
    request: Finding
    result: Shown | None = None


class ContractComment(APICall, table=True):
    request: Words
    result: Shown | None = None


class RenamedComment(APICall, table=True):
    request: Praise
    result: Shown | None = None


def as_app(**calls: Any) -> Integration[GitHubSettings]:
    """As the App of the sandbox, with a token that somebody else has fetched."""
    settings = GitHubSettings(app_id="4711", installation_id=1)
    return create_github_integration(settings=settings, tokens=GivenToken(token), **calls)


def token() -> SecretStr:
    return resolve(AuthRef("env://GITHUB_TOKEN"))


def sandbox(**kit: Any) -> GitHubSandbox:
    github = GitHubSandbox(token=TOKEN, webhook_secret=SIGNING, **kit)
    github.open_pull_request()
    github.postman.withheld.clear()
    return github


def concluded(github: GitHubSandbox, call: APICall) -> None:
    """Whoever checks has come to a conclusion."""
    for run in github.books()["check_runs"]:
        if run["external_id"] == str(call.id):
            github.conclude(run["id"], "success")


def unknown_status(answer: dict[str, Any]) -> None:
    if "head_sha" in answer:
        answer |= {"status": "meditating", "conclusion": None}


GITHUB = Subject(
    name="github",
    usual=Variant(call=ContractCheck, create=lambda call: as_app(check_run=call), request=Verdict()),
    renamed=Variant(
        call=RenamedCheck,
        create=lambda call: as_app(
            check_run=call,
            to_check=lambda finding: Check(
                repository=REPOSITORY, head_sha=finding.commit, name="quality", conclusion="neutral"
            ),
            to_check_result=lambda run: Shown(url=run.html_url),
        ),
        request=Finding(commit=SHA),
    ),
    refused=Verdict(repository="octo/unknown"),
    environment=ENVIRONMENT,
    sandbox=sandbox,
    effects=lambda github: len(github.books()["check_runs"]),
    conclude=concluded,
    unknown_status=unknown_status,
    signing_secret="GITHUB_WEBHOOK_SECRET",
)

GITHUB_COMMENTS = Subject(
    name="github",
    part="comments",
    usual=Variant(call=ContractComment, create=lambda call: as_app(comment=call), request=Words()),
    renamed=Variant(
        call=RenamedComment,
        create=lambda call: as_app(
            comment=call,
            to_remark=lambda praise: Remark(repository=REPOSITORY, number=1, body=praise.what),
            to_comment_result=lambda comment: Shown(url=comment.html_url),
        ),
        request=Praise(what="Looks good"),
    ),
    refused=Words(number=404),
    environment=ENVIRONMENT,
    sandbox=sandbox,
    effects=lambda github: len(github.books()["comments"]),
    signing_secret="GITHUB_WEBHOOK_SECRET",
)
