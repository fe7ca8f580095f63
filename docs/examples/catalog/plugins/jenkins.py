"""A plugin: how a Jenkins is, and whether it takes our token."""

from typing import ClassVar

from framework.catalog import Connector, EntryType, Finding, Health, Visit
from framework.catalog.answers import Wire, accepted, read


class Mode(Wire):
    """What `/api/json` says about the whole."""

    mode: str
    quietingDown: bool = False  # noqa: N815  # Jenkins writes it so


class Jenkins(Connector):
    """A Jenkins, visited with a user's API token. Its health needs the right to read and no more."""

    type: ClassVar = EntryType.CI
    provider: ClassVar = "jenkins"
    optional: ClassVar = {"job": "a job that a test of the connection looks up, such as shop"}

    async def test_connection(self, visit: Visit) -> Finding:
        """Jenkins takes the token, and has the job that the config names."""
        job = visit.config.options.get("job")
        path = f"/job/{job}/api/json" if job else "/me/api/json"
        accepted(await visit.http.get(path, auth=_login(visit)))
        return Finding(Health.HEALTHY, "Jenkins takes our token.")

    async def check_health(self, visit: Visit) -> Finding:
        """Jenkins answers, and starts new builds."""
        said = read(await visit.http.get("/api/json", auth=_login(visit)), Mode)
        if said.quietingDown:
            return Finding(Health.DEGRADED, "Jenkins is about to shut down, and starts nothing new.")
        return Finding(Health.HEALTHY, f"Jenkins answers; its mode is {said.mode}.")


def _login(visit: Visit) -> tuple[str, str]:
    return visit.config.username or "", visit.secret().get_secret_value()


def create_plugin() -> Connector:
    """What the loader calls."""
    return Jenkins()
