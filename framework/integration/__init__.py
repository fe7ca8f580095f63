"""How calls leave for a vendor, and how their outcomes come home."""

from typing import TYPE_CHECKING, Any

from framework.integration.calls import CallView, idempotency_key, result_type
from framework.integration.delivery import Delivery, MalformedDelivery
from framework.integration.egress import HostRefused
from framework.integration.handlers import API, CallHandlers, Poll, SideEffect, Webhook
from framework.integration.integration import Integration
from framework.integration.manifest import Manifest, load_manifest
from framework.integration.outcomes import (
    Completed,
    ExternalId,
    Failed,
    NotSubmitted,
    Outcome,
    PollNow,
    Processing,
    Reply,
    own_external_id,
)
from framework.integration.policy import Breaker, Policy, PollSchedule, Rate, Retry, Timeout
from framework.integration.retry import Decision, GiveUp, Pause, Recover, RetryAt, decide
from framework.integration.secrets import AuthRef, Credential, MissingCredentials, resolve
from framework.integration.signature import InvalidSignature, Verify

if TYPE_CHECKING:
    from framework.integration.client import HTTPClient
    from framework.integration.http import open_client

__all__ = [
    "API",
    "AuthRef",
    "Breaker",
    "CallHandlers",
    "CallView",
    "Completed",
    "Credential",
    "Decision",
    "Delivery",
    "ExternalId",
    "Failed",
    "GiveUp",
    "HTTPClient",
    "HostRefused",
    "Integration",
    "InvalidSignature",
    "MalformedDelivery",
    "Manifest",
    "MissingCredentials",
    "NotSubmitted",
    "Outcome",
    "Pause",
    "Policy",
    "Poll",
    "PollNow",
    "PollSchedule",
    "Processing",
    "Rate",
    "Recover",
    "Reply",
    "Retry",
    "RetryAt",
    "SideEffect",
    "Timeout",
    "Verify",
    "Webhook",
    "decide",
    "idempotency_key",
    "load_manifest",
    "open_client",
    "own_external_id",
    "resolve",
    "result_type",
]


def __getattr__(name: str) -> Any:
    """Bring in httpx and aiohttp, which take as long as all the rest, when a client is asked for."""
    if name == "HTTPClient":
        from framework.integration.client import HTTPClient

        return HTTPClient
    if name == "open_client":
        from framework.integration.http import open_client

        return open_client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
