"""Amazon's own SDK as the judge: it is at home in the double, and signs what we sign, byte for byte."""

import json
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio.to_thread
import httpx
import pytest

from framework.clock import ManualClock
from integrations.s3.client import Bucket
from integrations.s3.sandbox import S3Sandbox
from integrations.s3.settings import S3Settings
from integrations.s3.signing import Credentials, Signer
from tests.integrations.s3.conftest import BUCKET, KEYS, REGION

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
botocore = pytest.importorskip("botocore")

from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

pytestmark = pytest.mark.anyio
TOKEN = "a/token+of=some/length=="
CONTENT = bytes(range(256)) * 40


def sdk(
    endpoint: str, credentials: Credentials = KEYS, region: str = REGION, *, addressing: str = "path"
) -> Any:
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.session_token,
        config=Config(
            signature_version="s3v4",
            retries={"max_attempts": 1},
            proxies={},
            s3={"addressing_style": addressing},
        ),
    )


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The SDK asks the module `botocore.compat` for the time; here it gets ours."""
    moment = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)

    def current(remove_tzinfo: bool = True) -> datetime:
        return moment.replace(tzinfo=None) if remove_tzinfo else moment

    monkeypatch.setattr("botocore.auth.get_current_datetime", current)
    monkeypatch.setattr("botocore.signers.get_current_datetime", current)
    return moment


@pytest.fixture
def real_time(clock: ManualClock) -> None:
    """The double goes by the time that the SDK lives in."""
    clock.advance(datetime.now(UTC) - clock.now())


async def ask(function: Any, **arguments: Any) -> Any:
    return await anyio.to_thread.run_sync(lambda: function(**arguments))


@pytest.mark.usefixtures("real_time")
async def test_the_sdk_puts_looks_gets_lists_and_deletes(s3_address: str, s3_sandbox: S3Sandbox) -> None:
    client = sdk(s3_address)
    key = "tenant/ü ser/a+b (1).bin"
    put = await ask(client.put_object, Bucket=BUCKET, Key=key, Body=CONTENT, ContentType="application/pdf")
    head = await ask(client.head_object, Bucket=BUCKET, Key=key)
    assert (head["ContentLength"], head["ContentType"]) == (len(CONTENT), "application/pdf")
    assert head["ETag"] == put["ETag"]
    got = await ask(client.get_object, Bucket=BUCKET, Key=key)
    assert await ask(got["Body"].read) == CONTENT
    listed = await ask(client.list_objects_v2, Bucket=BUCKET)
    assert [(one["Key"], one["Size"]) for one in listed["Contents"]] == [(key, len(CONTENT))]
    await ask(client.delete_object, Bucket=BUCKET, Key=key)
    assert s3_sandbox.books() == {"objects": {}, "deleted": [key]}


@pytest.mark.usefixtures("real_time")
@pytest.mark.parametrize(
    ("credentials", "region", "bucket", "code"),
    [
        (Credentials(KEYS.access_key, "wrong"), REGION, BUCKET, "SignatureDoesNotMatch"),
        (Credentials("AKIDOTHER", "wrong"), REGION, BUCKET, "InvalidAccessKeyId"),
        (Credentials(KEYS.access_key, KEYS.secret_key, TOKEN), REGION, BUCKET, "InvalidToken"),
        (KEYS, REGION, "elsewhere", "NoSuchBucket"),
        (KEYS, REGION, BUCKET, "NoSuchKey"),
    ],
)
async def test_the_sdk_understands_a_refusal(
    s3_address: str, credentials: Credentials, region: str, bucket: str, code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        await ask(sdk(s3_address, credentials, region).get_object, Bucket=bucket, Key="nothing")
    assert refused.value.response["Error"]["Code"] == code


@pytest.mark.usefixtures("real_time")
async def test_addresses_that_the_sdk_presigns_are_admitted(s3_address: str, http: httpx.AsyncClient) -> None:
    client, where = sdk(s3_address), {"Bucket": BUCKET, "Key": "a b/ü.txt"}
    put = client.generate_presigned_url("put_object", {**where, "ContentType": "text/plain"}, ExpiresIn=60)
    assert (await http.put(put, content=CONTENT, headers={"Content-Type": "text/html"})).status_code == 403
    assert (await http.put(put, content=CONTENT, headers={"Content-Type": "text/plain"})).status_code == 200
    get = client.generate_presigned_url("get_object", where, ExpiresIn=60)
    assert (await http.get(get)).content == CONTENT
    assert (await http.delete(get)).status_code == 403


@pytest.mark.usefixtures("real_time")
async def test_a_form_that_the_sdk_signs_is_admitted(
    s3_address: str, http: httpx.AsyncClient, s3_sandbox: S3Sandbox
) -> None:
    made = sdk(s3_address).generate_presigned_post(
        BUCKET,
        "uploads/${filename}",
        Fields={"Content-Type": "image/png"},
        Conditions=[["content-length-range", 1, 10_000], {"Content-Type": "image/png"}],
        ExpiresIn=60,
    )
    too_large = await http.post(made["url"], data=made["fields"], files={"file": ("a.png", b"x" * 10_001)})
    assert (too_large.status_code, b"EntityTooLarge" in too_large.content) == (400, True)
    fits = await http.post(made["url"], data=made["fields"], files={"file": ("a.png", b"x" * 10_000)})
    assert fits.status_code == 204
    assert s3_sandbox.objects["uploads/a.png"].content == b"x" * 10_000


WHERE = [
    pytest.param("us-east-1", "https://s3.us-east-1.amazonaws.com", "my-bucket", id="aws"),
    pytest.param("eu-central-1", "https://s3.eu-central-1.amazonaws.com", "my-bucket", id="aws-europe"),
    pytest.param("eu-central-1", "https://s3.eu-central-1.amazonaws.com", "my.bucket", id="aws-dots"),
    pytest.param("us-east-1", "http://127.0.0.1:9000", "my-bucket", id="minio"),
]


def ours(region: str, endpoint: str, bucket: str, credentials: Credentials) -> tuple[Signer, Bucket]:
    settings = S3Settings(base_url=endpoint, region=region, bucket_name=bucket)
    return Signer(credentials, region), settings.bucket


@pytest.mark.parametrize("credentials", [KEYS, Credentials(KEYS.access_key, KEYS.secret_key, TOKEN)])
@pytest.mark.parametrize(("region", "endpoint", "bucket"), WHERE)
@pytest.mark.parametrize("key", ["photo.jpg", "a b/ü+(1)~.txt", "a//b/../c"])
def test_presigned_addresses_equal_the_sdks(
    frozen: datetime, credentials: Credentials, region: str, endpoint: str, bucket: str, key: str
) -> None:
    signer, place = ours(region, endpoint, bucket, credentials)
    client = sdk(endpoint, credentials, region, addressing="virtual" if place.virtual else "path")

    def theirs(operation: str, **more: str) -> str:
        made = client.generate_presigned_url(operation, {"Bucket": bucket, "Key": key, **more}, ExpiresIn=900)
        return str(made)

    def mine(method: str, headers: Mapping[str, str] | None = None) -> str:
        life = timedelta(seconds=900)
        return signer.presigned(
            method, place.url(key), expires=life, at=frozen, headers=(headers or {}).items()
        )

    assert mine("GET") == theirs("get_object")
    assert mine("HEAD") == theirs("head_object")
    assert mine("DELETE") == theirs("delete_object")
    once = {"Content-Type": "image/jpeg", "If-None-Match": "*"}
    assert mine("PUT", once) == theirs("put_object", ContentType="image/jpeg", IfNoneMatch="*")


@pytest.mark.parametrize("credentials", [KEYS, Credentials(KEYS.access_key, KEYS.secret_key, TOKEN)])
@pytest.mark.parametrize(("region", "endpoint", "bucket"), WHERE)
def test_signed_forms_equal_the_sdks(
    frozen: datetime, credentials: Credentials, region: str, endpoint: str, bucket: str
) -> None:
    signer, place = ours(region, endpoint, bucket, credentials)
    conditions: list[Any] = [["content-length-range", 0, 5000], {"Content-Type": "image/jpeg"}]
    client = sdk(endpoint, credentials, region, addressing="virtual" if place.virtual else "path")
    theirs = client.generate_presigned_post(
        bucket, "a/ü.jpg", {"Content-Type": "image/jpeg"}, list(conditions), ExpiresIn=900
    )
    mine = signer.signed_form(
        bucket=bucket,
        key="a/ü.jpg",
        expires_at=frozen + timedelta(seconds=900),
        at=frozen,
        conditions=conditions,
        fields={"Content-Type": "image/jpeg"},
    )
    assert json.loads(b64decode(mine["policy"])) == json.loads(b64decode(theirs["fields"]["policy"]))
    assert mine == theirs["fields"]
    assert place.address == theirs["url"].rstrip("/")
