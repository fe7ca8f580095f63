"""DeepL's double on a real socket, and a client that speaks to it."""

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from framework.testing.sandbox import listening
from integrations.deepl.client import DeepLClient
from integrations.deepl.sandbox import DeepLSandbox

KEY = SecretStr("a-key-that-nobody-may-see")


@pytest.fixture
def deepl_sandbox() -> DeepLSandbox:
    return DeepLSandbox(keys=[KEY.get_secret_value()], character_limit=1000)


@pytest.fixture
async def deepl_address(deepl_sandbox: DeepLSandbox) -> AsyncIterator[str]:
    async with listening({"deepl": deepl_sandbox}) as address:
        yield f"{address}/deepl"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        yield client


@pytest.fixture
def deepl(http: httpx.AsyncClient, deepl_address: str) -> DeepLClient:
    return DeepLClient(http, deepl_address, KEY)
