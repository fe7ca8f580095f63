"""An App with a catalog: two entries, looked after once."""

import anyio

from framework.app import App, opened
from framework.catalog import Catalog, EntryConfig, HealthPoller, discover, records
from framework.integration.secrets import AuthRef


async def main() -> dict[str, str]:
    """How the entries are, by their names."""
    with opened(App([records])) as app:
        catalog = Catalog(app, discover("docs/examples/catalog/plugins"))
        catalog.create(
            "images",
            "harbor",
            EntryConfig(
                base_url="https://harbor.invalid", username="robot$ci", secret_ref=AuthRef("env://HARBOR")
            ),
        )
        catalog.create("scratch", "in_memory", EntryConfig())
        await HealthPoller(catalog).poll()
        return {entry.name: entry.health for entry in catalog.entries()}


if __name__ == "__main__":
    anyio.run(main)
