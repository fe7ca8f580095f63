"""Between the payloads of a business and what the bucket holds. Pure.

A business declares its own payloads and imports nothing from here. Where its names are those of `Upload`,
`Stored` and `Copy`, the defaults of the factory match them by name.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from framework import Payload
from framework.integration.filling import filled
from integrations.s3.models import ObjectHead

LONGEST_NAME = 100

Owner: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_@-][A-Za-z0-9_.@-]{0,99}$")]
"""A part of a key that tells tenants and users apart. It is refused rather than mended: two must not meet."""

ContentType: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.+-]+/[a-z0-9.+-]+$")]


def _key(text: str) -> str:
    if not 1 <= len(text.encode()) <= 1024 or not text.isprintable():
        raise ValueError("a key has 1 to 1,024 printable bytes")
    if {"", ".", ".."} & set(text.split("/")):
        raise ValueError(
            "a key has no segment that is empty, `.` or `..`: clients resolve those before they ask"
        )
    return text


Key: TypeAlias = Annotated[str, AfterValidator(_key)]


class Upload(Payload):
    """What somebody wants to upload: one file, of this exact content type, of so many bytes at most."""

    filename: str = Field(min_length=1)
    content_type: ContentType
    max_bytes: int = Field(ge=1)
    tenant: Owner = "default"
    user: Owner = "anonymous"


class Copy(Payload):
    """What is to be copied, and under which key. The address is often signed, so nothing shows it."""

    source_url: str = Field(min_length=1, repr=False)
    key: Key


class Stored(Payload):
    """An object in the bucket. `etag` changes whenever its bytes do."""

    key: str
    bucket: str
    size: int
    etag: str
    content_type: str
    version_id: str | None = None


class UploadLink(Payload):
    """What a browser needs to upload: send `url` by `method` with exactly these headers, until `expires_at`.

    For a form (`method` is POST), `fields` go before the file, which is the last field and is called `file`.
    Whoever has it may upload, so it is made anew for each who asks, and is never stored nor logged.
    """

    method: str
    url: str = Field(repr=False)
    headers: dict[str, str] = {}
    fields: dict[str, str] = Field(default={}, repr=False)
    expires_at: datetime


class DownloadLink(Payload):
    """Where a browser finds the object until `expires_at`."""

    url: str = Field(repr=False)
    expires_at: datetime


ToUpload: TypeAlias = Callable[[Any], Upload]
ToCopy: TypeAlias = Callable[[Any], Copy]
ToResult: TypeAlias = Callable[[Stored], Payload]


def to_upload(request: Any) -> Upload:
    """From a request with `filename`, `content_type` and `max_bytes`, and maybe `tenant` and `user`."""
    return Upload.model_validate(request, from_attributes=True)


def to_copy(request: Any) -> Copy:
    """From a request with `source_url` and `key`."""
    return Copy.model_validate(request, from_attributes=True)


def to_result_of(result: type[Payload] | None) -> ToResult:
    """A function that fills the fields of this payload class by name. Raises ResultNotFilled if it cannot."""
    return filled(result, Stored, vendor="S3")


def to_stored(head: ObjectHead, *, key: str, bucket: str) -> Stored:
    return Stored(
        key=key,
        bucket=bucket,
        size=head.size,
        etag=head.etag,
        content_type=head.content_type,
        version_id=head.version_id,
    )


def key_of(upload: Upload, call: UUID, prefix: str = "") -> str:
    """`tenant/user/uuid/name`: always the same for a call, and never the same for two."""
    return f"{prefix}{upload.tenant}/{upload.user}/{call}/{safe_name(upload.filename)}"


def safe_name(filename: str) -> str:
    """The last part of a path, with nothing in it that means something to a shell, a browser or a key.

    Letters of all scripts stay; the end stays too where the name is cut, because that is what names its kind.
    """
    last = unicodedata.normalize("NFC", filename).replace("\\", "/").rpartition("/")[2]
    name = re.sub(r"[^\w.-]+", "-", last).lstrip(".-")
    while len(name.encode()) > LONGEST_NAME:
        stem, dot, kind = name.rpartition(".")
        name = f"{stem[:-1]}{dot}{kind}" if stem and len(kind) < 20 else name[:-1]
    return name or "file"
