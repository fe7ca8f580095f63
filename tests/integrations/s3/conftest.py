"""S3's double on a real socket, with a clock that stands still until it is told to move."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from framework.clock import ManualClock
from framework.testing.sandbox import listening
from integrations.s3.client import Bucket, S3Client
from integrations.s3.sandbox import S3Sandbox
from integrations.s3.settings import S3Settings
from integrations.s3.signing import Credentials, Signer

KEYS = Credentials("AKIDNOBODY", "a-secret-that-nobody-may-see")
REGION = "eu-west-1"
BUCKET = "uploads"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of this test, and nothing of the machine's own."""
    for name in ("AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "S3_BASE_URL", "S3_ENDPOINT", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS.secret_key)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("S3_BUCKET_NAME", BUCKET)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def s3_sandbox(clock: ManualClock) -> S3Sandbox:
    return S3Sandbox(credentials=KEYS, region=REGION, bucket=BUCKET, now=clock.now)


@pytest.fixture
async def s3_address(s3_sandbox: S3Sandbox) -> AsyncIterator[str]:
    async with listening({"s3": s3_sandbox}) as address:
        yield f"{address}/s3"


@pytest.fixture
def settings(s3_address: str) -> S3Settings:
    return S3Settings(base_url=s3_address)  # type: ignore[call-arg]  # the bucket is in the environment


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A browser, or anybody else: it knows no credentials."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        yield client


@pytest.fixture
def s3(http: httpx.AsyncClient, s3_address: str, clock: ManualClock) -> S3Client:
    return S3Client(http, Bucket(s3_address, BUCKET, virtual=False), Signer(KEYS, REGION), clock.now)
