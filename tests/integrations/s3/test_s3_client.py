"""The client against S3's double, over a socket."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from hashlib import md5, sha256

import httpx
import pytest

from framework.clock import ManualClock
from integrations.s3.client import Bucket, S3Client, S3Refusal, UnreadableAnswer
from integrations.s3.models import ObjectHead
from integrations.s3.sandbox import S3Sandbox
from integrations.s3.signing import Credentials, Signer
from tests.integrations.s3.conftest import BUCKET, KEYS, REGION

pytestmark = pytest.mark.anyio
CONTENT = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 300
STRANGE = "t/ü ser@x/a+b&c=d/%2F ~(1).png"


async def in_two(content: bytes) -> AsyncIterator[bytes]:
    yield content[:1000]
    yield content[1000:]


async def put(
    s3: S3Client, key: str, content: bytes = CONTENT, *, claimed: bytes | None = None
) -> ObjectHead:
    digest = sha256(content if claimed is None else claimed).hexdigest()
    return await s3.put_object(
        key, in_two(content), size=len(content), sha256=digest, content_type="image/png"
    )


async def refusal_of(s3: S3Client, key: str = "k") -> S3Refusal:
    with pytest.raises(S3Refusal) as refused:
        await put(s3, key)
    return refused.value


@pytest.mark.parametrize("key", ["photo.png", STRANGE, "a//b"])
async def test_what_is_put_is_there_until_it_is_deleted(
    s3: S3Client, s3_sandbox: S3Sandbox, key: str
) -> None:
    stored = await put(s3, key)
    assert await s3.head_object(key) == stored
    assert (stored.size, stored.content_type) == (len(CONTENT), "image/png")
    assert stored.etag == md5(CONTENT, usedforsecurity=False).hexdigest()
    assert s3_sandbox.objects[key].content == CONTENT
    await s3.delete_object(key)
    assert await s3.head_object(key) is None
    assert s3_sandbox.books() == {"objects": {}, "deleted": [key]}


async def test_deleting_what_is_not_there_is_no_error(s3: S3Client) -> None:
    await s3.delete_object("nothing")


async def test_objects_are_counted_up_to_a_bound(s3: S3Client) -> None:
    assert await s3.count_objects() == 0
    for key in ("a", "b", "c"):
        await put(s3, key)
    assert await s3.count_objects() == 1
    assert await s3.count_objects(at_most=10) == 3


async def test_temporary_credentials_bring_their_token(s3: S3Client, s3_sandbox: S3Sandbox) -> None:
    temporary = replace(KEYS, session_token="a/token+that=nobody-may-see")
    s3_sandbox.credentials = temporary
    await put(replace(s3, signer=Signer(temporary, REGION)), "k")
    refused = await refusal_of(s3)
    assert (refused.status, refused.error.code) == (400, "InvalidToken")


async def test_a_wrong_secret_is_refused_and_nothing_is_stored(s3: S3Client, s3_sandbox: S3Sandbox) -> None:
    wrong = Signer(Credentials(KEYS.access_key, "wrong"), REGION)
    refused = await refusal_of(replace(s3, signer=wrong))
    assert (refused.status, refused.error.code) == (403, "SignatureDoesNotMatch")
    assert refused.request_id
    assert s3_sandbox.objects == {}


async def test_an_unknown_key_is_refused(s3: S3Client) -> None:
    refused = await refusal_of(replace(s3, signer=Signer(Credentials("AKIDOTHER", "x"), REGION)))
    assert (refused.status, refused.error.code) == (403, "InvalidAccessKeyId")


async def test_another_region_is_refused(s3: S3Client) -> None:
    refused = await refusal_of(replace(s3, signer=Signer(KEYS, "us-west-2")))
    assert (refused.status, refused.error.code) == (400, "AuthorizationHeaderMalformed")


async def test_another_bucket_is_refused(s3: S3Client, s3_address: str) -> None:
    refused = await refusal_of(replace(s3, bucket=Bucket(s3_address, "elsewhere", virtual=False)))
    assert (refused.status, refused.error.code) == (404, "NoSuchBucket")


@pytest.mark.parametrize("minutes", [-16, 16])
async def test_a_clock_that_is_wrong_by_more_than_15_minutes_is_refused(
    s3: S3Client, clock: ManualClock, minutes: int
) -> None:
    refused = await refusal_of(replace(s3, now=lambda: clock.now() + timedelta(minutes=minutes)))
    assert (refused.status, refused.error.code) == (403, "RequestTimeTooSkewed")


@pytest.mark.parametrize("minutes", [-14, 14])
async def test_a_clock_that_is_a_little_wrong_will_do(s3: S3Client, clock: ManualClock, minutes: int) -> None:
    await put(replace(s3, now=lambda: clock.now() + timedelta(minutes=minutes)), "k")


async def test_bytes_that_are_not_the_signed_ones_are_refused(s3: S3Client, s3_sandbox: S3Sandbox) -> None:
    with pytest.raises(S3Refusal) as refused:
        await put(s3, "k", claimed=b"other")
    assert (refused.value.status, refused.value.error.code) == (400, "XAmzContentSHA256Mismatch")
    assert s3_sandbox.objects == {}


async def test_without_a_signature_nobody_is_served(http: httpx.AsyncClient, s3: S3Client) -> None:
    await put(s3, "k")
    answers = [
        await http.request(method, s3.bucket.url("k"), content=b"x" if method == "PUT" else None)
        for method in ("GET", "HEAD", "PUT", "DELETE")
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert b"<Code>AccessDenied</Code>" in answers[0].content
    assert answers[1].content == b""


async def test_a_header_of_amazons_that_was_added_after_signing_is_refused(
    http: httpx.AsyncClient, s3: S3Client, clock: ManualClock
) -> None:
    url = s3.signer.presigned("PUT", s3.bucket.url("k"), expires=timedelta(hours=1), at=clock.now())
    answer = await http.put(url, content=b"x", headers={"x-amz-acl": "public-read"})
    assert answer.status_code == 403
    assert b"not signed: x-amz-acl" in answer.content


async def test_throttling_is_slow_down(s3: S3Client, s3_sandbox: S3Sandbox) -> None:
    s3_sandbox.fail_next("throttle")
    refused = await refusal_of(s3)
    assert (refused.status, refused.error.code) == (503, "SlowDown")


async def test_an_error_after_success_leaves_the_object(s3: S3Client, s3_sandbox: S3Sandbox) -> None:
    s3_sandbox.fail_next("error_after_success")
    refused = await refusal_of(s3)
    assert (refused.status, refused.error.code) == (500, "InternalError")
    assert "k" in s3_sandbox.objects


async def test_a_head_that_is_refused_says_nothing_but_its_status(
    s3: S3Client, s3_sandbox: S3Sandbox
) -> None:
    s3_sandbox.may_list = False
    with pytest.raises(S3Refusal) as refused:
        await s3.head_object("nothing")
    assert (refused.value.status, refused.value.error.code) == (403, "")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<Error><Code>SlowDown</Code></Error>", "SlowDown"),
        (b'<Error xmlns="http://example.org/"><Code>SlowDown</Code></Error>', "SlowDown"),
        (b'<!DOCTYPE x [<!ENTITY a "SlowDown">]><Error><Code>&a;</Code></Error>', ""),
        (b"<html>", ""),
        (b"", ""),
    ],
)
async def test_an_error_is_read_as_far_as_it_can_be(s3: S3Client, body: bytes, code: str) -> None:
    answers = httpx.MockTransport(lambda request: httpx.Response(503, content=body))
    async with httpx.AsyncClient(transport=answers) as http:
        refused = await refusal_of(replace(s3, http=http))
    assert (refused.status, refused.error.code) == (503, code)


@pytest.mark.parametrize("body", [b"<html>", b"<A><KeyCount>many</KeyCount></A>", b"<A/>", b""])
async def test_a_list_that_cannot_be_read_is_told_apart_from_a_refusal(s3: S3Client, body: bytes) -> None:
    answers = httpx.MockTransport(lambda request: httpx.Response(200, content=body))
    async with httpx.AsyncClient(transport=answers) as http:
        with pytest.raises(UnreadableAnswer):
            await replace(s3, http=http).count_objects()


async def test_a_head_without_an_etag_cannot_be_read(s3: S3Client) -> None:
    answers = httpx.MockTransport(lambda request: httpx.Response(200, headers={"Content-Length": "5"}))
    async with httpx.AsyncClient(transport=answers) as http:
        with pytest.raises(UnreadableAnswer):
            await replace(s3, http=http).head_object("k")


@pytest.mark.parametrize(
    ("bucket", "url"),
    [
        (
            Bucket("https://s3.eu-west-1.amazonaws.com", "b", True),
            "https://b.s3.eu-west-1.amazonaws.com/a%20b/c",
        ),
        (
            Bucket("https://s3.eu-west-1.amazonaws.com", "b", False),
            "https://s3.eu-west-1.amazonaws.com/b/a%20b/c",
        ),
        (Bucket("http://minio:9000/", "b", False), "http://minio:9000/b/a%20b/c"),
        (Bucket("http://127.0.0.1:8900/s3", "b", False), "http://127.0.0.1:8900/s3/b/a%20b/c"),
    ],
)
def test_a_bucket_is_in_the_host_or_in_the_path(bucket: Bucket, url: str) -> None:
    assert bucket.url("a b/c") == url


async def test_nothing_secret_is_logged_or_kept(
    http: httpx.AsyncClient,
    s3: S3Client,
    s3_sandbox: S3Sandbox,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    await put(s3, "k")
    kept = repr(s3_sandbox.requests) + repr(s3)
    assert f"/{BUCKET}/k" in kept
    assert KEYS.secret_key not in kept + caplog.text
    link = s3.signer.presigned("GET", s3.bucket.url("k"), expires=timedelta(hours=1), at=clock.now())
    assert (await http.get(link)).content == CONTENT
    assert link.rpartition("=")[2] not in repr(s3_sandbox.requests)
