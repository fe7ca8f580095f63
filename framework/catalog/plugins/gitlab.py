"""GitLab, in the cloud or one's own."""

from datetime import date, timedelta
from typing import ClassVar

from framework.catalog.answers import Wire, read
from framework.catalog.contract import Connector, EntryType, Finding, Health, Visit

SOON = timedelta(days=7)


class Version(Wire):
    """What is running."""

    version: str


class AccessToken(Wire):
    """What GitLab knows about a token."""

    active: bool
    expires_at: date | None = None


class GitLab(Connector):
    """A GitLab, visited with a personal, group or project access token."""

    type: ClassVar = EntryType.SCM
    provider: ClassVar[str] = "gitlab"
    default_url: ClassVar[str] = "https://gitlab.com"

    async def test_connection(self, visit: Visit) -> Finding:
        """GitLab takes the token, and says its version."""
        answer = await visit.http.get("/api/v4/version", headers=_headers(visit))
        return Finding(Health.HEALTHY, f"GitLab {read(answer, Version).version} takes our token.")

    async def check_health(self, visit: Visit) -> Finding:
        """GitLab takes the token, and will for another week. Before 15.5 it cannot say until when."""
        answer = await visit.http.get("/api/v4/personal_access_tokens/self", headers=_headers(visit))
        if answer.status_code == 404:
            return await self.test_connection(visit)
        token = read(answer, AccessToken)
        if not token.active:
            return Finding(Health.UNAUTHORIZED, "The token was revoked, or it has expired.")
        if token.expires_at is not None and token.expires_at <= visit.now.date() + SOON:
            return Finding(Health.DEGRADED, f"The token expires on {token.expires_at}. Make another.")
        return Finding(Health.HEALTHY, "GitLab answers.")


def _headers(visit: Visit) -> dict[str, str]:
    return {"private-token": visit.secret().get_secret_value()}
