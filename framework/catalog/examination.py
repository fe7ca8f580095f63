"""A visit carried out: whatever the network or the plugin does, there is a finding."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

import anyio

from framework.catalog.config import EntryConfig
from framework.catalog.contract import Connector, Finding, Health, Visit
from framework.errors import InDoubt, IntegrationError, NeedsAttention, Transient
from framework.integration.client import HTTPClient
from framework.integration.manifest import BASE_URL
from framework.integration.policy import Policy, Timeout
from framework.observe import get_logger, redactor

_log = get_logger(__name__)

POLICY = Policy(timeout=Timeout(connect=5.0, read=10.0, write=10.0), max_body_bytes=4 * 1024 * 1024)
LONGEST = timedelta(seconds=30)
LONGEST_DETAIL = 500
"""Characters of a detail that are kept."""


class Purpose(StrEnum):
    """Why an entry is visited."""

    TEST_CONNECTION = "test_connection"
    CHECK_HEALTH = "check_health"


class Connect(Protocol):
    """Opens a client that reaches the given hosts only: `framework.integration.http.open_client`."""

    def __call__(
        self, base_url: str, hosts: Sequence[str], policy: Policy, *, manifest: str
    ) -> AbstractAsyncContextManager[HTTPClient]: ...


async def examine(
    connector: Connector,
    purpose: Purpose,
    config: EntryConfig,
    *,
    connect: Connect,
    now: datetime,
    longest: timedelta = LONGEST,
) -> Finding:
    """Visit once and say what was found. Raises nothing but cancellation: what fails is a finding."""
    address = config.base_url or connector.default_url
    try:
        with anyio.fail_after(longest.total_seconds()):
            hosts = (BASE_URL, *connector.hosts(config), *config.hosts)
            async with connect(address, hosts, POLICY, manifest="the entry's config") as http:
                visit = Visit(config, http, now)
                look: Callable[[Visit], Any] = (
                    connector.check_health if purpose is Purpose.CHECK_HEALTH else connector.test_connection
                )
                found = _checked(await look(visit))
    except IntegrationError as error:
        found = finding_of(error)
    except TimeoutError:
        found = Finding(Health.UNREACHABLE, f"No answer within {longest.total_seconds():g} seconds.")
    except Exception as error:  # noqa: BLE001  # a plugin is not ours; its mistake is logged, and others go on
        _log.error("catalog.plugin_failed", provider=connector.provider, purpose=purpose, exc_info=True)
        found = Finding(
            Health.UNKNOWN, f"The plugin {connector.provider} failed with {type(error).__name__}."
        )
    return Finding(found.health, _sentence(found.detail))


def _checked(found: object) -> Finding:
    """What the plugin returned; raises TypeError for what is no finding."""
    if not isinstance(found, Finding):
        raise TypeError(f"A {type(found).__name__} is no Finding")
    return found


def _sentence(detail: str) -> str:
    """What a plugin said, fit to be kept: masked, bounded, and text that every database takes."""
    text = redactor.text(detail).encode("utf-8", "replace").decode().replace("\0", "?")
    return text if len(text) <= LONGEST_DETAIL else f"{text[: LONGEST_DETAIL - 1]}…"


def finding_of(error: IntegrationError) -> Finding:
    """What an error of a visit says about the entry."""
    return Finding(_health_of(error), str(error))


def _health_of(error: IntegrationError) -> Health:
    match error:
        case NeedsAttention():
            return Health.UNAUTHORIZED
        case Transient(code="throttled"):
            return Health.DEGRADED
        case Transient(code="vendor_error"):
            return Health.UNHEALTHY
        case Transient() | InDoubt(code="answer_lost"):
            return Health.UNREACHABLE
        case _:
            return Health.UNHEALTHY
