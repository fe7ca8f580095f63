"""An App is given tokens, one at a time, and a plain token is read where it lies."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import jwt
import pytest
from pydantic import SecretStr

from framework.errors import InDoubt, NeedsAttention, Transient
from framework.integration.http import HTTPClient
from framework.testing.sandbox import Fault
from integrations.github import create_github_integration
from integrations.github.client import GitHubClient, GitHubRefusal
from integrations.github.models import CheckRunBody
from integrations.github.sandbox import GitHubSandbox
from integrations.github.settings import GitHubSettings
from integrations.github.tokens import GivenToken, InstallationTokens, app_token, is_personal
from tests.contracts.checker import Contract
from tests.contracts.witness import Witness
from tests.integrations.github.conftest import REPOSITORY, SHA

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(github_sandbox: GitHubSandbox) -> Clock:
    """One clock for us and for GitHub."""
    clock = Clock()
    github_sandbox.now = clock
    return clock


@pytest.fixture
def tokens(private_key: str, clock: Clock) -> InstallationTokens:
    return InstallationTokens("4711", 77, lambda: SecretStr(private_key), now=clock)


def asked(witness: Witness[Contract]) -> int:
    return sum("access_tokens" in one.request.url.path for one in witness.exchanges)


def test_an_app_proves_itself_by_a_token_that_github_takes(private_key: str, public_key: str) -> None:
    proof = app_token("Iv1.abc", SecretStr(private_key), NOW).get_secret_value()
    claims = jwt.decode(
        proof, public_key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
    )
    begin, end = NOW - timedelta(seconds=60), NOW + timedelta(minutes=9)
    assert claims == {"iss": "Iv1.abc", "iat": int(begin.timestamp()), "exp": int(end.timestamp())}


@pytest.mark.parametrize(
    "key", ["", "no key", "-----BEGIN PRIVATE KEY-----\nbm8ga2V5\n-----END PRIVATE KEY-----"]
)
def test_what_is_no_private_key_needs_attention_and_is_not_quoted(key: str) -> None:
    with pytest.raises(NeedsAttention) as refused:
        app_token("4711", SecretStr(key), NOW)
    assert refused.value.code == "bad_private_key"
    assert refused.value.__cause__ is None
    assert "bm8ga2V5" not in str(refused.value)


def test_without_the_extra_an_app_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, private_key: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jwt", None)
    with pytest.raises(NeedsAttention, match=r"millrace\[github\]"):
        app_token("4711", SecretStr(private_key), NOW)


async def test_a_token_is_kept_until_shortly_before_its_end(
    tokens: InstallationTokens, http: HTTPClient, clock: Clock, witness: Witness[Contract]
) -> None:
    first = await tokens.token(http)
    clock.now += timedelta(minutes=54)
    assert await tokens.token(http) == first
    assert asked(witness) == 1
    clock.now += timedelta(minutes=2)
    second = await tokens.token(http)
    assert second != first
    assert asked(witness) == 2


async def test_a_token_may_be_longer_than_forty_characters_and_writes_check_runs(
    tokens: InstallationTokens, http: HTTPClient
) -> None:
    token = await tokens.token(http)
    assert len(token.get_secret_value()) > 100
    body = CheckRunBody(name="quality", head_sha=SHA, conclusion="success")
    run = await GitHubClient(http, token).create_check_run(REPOSITORY, body)
    assert run.app is not None
    assert run.app.id == 4711


async def test_calls_that_start_together_ask_for_one_token(
    tokens: InstallationTokens, http: HTTPClient, witness: Witness[Contract]
) -> None:
    given: list[SecretStr] = []

    async def take() -> None:
        given.append(await tokens.token(http))

    async with anyio.create_task_group() as together:
        for _ in range(10):
            together.start_soon(take)
    assert len(set(given)) == 1
    assert asked(witness) == 1


async def test_a_token_that_was_revoked_is_replaced_once(
    tokens: InstallationTokens, http: HTTPClient, github_sandbox: GitHubSandbox
) -> None:
    first = await tokens.token(http)
    assert await tokens.token(http) == first
    github_sandbox._given.clear()
    assert tokens.refused(first)
    second = await tokens.token(http)
    assert second != first
    assert tokens.refused(first)
    assert not tokens.refused(second)


async def test_a_lost_answer_with_a_token_leaves_nothing_in_doubt(
    tokens: InstallationTokens, http: HTTPClient, github_sandbox: GitHubSandbox
) -> None:
    github_sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    with pytest.raises(Transient):
        await tokens.token(http)
    github_sandbox.fail_next(Fault.ERROR_AFTER_SUCCESS)
    with pytest.raises(GitHubRefusal) as refusal:
        await tokens.token(http)
    assert not refusal.value.writing
    assert await tokens.token(http)


@pytest.mark.parametrize("app_id", ["12", "Iv1.other"])
async def test_another_app_is_given_no_token(http: HTTPClient, private_key: str, app_id: str) -> None:
    with pytest.raises(GitHubRefusal) as refusal:
        await InstallationTokens(app_id, 77, lambda: SecretStr(private_key)).token(http)
    assert refusal.value.status == 401


async def test_a_proof_of_the_wrong_time_is_refused_by_the_double(
    tokens: InstallationTokens, http: HTTPClient, clock: Clock, github_sandbox: GitHubSandbox
) -> None:
    for drift in (timedelta(minutes=-2), timedelta(minutes=10)):
        there = clock.now + drift
        github_sandbox.now = lambda there=there: there  # type: ignore[misc]  # bound at once
        with pytest.raises(GitHubRefusal):
            await tokens.token(http)


def test_a_plain_token_is_read_anew_each_time() -> None:
    values = iter(["one", "two"])
    given = GivenToken(lambda: SecretStr(next(values)))
    assert not given.refused(SecretStr("one"))
    assert next(values) == "one"


@pytest.mark.parametrize(
    ("token", "personal"),
    [("ghp_abc", True), ("github_pat_abc", True), ("ghs_abc", False), ("ghs_eyJ.abc.def", False)],
)
def test_tokens_of_people_are_told_by_their_beginning(token: str, personal: bool) -> None:
    assert is_personal(SecretStr(token)) is personal


def test_a_key_may_lie_in_a_file(tmp_path: Path, private_key: str) -> None:
    file = tmp_path / "github.pem"
    file.write_text(private_key)
    settings = GitHubSettings.model_validate(
        {"app_id": "4711", "installation_id": 77, "app_private_key_ref": f"file://{file}"}
    )
    github = create_github_integration(settings=settings)
    github.configure()
    wanted: Callable[[str], bool] = {one.name: one.missing for one in github.credentials({})}.__getitem__
    assert not wanted("GITHUB_TOKEN")
    assert not wanted("GITHUB_APP_PRIVATE_KEY")
    assert wanted("GITHUB_WEBHOOK_SECRET")


def test_half_an_app_and_half_a_webhook_are_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="app_id and installation_id"):
        GitHubSettings.model_validate({"app_id": "4711"})
    with pytest.raises(ValueError, match="hook_repository and hook_id"):
        GitHubSettings.model_validate({"hook_id": 3})
    monkeypatch.setenv("GITHUB_APP_ID", "")
    monkeypatch.setenv("GITHUB_INSTALLATION_ID", "")
    assert not GitHubSettings().is_app


async def test_a_doubt_of_the_call_itself_stays_a_doubt(
    tokens: InstallationTokens, http: HTTPClient, github_sandbox: GitHubSandbox
) -> None:
    client = GitHubClient(http, await tokens.token(http))
    github_sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    with pytest.raises(InDoubt):
        await client.create_check_run(REPOSITORY, CheckRunBody(name="q", head_sha=SHA, conclusion="success"))
