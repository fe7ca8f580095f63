"""Files go from the browser to the bucket, past us; what we hold is the word that they arrived.

An upload call needs no request to S3: its key follows from the call, and the link for the browser is signed
here, whenever the browser asks. What was uploaded is looked at afterwards.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from framework import APICall, Payload
from framework.clock import Clock, SystemClock
from framework.errors import Declined, Permanent
from framework.integration.calls import CallView, result_type
from framework.integration.client import HTTPClient
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, ExternalId, Failed, Outcome, Processing
from framework.integration.policy import Policy, PollSchedule
from integrations.s3 import mapping
from integrations.s3.client import S3Client
from integrations.s3.errors import refusals_translated
from integrations.s3.mapping import (
    Copy,
    DownloadLink,
    ToCopy,
    ToResult,
    ToUpload,
    Upload,
    UploadLink,
    key_of,
    to_result_of,
    to_stored,
)
from integrations.s3.settings import S3Settings
from integrations.s3.signing import encoded
from integrations.s3.source import fetched, source_client

__all__ = ["CONTENT_TYPES", "S3Settings", "create_s3_integration"]

CONTENT_TYPES = frozenset(
    {"application/pdf", "image/gif", "image/jpeg", "image/png", "image/webp", "text/plain"}
)
"""What may be uploaded unless the factory is told otherwise: nothing that a browser would run."""

POLICY = Policy(poll=PollSchedule(first=5, factor=1.5, cap=60), on_doubt="retry")
ONCE = {"If-None-Match": "*"}
"""Lets a link write its object once: whoever keeps the link cannot change what was confirmed."""


class S3Integration(Integration[S3Settings]):
    """Waits for an upload as long as its link counts, by the clock of the App."""

    clock: Clock = SystemClock()

    def setup(self, app: Any) -> None:
        self.clock = app.clock

    def now(self) -> datetime:
        return self.clock.now()

    def configure(self) -> None:
        super().configure()
        longest = timedelta(seconds=self.settings.link_seconds + self.settings.grace_seconds)
        self.policy = replace(self.policy, deadline=longest + timedelta(hours=1))


def create_s3_integration(
    call: type[APICall],
    settings: S3Settings | None = None,
    *,
    copy: type[APICall] | None = None,
    content_types: Collection[str] = CONTENT_TYPES,
    to_upload: ToUpload = mapping.to_upload,
    to_result: ToResult | None = None,
    to_copy: ToCopy = mapping.to_copy,
    to_copied: ToResult | None = None,
) -> Integration[S3Settings]:
    """Let browsers upload a file for each `call`, and copy a result for each `copy`.

    An upload's request has `filename`, `content_type` and `max_bytes`, and maybe `tenant` and `user`; that of
    a copy has `source_url` and `key`. Both results take `key`, `bucket`, `size`, `etag`, `content_type` and
    `version_id` as far as they have fields of these names; the functions serve other names.

    Users may ask about an upload for `upload_url`, `upload_form`, `confirm_upload` and `download_url`.
    """
    s3 = S3Integration("s3", settings=settings or S3Settings, policy=POLICY)
    stored = to_result or to_result_of(result_type(call))

    def client(http: HTTPClient) -> S3Client:
        return S3Client(http, s3.settings.bucket, s3.settings.signer(), s3.now)

    def asked_by(upload: CallView[Payload]) -> Upload:
        try:
            return to_upload(upload.request)
        except ValidationError as error:
            raise _unmapped(call, "upload", error, "to_upload") from error

    def wanted(upload: CallView[Payload]) -> Upload:
        """What the call asks for, if that may be uploaded."""
        asked = asked_by(upload)
        if asked.content_type not in content_types:
            allowed = ", ".join(sorted(content_types))
            raise Declined(
                f"Files of type {asked.content_type} are not taken, only {allowed}.",
                code="content_type_not_allowed",
            )
        if asked.max_bytes > s3.settings.largest_upload:
            raise Declined(
                f"{asked.max_bytes} bytes are too many: {s3.settings.largest_upload} are allowed.",
                code="limit_too_high",
            )
        return asked

    def key_for(upload: CallView[Payload], asked: Upload) -> ExternalId:
        return upload.external_id or ExternalId(key_of(asked, upload.id, s3.settings.key_prefix))

    def signed_at(upload: CallView[Payload]) -> datetime:
        """Links count from the creation of their call, so that asking again prolongs nothing."""
        created: datetime = upload.created_at
        return created.astimezone(UTC).replace(microsecond=0)

    def expires_at(upload: CallView[Payload]) -> datetime:
        return signed_at(upload) + timedelta(seconds=s3.settings.link_seconds)

    def still_open(upload: CallView[Payload]) -> Upload:
        if upload.status in ("completed", "failed"):
            raise Declined("The upload is over. Make a new call.", code="over")
        if s3.now() >= expires_at(upload):
            raise Declined("The time for the upload is over. Make a new call.", code="expired")
        return wanted(upload)

    @s3.submit(call)
    async def admit(upload: CallView[Payload], http: HTTPClient) -> ExternalId:
        """Name the object. Nothing is sent: the browser does that, with a link that it asks for."""
        s3.settings.signer()  # without credentials nobody could upload
        return key_for(upload, wanted(upload))

    @s3.api(call)
    async def upload_url(upload: CallView[Payload], http: HTTPClient) -> UploadLink:
        """A link for one PUT with this content type. Its size is judged when the object is there."""
        asked = still_open(upload)
        headers = {"Content-Type": asked.content_type, **ONCE}
        url = s3.settings.signer().presigned(
            "PUT",
            s3.settings.bucket.url(key_for(upload, asked)),
            expires=timedelta(seconds=s3.settings.link_seconds),
            at=signed_at(upload),
            headers=headers.items(),
        )
        return UploadLink(method="PUT", url=url, headers=headers, expires_at=expires_at(upload))

    @s3.api(call)
    async def upload_form(upload: CallView[Payload], http: HTTPClient) -> UploadLink:
        """A form for one object, of which S3 itself refuses more than `max_bytes`."""
        asked, bucket = still_open(upload), s3.settings.bucket
        fields = s3.settings.signer().signed_form(
            bucket=bucket.name,
            key=key_for(upload, asked),
            expires_at=expires_at(upload),
            at=signed_at(upload),
            conditions=[["content-length-range", 0, asked.max_bytes], {"Content-Type": asked.content_type}],
            fields={"Content-Type": asked.content_type},
        )
        return UploadLink(method="POST", url=bucket.address, fields=fields, expires_at=expires_at(upload))

    @s3.api(call, name="confirm_upload")
    @s3.poll(call)
    async def look_at_it(upload: CallView[Payload], http: HTTPClient) -> Outcome:
        """What is in the bucket now. An object that breaks its promises is deleted, and the call fails."""
        asked = asked_by(upload)
        key = key_for(upload, asked)
        with refusals_translated():
            head = await client(http).head_object(key)
            if head is None:
                return absent(upload, key)
            if head.size > asked.max_bytes:
                await client(http).delete_object(key)
                return Failed(
                    f"{head.size} bytes, but {asked.max_bytes} were allowed",
                    code="too_large",
                    external_id=key,
                )
            if head.content_type != asked.content_type:
                await client(http).delete_object(key)
                return Failed(
                    f"{head.content_type or 'no type'}, but it was to be {asked.content_type}",
                    code="wrong_content_type",
                    external_id=key,
                )
        result = stored(to_stored(head, key=key, bucket=s3.settings.bucket_name))
        return Completed(result, external_id=key)

    def absent(upload: CallView[Payload], key: ExternalId) -> Outcome:
        """An upload that began before the link expired may still be under way for a while."""
        if s3.now() >= expires_at(upload) + timedelta(seconds=s3.settings.grace_seconds):
            return Failed("Nothing was uploaded while the link counted", code="expired", external_id=key)
        return Processing(detail="not uploaded yet", external_id=key)

    @s3.cancel(call)
    async def take_back(upload: CallView[Payload], http: HTTPClient) -> Failed:
        key = key_for(upload, asked_by(upload))
        with refusals_translated():
            await client(http).delete_object(key)
        return Failed("The upload was canceled", code="canceled", external_id=key)

    @s3.api(call)
    async def download_url(upload: CallView[Payload], http: HTTPClient) -> DownloadLink:
        """A link to an object that arrived, which the browser saves and does not show."""
        if upload.status != "completed":
            raise Declined("Nothing has arrived yet. Confirm the upload first.", code="not_there_yet")
        key = key_for(upload, asked_by(upload))
        return download_link(s3.settings, key, s3.now().replace(microsecond=0))

    @s3.test_connection
    @s3.check_health
    async def reach(http: HTTPClient) -> None:
        with refusals_translated():
            await client(http).count_objects()

    if copy is not None:
        copied = to_copied or to_result_of(result_type(copy))

        @s3.call(copy)
        async def copy_result(view: CallView[Payload], http: HTTPClient) -> Completed:
            """Fetch it whole, then store it. Done twice, it is the same object under the same key."""
            try:
                asked: Copy = to_copy(view.request)
            except ValidationError as error:
                raise _unmapped(copy, "copy", error, "to_copy") from error
            chosen = s3.settings
            reached = source_client(
                asked.source_url, chosen.copy_from, s3.policy, largest=chosen.largest_copy
            )
            async with reached as source, fetched(source, asked.source_url) as result:
                with refusals_translated():
                    head = await client(http).put_object(
                        asked.key,
                        result.chunks(),
                        size=result.size,
                        sha256=result.sha256,
                        content_type=result.content_type,
                    )
            return Completed(copied(to_stored(head, key=asked.key, bucket=chosen.bucket_name)))

    return s3


def download_link(settings: S3Settings, key: str, at: datetime) -> DownloadLink:
    """A presigned GET that counts from `at` for as long as links do."""
    name = quote(key.rpartition("/")[2], safe="")
    disposition = encoded(f"attachment; filename*=UTF-8''{name}")
    life = timedelta(seconds=settings.link_seconds)
    url = f"{settings.bucket.url(key)}?response-content-disposition={disposition}"
    return DownloadLink(
        url=settings.signer().presigned("GET", url, expires=life, at=at), expires_at=at + life
    )


def _unmapped(call: type[APICall], what: str, error: ValidationError, remedy: str) -> Permanent:
    """Which fields are wrong, and how; never what they hold."""
    fields = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return Permanent(
        f"The request of {call.__name__} is no {what}: {fields}. Pass `{remedy}`.", code="unmapped_request"
    )
