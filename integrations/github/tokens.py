"""Tokens: as whom we speak to GitHub.

An App proves itself by a JSON Web Token, signed with its private key, and is given a token for one
installation, good for an hour. That one is kept until shortly before its end. RS256 needs the extra `github`
(`pip install millrace[github]`); a plain token needs nothing.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import anyio
from pydantic import SecretStr

from framework.errors import InDoubt, NeedsAttention, Transient
from framework.integration.client import HTTPClient
from framework.observe import redactor
from integrations.github.client import GitHubClient
from integrations.github.models import InstallationToken

EARLY = timedelta(minutes=5)
"""How long before its end a token is replaced: longer than a request may take."""
CLOCK_DRIFT = timedelta(seconds=60)
LIFE_OF_A_PROOF = timedelta(minutes=9)
"""GitHub takes ten minutes at most, by its own clock."""

PERSONAL = ("ghp_", "github_pat_", "gho_")
"""How tokens of people begin. They may not write check runs."""


class TokenProvider(Protocol):
    """Who gives out the token for the next request."""

    async def token(self, http: HTTPClient) -> SecretStr:
        """A token that is good now. Raises NeedsAttention if there is none."""
        ...

    def refused(self, token: SecretStr) -> bool:
        """GitHub did not take this token; returns whether the next one will be another."""
        ...


class GivenToken:
    """A token that somebody keeps for us, read anew each time."""

    def __init__(self, read: Callable[[], SecretStr]) -> None:
        self._read = read

    async def token(self, http: HTTPClient) -> SecretStr:
        return self._read()

    def refused(self, token: SecretStr) -> bool:
        return False


class InstallationTokens:
    """Tokens of an App for one installation, one at a time."""

    def __init__(
        self,
        app_id: str,
        installation: int,
        private_key: Callable[[], SecretStr],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._app_id = app_id
        self._installation = installation
        self._private_key = private_key
        self._now = now
        self._kept: InstallationToken | None = None
        self._used = False
        self._asking = anyio.Lock()

    async def token(self, http: HTTPClient) -> SecretStr:
        async with self._asking:  # many calls that start together ask once
            if self._kept is None or self._now() >= self._kept.expires_at - EARLY:
                self._kept, self._used = await self._given(GitHubClient(http, self.proof())), False
                redactor.register(self._kept.token)
            else:
                self._used = True
            return SecretStr(self._kept.token)

    def refused(self, token: SecretStr) -> bool:
        """A token that worked before was revoked: the next one may do. One that never did will not."""
        kept = self._kept
        if kept is None or kept.token != token.get_secret_value():
            return True
        self._kept = None
        return self._used

    async def _given(self, client: GitHubClient) -> InstallationToken:
        try:
            return await client.create_installation_token(self._installation)
        except InDoubt as doubt:
            said = "The answer with a token was lost. Another is asked for."
            raise Transient(said, code=doubt.code) from doubt

    def proof(self) -> SecretStr:
        """The App's own token, for the few endpoints that are the App's and no installation's."""
        return app_token(self._app_id, self._private_key(), self._now())


def app_token(app_id: str, private_key: SecretStr, now: datetime) -> SecretStr:
    """A JSON Web Token by which an App proves itself for nine minutes.

    It says that it was made a minute ago, because GitHub refuses what comes from the future by its clock.
    """
    try:
        import jwt  # here, so that nobody needs it who has a plain token
    except ImportError as error:
        raise NeedsAttention(
            "A GitHub App signs with RS256, which needs two packages: pip install 'millrace[github]'",
            code="missing_extra",
        ) from error
    claims = {"iat": now - CLOCK_DRIFT, "exp": now + LIFE_OF_A_PROOF, "iss": app_id}
    try:
        return SecretStr(jwt.encode(claims, private_key.get_secret_value(), algorithm="RS256"))
    except (ValueError, TypeError, jwt.InvalidKeyError):
        raise NeedsAttention(
            "GITHUB_APP_PRIVATE_KEY is no private key. Keep the whole .pem file that GitHub gave you there.",
            code="bad_private_key",
        ) from None  # the cause may quote the key


def is_personal(token: SecretStr) -> bool:
    """Whether this is a person's token, which may not write check runs."""
    return token.get_secret_value().startswith(PERSONAL)
