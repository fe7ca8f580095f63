"""The contract of plugins: what a connector is given, and what it says."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, TypeAlias

from pydantic import SecretStr

from framework.catalog.config import EntryConfig
from framework.errors import NeedsAttention
from framework.integration.client import HTTPClient
from framework.integration.secrets import AuthRef, resolve


class EntryType(StrEnum):
    """The kinds of things in the catalog."""

    REGISTRY = "registry"
    SCM = "scm"
    CI = "ci"
    REPO_SOURCE = "repo_source"
    RUNTIME_HOST = "runtime_host"


class Health(StrEnum):
    """How an entry is."""

    UNKNOWN = "unknown"  # nobody looked, or nobody here can
    HEALTHY = "healthy"
    DEGRADED = "degraded"  # it works, in part or not for long
    UNHEALTHY = "unhealthy"  # it answers, and says that it does not work
    UNREACHABLE = "unreachable"  # the network does not lead there
    UNAUTHORIZED = "unauthorized"  # it does not take our credentials, or they are missing


@dataclass(frozen=True)
class Finding:
    """What a visit found. `detail` is a sentence for people, without secrets."""

    health: Health
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the entry can be used."""
        return self.health in (Health.HEALTHY, Health.DEGRADED)


@dataclass(frozen=True)
class Available:
    """The plugin can be used here."""


@dataclass(frozen=True)
class Unavailable:
    """The plugin cannot be used here, and what would help."""

    reason: str


Availability: TypeAlias = Available | Unavailable


@dataclass(frozen=True)
class Visit:
    """What a connector is given. `http` starts at the entry's `base_url` and reaches only what its config
    allows; `now` is the App's time.
    """

    config: EntryConfig
    http: HTTPClient
    now: datetime

    def secret(self) -> SecretStr:
        """The entry's secret, read now and masked in logs. Raises NeedsAttention if there is none."""
        if self.config.secret_ref is None:
            raise NeedsAttention(
                "The entry has no `secret_ref`. Say where its secret is kept.", code="no_secret"
            )
        return resolve(self.config.secret_ref)

    def optional_secret(self) -> SecretStr | None:
        """The entry's secret, or None if it names none."""
        return None if self.config.secret_ref is None else self.secret()

    def secret_option(self, name: str) -> SecretStr | None:
        """The secret that an option ending in `_ref` refers to, or None if it is not given."""
        reference = self.config.options.get(name)
        return None if reference is None else resolve(AuthRef(reference))


class Connector(ABC):
    """Knows one provider. A connector keeps nothing between visits: one serves all entries of its provider.

    `required` and `optional` are its options, each with its purpose. `default_url` is the
    address of entries that give none. `judged_by` names who else than our own doubles has judged the plugin.
    What the network does to a visit may be raised as an `IntegrationError`, which the HTTP client does by
    itself: the catalog makes a finding of it.
    """

    type: ClassVar[EntryType]
    provider: ClassVar[str]
    required: ClassVar[Mapping[str, str]] = {}
    optional: ClassVar[Mapping[str, str]] = {}
    default_url: ClassVar[str] = ""
    needs_address: ClassVar[bool] = True
    judged_by: ClassVar[tuple[str, ...]] = ()

    def availability(self) -> Availability:
        """Whether the plugin can be used in this process: packages, licences, platforms."""
        return Available()

    def hosts(self, config: EntryConfig) -> tuple[str, ...]:
        """What a visit may reach beside `base_url` and the hosts of the config."""
        return ()

    @abstractmethod
    async def test_connection(self, visit: Visit) -> Finding:
        """Whether the address and the credentials of the entry are right."""

    @abstractmethod
    async def check_health(self, visit: Visit) -> Finding:
        """How the entry is, looked at cheaply: this is asked every minute."""
