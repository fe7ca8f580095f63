"""What the contract asks of S3."""

from framework import APICall, Payload
from framework.testing.contract import Subject, Variant
from integrations.s3 import create_s3_integration
from integrations.s3.mapping import Upload
from integrations.s3.sandbox import Kept, S3Sandbox
from integrations.s3.signing import Credentials

KEYS = Credentials("AKIAUNSEEN0000000000", "s3-secret-unseen/9dk2")


class File(Payload):
    filename: str
    content_type: str
    max_bytes: int = 100


class Stored(Payload):
    key: str
    size: int


class Picture(Payload):
    title: str


class Shelved(Payload):
    place: str


class ContractUpload(APICall, table=True):
    request: File
    result: Stored | None = None


class RenamedUpload(APICall, table=True):
    request: Picture
    result: Shelved | None = None


def uploaded(s3: S3Sandbox, call: APICall) -> None:
    """The browser has put the file."""
    assert call.external_id is not None
    s3.objects[call.external_id] = Kept.of(b"a file", "text/plain")


S3 = Subject(
    name="s3",
    usual=Variant(
        call=ContractUpload,
        create=create_s3_integration,
        request=File(filename="a.txt", content_type="text/plain"),
    ),
    renamed=Variant(
        call=RenamedUpload,
        create=lambda call: create_s3_integration(
            call,
            to_upload=lambda picture: Upload(
                filename=picture.title, content_type="text/plain", max_bytes=100
            ),
            to_result=lambda stored: Shelved(place=stored.key),
        ),
        request=Picture(title="a.txt"),
    ),
    refused=File(filename="a.exe", content_type="application/x-msdownload"),
    environment={
        "AWS_ACCESS_KEY_ID": KEYS.access_key,
        "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
        "AWS_SESSION_TOKEN": None,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": None,
        "S3_BUCKET_NAME": "sandbox",
        "S3_BASE_URL": None,
        "S3_ENDPOINT": None,
        "S3_ADDRESSING": "path",
        "S3_LINK_SECONDS": "3600",
    },
    sandbox=lambda **kit: S3Sandbox(credentials=KEYS, **kit),
    effects=lambda s3: len(s3.objects),
    conclude=uploaded,
)
