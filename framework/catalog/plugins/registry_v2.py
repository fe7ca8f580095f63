"""Any registry that speaks the Registry v2 API: Distribution, Docker Hub, Zot, Quay."""

from typing import ClassVar

from framework.catalog.contract import Connector, EntryType, Finding, Health, Visit
from framework.catalog.registry import Login, RegistryClient

REPOSITORY = "repository"


class RegistryV2(Connector):
    """A registry, visited with a name and a password, or as anybody.

    Registries of one vendor differ in how they give out credentials, so their plugins give another `client`.
    """

    type: ClassVar = EntryType.REGISTRY
    provider: ClassVar[str] = "registry"
    judged_by: ClassVar[tuple[str, ...]] = ("Debian's `docker-registry`, by the shared client",)
    optional: ClassVar = {
        REPOSITORY: "a repository whose tags a test of the connection lists, such as team/app"
    }

    async def client(self, visit: Visit) -> RegistryClient:
        """A client that can prove itself to this registry. Raises IntegrationError."""
        secret = visit.optional_secret()
        return RegistryClient(
            visit.http, None if secret is None else Login(visit.config.username or "", secret)
        )

    async def test_connection(self, visit: Visit) -> Finding:
        """Prove ourselves, and list the tags of the repository that the config names."""
        registry = await self.client(visit)
        await registry.ping()
        repository = visit.config.options.get(REPOSITORY)
        if repository is None:
            return Finding(Health.HEALTHY, "The registry takes our credentials.")
        tags = await registry.tags(repository)
        return Finding(Health.HEALTHY, f"{repository} has {len(tags)} tags.")

    async def check_health(self, visit: Visit) -> Finding:
        """Prove ourselves."""
        await (await self.client(visit)).ping()
        return Finding(Health.HEALTHY, "The registry answers.")
