"""A GitHub App, which proves itself by a token that it signs."""

from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Any, ClassVar

from pydantic import SecretStr

from framework.catalog.answers import Wire, accepted, read
from framework.catalog.contract import (
    Availability,
    Available,
    Connector,
    EntryType,
    Finding,
    Health,
    Unavailable,
    Visit,
)
from framework.errors import NeedsAttention
from framework.observe import redactor

CLOCK_DRIFT = timedelta(seconds=60)
LIFE_OF_A_PROOF = timedelta(minutes=9)
"""GitHub takes ten minutes at most, by its own clock."""


class App(Wire):
    """What GitHub knows about the App."""

    slug: str


class Installation(Wire):
    """Where the App is installed."""

    suspended_at: datetime | None = None


class GitHubApp(Connector):
    """An App on github.com or a GitHub Enterprise Server. `secret_ref` is its private key."""

    type: ClassVar = EntryType.SCM
    provider: ClassVar[str] = "github_app"
    default_url: ClassVar[str] = "https://api.github.com"
    required: ClassVar = {"app_id": "the number or client id of the App"}
    optional: ClassVar = {"installation_id": "the installation whose state the health is"}

    def availability(self) -> Availability:
        """Signing with RS256 needs the extra `github`."""
        if find_spec("jwt") is None or find_spec("cryptography") is None:
            return Unavailable("A GitHub App signs with RS256. Install it: pip install 'millrace[github]'")
        return Available()

    async def test_connection(self, visit: Visit) -> Finding:
        """GitHub takes the App's signature, and knows the installation."""
        app = read(await visit.http.get("/app", headers=_headers(visit)), App)
        if "installation_id" in visit.config.options:
            accepted(await visit.http.get(_installation(visit), headers=_headers(visit)))
        return Finding(Health.HEALTHY, f"GitHub knows us as {app.slug}.")

    async def check_health(self, visit: Visit) -> Finding:
        """Whether the App is known, and its installation is not suspended."""
        if "installation_id" not in visit.config.options:
            return await self.test_connection(visit)
        found = read(await visit.http.get(_installation(visit), headers=_headers(visit)), Installation)
        if found.suspended_at is not None:
            return Finding(
                Health.UNAUTHORIZED, f"The installation is suspended since {found.suspended_at:%Y-%m-%d}."
            )
        return Finding(Health.HEALTHY, "GitHub answers.")


def proof(app_id: str, private_key: SecretStr, now: datetime) -> SecretStr:
    """A JSON Web Token by which an App proves itself for nine minutes.

    It says that it was made a minute ago, because GitHub refuses what comes from the future by its clock.
    """
    import jwt  # here, for it is an extra; `availability` says so before

    claims: dict[str, Any] = {"iat": now - CLOCK_DRIFT, "exp": now + LIFE_OF_A_PROOF, "iss": app_id}
    try:
        signed = jwt.encode(claims, private_key.get_secret_value(), algorithm="RS256")
    except (ValueError, TypeError, jwt.InvalidKeyError):
        raise NeedsAttention(
            "The secret is no private key. Keep the whole .pem file that GitHub gave you there.",
            code="bad_private_key",
        ) from None  # the cause may quote the key
    redactor.register(signed)
    return SecretStr(signed)


def _headers(visit: Visit) -> dict[str, str]:
    signed = proof(visit.config.options["app_id"], visit.secret(), visit.now)
    return {
        "authorization": f"Bearer {signed.get_secret_value()}",
        "accept": "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
    }


def _installation(visit: Visit) -> str:
    number = visit.config.options["installation_id"]
    if not number.isdecimal():
        raise NeedsAttention("The option installation_id is a number.", code="bad_option")
    return f"/app/installations/{number}"
