"""A real bucket, that of `S3_BUCKET_NAME`. Leaves nothing behind, and fails where credentials are missing."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import httpx
import pytest

from integrations.s3.client import S3Client
from integrations.s3.settings import S3Settings

pytestmark = [pytest.mark.anyio, pytest.mark.live]

NEEDS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_BUCKET_NAME")
CONTENT = b"a small file"


@pytest.fixture(autouse=True)
def environment() -> None:
    """The machine's own: here it counts."""


@pytest.fixture
async def live(http: httpx.AsyncClient) -> AsyncIterator[tuple[S3Client, str]]:
    chosen = S3Settings()  # type: ignore[call-arg]  # the bucket is in the environment
    client = S3Client(http, chosen.bucket, chosen.signer(), lambda: datetime.now(UTC))
    key = f"{chosen.key_prefix}live/{uuid4()}/ü (1).txt"
    yield client, key
    await client.delete_object(key)


async def chunks() -> AsyncIterator[bytes]:
    yield CONTENT


async def test_what_is_put_is_there_until_it_is_deleted(live: tuple[S3Client, str]) -> None:
    client, key = live
    digest = sha256(CONTENT).hexdigest()
    await client.put_object(key, chunks(), size=len(CONTENT), sha256=digest, content_type="text/plain")
    head = await client.head_object(key)
    assert head is not None
    assert (head.size, head.content_type) == (len(CONTENT), "text/plain")
    await client.delete_object(key)
    assert await client.head_object(key) is None


async def test_a_link_writes_once(live: tuple[S3Client, str], http: httpx.AsyncClient) -> None:
    client, key = live
    headers = {"Content-Type": "text/plain", "If-None-Match": "*"}
    link = client.signer.presigned(
        "PUT",
        client.bucket.url(key),
        expires=timedelta(minutes=5),
        at=datetime.now(UTC),
        headers=headers.items(),
    )
    assert (await http.put(link, content=CONTENT, headers=headers)).status_code == 200
    assert (await http.put(link, content=CONTENT, headers=headers)).status_code == 412


async def test_a_form_bounds_the_size(live: tuple[S3Client, str], http: httpx.AsyncClient) -> None:
    client, key = live
    now = datetime.now(UTC)
    fields = client.signer.signed_form(
        bucket=client.bucket.name,
        key=key,
        expires_at=now + timedelta(minutes=5),
        at=now,
        conditions=[["content-length-range", 0, len(CONTENT)], {"Content-Type": "text/plain"}],
        fields={"Content-Type": "text/plain"},
    )
    too_large = await http.post(client.bucket.address, data=fields, files={"file": ("a", CONTENT + b"!")})
    assert too_large.status_code == 400
    fits = await http.post(client.bucket.address, data=fields, files={"file": ("a", CONTENT)})
    assert fits.status_code == 204
