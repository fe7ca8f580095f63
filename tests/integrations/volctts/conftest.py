"""Volcengine's double on a real socket, and a client that speaks to it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from framework.testing.sandbox import listening
from integrations.volctts.client import ConsoleKey, VolcTTSClient
from integrations.volctts.sandbox import VolcTTSSandbox

KEY = SecretStr("a-key-that-nobody-may-see")


class Clock:
    """The vendor's clock, moved by hand."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, by: timedelta) -> None:
        self.moment += by


@pytest.fixture
def vendor_clock() -> Clock:
    return Clock()


@pytest.fixture
def volc_sandbox(vendor_clock: Clock) -> VolcTTSSandbox:
    return VolcTTSSandbox(keys=[KEY.get_secret_value()], longest_text=100, now=vendor_clock)


@pytest.fixture
async def volc_address(volc_sandbox: VolcTTSSandbox) -> AsyncIterator[str]:
    async with listening({"volctts": volc_sandbox}) as address:
        yield f"{address}/volctts"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        yield client


@pytest.fixture
def volc(http: httpx.AsyncClient, volc_address: str) -> VolcTTSClient:
    return VolcTTSClient(http, ConsoleKey(KEY), "seed-tts-2.0", volc_address)
