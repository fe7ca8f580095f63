"""Harbor: a registry that says how its parts are."""

from typing import ClassVar

from framework.catalog.answers import Wire, accepted, read
from framework.catalog.contract import Finding, Health, Visit
from framework.catalog.plugins.registry_v2 import RegistryV2

VITAL = frozenset({"core", "database", "registry"})
"""Without these parts nothing can be pulled; without others, scans or deletions wait."""


class ComponentHealthStatus(Wire):
    """How one part of Harbor is."""

    name: str = ""
    status: str = ""


class OverallHealthStatus(Wire):
    """How Harbor is."""

    status: str
    components: list[ComponentHealthStatus] = []


class Harbor(RegistryV2):
    """A Harbor, visited with a user or a robot account (`robot$name`), or as anybody."""

    provider: ClassVar[str] = "harbor"
    judged_by: ClassVar = (*RegistryV2.judged_by, "Harbor's own description")

    async def test_connection(self, visit: Visit) -> Finding:
        """Harbor is there, and its registry takes our credentials."""
        accepted(await visit.http.get("/api/v2.0/ping"))
        return await super().test_connection(visit)

    async def check_health(self, visit: Visit) -> Finding:
        """What Harbor says about its parts."""
        said = read(await visit.http.get("/api/v2.0/health"), OverallHealthStatus)
        sick = sorted(part.name for part in said.components if part.status != "healthy")
        if said.status == "healthy" and not sick:
            return Finding(Health.HEALTHY, "All parts are healthy.")
        if sick and VITAL.isdisjoint(sick):
            return Finding(Health.DEGRADED, f"Not healthy: {', '.join(sick)}.")
        return Finding(Health.UNHEALTHY, f"Not healthy: {', '.join(sick) or 'Harbor'}.")
