"""The catalog: which registries, forges and hosts there are, whether they can be reached, and how they are.

Give `framework.catalog.records` to the App among its modules, and the App to a `Catalog`.
"""

from framework.catalog.catalog import Catalog
from framework.catalog.config import EntryConfig
from framework.catalog.contract import Available, Connector, EntryType, Finding, Health, Unavailable, Visit
from framework.catalog.loader import GROUP, Plugins, discover
from framework.catalog.poller import HealthPoller
from framework.catalog.records import (
    CatalogEntry,
    ConnectionTested,
    EntryCreated,
    EntryDeleted,
    EntryUpdated,
    HealthChanged,
    Lifecycle,
    Presence,
)

__all__ = [
    "GROUP",
    "Available",
    "Catalog",
    "CatalogEntry",
    "ConnectionTested",
    "Connector",
    "EntryConfig",
    "EntryCreated",
    "EntryDeleted",
    "EntryType",
    "EntryUpdated",
    "Finding",
    "Health",
    "HealthChanged",
    "HealthPoller",
    "Lifecycle",
    "Plugins",
    "Presence",
    "Unavailable",
    "Visit",
    "discover",
]
