"""An upload from the browser's first question to the business's last answer, and all that can go wrong."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlmodel import select

from framework import APICall, Event, Payload, derive
from framework.app import App, opened
from framework.clock import ManualClock
from framework.errors import Declined, NeedsAttention, Permanent, Transient
from framework.integration.calls import CallView, idempotency_key
from framework.integration.filling import ResultNotFilled
from framework.integration.handlers import CallHandlers
from framework.integration.http import HTTPClient
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, ExternalId, Failed, Processing
from framework.model.apicall import CallStatus
from integrations.s3 import S3Settings, create_s3_integration
from integrations.s3.mapping import DownloadLink, Stored, Upload, UploadLink
from integrations.s3.sandbox import Kept, S3Sandbox
from tests.integrations.s3.conftest import KEYS, NOON

pytestmark = pytest.mark.anyio
PHOTO = b"\xff\xd8\xff" + b"a photo" * 100


class PhotoRequest(Payload):
    filename: str = "Our cat.jpg"
    content_type: str = "image/jpeg"
    max_bytes: int = 1000
    tenant: str = "acme"
    user: str = "u1"
    album: str = "cats"


class Photo(Payload):
    key: str
    size: int
    etag: str
    content_type: str


class PhotoUpload(APICall, table=True):
    request: PhotoRequest
    result: Photo | None = None


class PhotoChosen(Event, table=True):
    filename: str


@derive
def photo_upload(chosen: PhotoChosen) -> PhotoUpload:
    """A photo that was chosen is uploaded."""
    return PhotoUpload(request=PhotoRequest(filename=chosen.filename), created_at=NOON)


class PaperRequest(Payload):
    title: str


class PaperUpload(APICall, table=True):
    request: PaperRequest
    result: PaperRequest | None = None


@dataclass
class Desk:
    """The handlers of one integration, and what they need to speak."""

    handlers: CallHandlers
    http: HTTPClient

    async def submit(self, upload: CallView[Any]) -> Any:
        assert self.handlers.submit is not None
        return await self.handlers.submit(upload, self.http)

    async def poll(self, upload: CallView[Any]) -> Any:
        assert self.handlers.poll is not None
        return await self.handlers.poll(upload, self.http)

    async def cancel(self, upload: CallView[Any]) -> Any:
        assert self.handlers.cancel is not None
        return await self.handlers.cancel(upload, self.http)

    async def ask(self, name: str, upload: CallView[Any]) -> Any:
        answer = next(api.answer for api in self.handlers.apis if api.name == name)
        return await answer(upload, self.http)

    async def link(self, upload: CallView[Any], name: str = "upload_url") -> UploadLink:
        made = await self.ask(name, upload)
        assert isinstance(made, UploadLink)
        return made


@pytest.fixture
def integration(settings: S3Settings, clock: ManualClock) -> Integration[S3Settings]:
    integration = create_s3_integration(PhotoUpload, settings)
    integration.configure()
    integration.setup(App([[PhotoUpload]], clock=clock))
    return integration


@pytest.fixture
async def desk(integration: Integration[S3Settings]) -> AsyncIterator[Desk]:
    async with integration.open_client() as framework_http:
        yield Desk(integration.handlers[PhotoUpload], framework_http)


def upload_of(
    request: Payload | None = None,
    *,
    id: UUID | None = None,
    status: str = "processing",
    external_id: str | None = None,
    kind: type[APICall] = PhotoUpload,
) -> CallView[Any]:
    record = kind(id=id or uuid4(), request=request or PhotoRequest(), created_at=NOON)  # type: ignore[call-arg]  # subclasses have a request
    vars(record).update(status=CallStatus(status), external_id=external_id)  # as in a row that was read
    return CallView(record, idempotency_key=idempotency_key("s3", record.id))


def key_of(upload: CallView[Any]) -> ExternalId:
    return ExternalId(f"acme/u1/{upload.id}/Our-cat.jpg")


def not_yet(upload: CallView[Any]) -> Processing:
    return Processing(detail="not uploaded yet", external_id=key_of(upload))


def failed(upload: CallView[Any], reason: str, code: str) -> Failed:
    return Failed(reason, code=code, external_id=key_of(upload))


async def send(http: httpx.AsyncClient, link: UploadLink, content: bytes = PHOTO, **more: str) -> int:
    """What a browser does with a link."""
    headers = {**link.headers, **more}
    if link.method == "PUT":
        answer = await http.put(link.url, content=content, headers=headers)
    else:
        answer = await http.post(link.url, data=link.fields, files={"file": ("cat.jpg", content)})
    return answer.status_code


async def test_an_upload_is_named_without_asking_anybody(desk: Desk, s3_sandbox: S3Sandbox) -> None:
    upload = upload_of()
    assert await desk.submit(upload) == f"acme/u1/{upload.id}/Our-cat.jpg"
    assert len(s3_sandbox.requests) == 0


@pytest.mark.parametrize("name", ["upload_url", "upload_form"])
async def test_a_browser_uploads_past_us_and_the_call_completes(
    desk: Desk, http: httpx.AsyncClient, s3_sandbox: S3Sandbox, name: str
) -> None:
    upload = upload_of()
    key = await desk.submit(upload)
    assert await desk.poll(upload) == not_yet(upload)
    assert await send(http, await desk.link(upload, name)) in (200, 204)
    outcome = await desk.ask("confirm_upload", upload)
    etag = s3_sandbox.objects[key].etag.strip('"')
    photo = Photo(key=key, size=len(PHOTO), etag=etag, content_type="image/jpeg")
    assert outcome == Completed(photo, external_id=key)
    assert await desk.poll(upload) == outcome


async def test_asking_for_a_link_again_gives_the_same_one_and_prolongs_nothing(
    desk: Desk, clock: ManualClock
) -> None:
    upload = upload_of()
    first = await desk.link(upload)
    clock.advance(timedelta(minutes=14))
    assert await desk.link(upload) == first
    assert first.expires_at == NOON + timedelta(minutes=15)


async def test_a_link_does_not_wait_for_the_worker(desk: Desk) -> None:
    pending = upload_of(status="pending")
    assert f"/acme/u1/{pending.id}/" in (await desk.link(pending)).url


async def test_a_call_keeps_its_key_when_the_prefix_changes(desk: Desk) -> None:
    moved = upload_of(external_id="old/acme/u1/1/cat.jpg")
    assert "/uploads/old/acme/u1/1/cat.jpg?" in (await desk.link(moved)).url


async def test_a_link_writes_once(desk: Desk, http: httpx.AsyncClient, s3_sandbox: S3Sandbox) -> None:
    upload = upload_of()
    link = await desk.link(upload)
    assert await send(http, link) == 200
    assert await send(http, link, b"something else") == 412
    assert s3_sandbox.objects[await desk.submit(upload)].content == PHOTO


@pytest.mark.parametrize("name", ["Content-Type", "If-None-Match"])
async def test_a_browser_cannot_leave_the_terms_of_its_link(
    desk: Desk, http: httpx.AsyncClient, name: str
) -> None:
    link = await desk.link(upload_of())
    assert await send(http, link, **{name: "text/html"}) == 403


async def test_a_link_is_for_one_key(desk: Desk, http: httpx.AsyncClient) -> None:
    link = await desk.link(upload_of())
    elsewhere = link.model_copy(update={"url": link.url.replace("/acme/", "/umbrella/")})
    assert await send(http, elsewhere) == 403


async def test_a_link_expires_at_s3_and_is_given_no_more(
    desk: Desk, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    upload = upload_of()
    link, form = await desk.link(upload), await desk.link(upload, "upload_form")
    clock.advance(timedelta(minutes=15, seconds=1))
    assert await send(http, link) == 403
    assert await send(http, form) == 403
    with pytest.raises(Declined) as refused:
        await desk.link(upload)
    assert refused.value.code == "expired"


async def test_nothing_uploaded_in_time_fails_after_a_grace(desk: Desk, clock: ManualClock) -> None:
    upload = upload_of()
    clock.advance(timedelta(minutes=19, seconds=59))
    assert await desk.poll(upload) == not_yet(upload)
    clock.advance(timedelta(seconds=1))
    assert await desk.poll(upload) == failed(upload, "Nothing was uploaded while the link counted", "expired")


async def test_an_upload_that_began_in_time_counts_when_it_ends(
    desk: Desk, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    upload = upload_of()
    await send(http, await desk.link(upload))
    clock.advance(timedelta(hours=1))
    assert isinstance(await desk.poll(upload), Completed)


async def test_what_is_too_large_is_deleted_and_fails(
    desk: Desk, http: httpx.AsyncClient, s3_sandbox: S3Sandbox
) -> None:
    upload = upload_of()
    assert await send(http, await desk.link(upload), b"x" * 1001) == 200
    assert await desk.poll(upload) == failed(upload, "1001 bytes, but 1000 were allowed", "too_large")
    assert s3_sandbox.books() == {"objects": {}, "deleted": [await desk.submit(upload)]}


async def test_exactly_the_largest_size_is_taken(desk: Desk, http: httpx.AsyncClient) -> None:
    upload = upload_of()
    await send(http, await desk.link(upload), b"x" * 1000)
    assert isinstance(await desk.poll(upload), Completed)


async def test_a_form_that_is_too_large_is_refused_by_s3_itself(
    desk: Desk, http: httpx.AsyncClient, s3_sandbox: S3Sandbox
) -> None:
    form = await desk.link(upload_of(), "upload_form")
    assert await send(http, form, b"x" * 1001) == 400
    assert s3_sandbox.objects == {}
    assert await send(http, form, b"x" * 1000) == 204


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("Content-Type", "text/html", 403),
        ("key", "somewhere/else", 403),
        ("acl", "public-read", 403),
        ("x-amz-signature", "0" * 64, 403),
        ("x-amz-credential", "AKIDOTHER/20261120/eu-west-1/s3/aws4_request", 403),
        ("policy", "e30=", 403),
    ],
)
async def test_a_form_cannot_be_changed(
    desk: Desk, http: httpx.AsyncClient, s3_sandbox: S3Sandbox, field: str, value: str, status: int
) -> None:
    form = await desk.link(upload_of(), "upload_form")
    changed = form.model_copy(update={"fields": {**form.fields, field: value}})
    assert await send(http, changed) == status
    assert s3_sandbox.objects == {}


async def test_an_object_of_another_type_is_deleted_and_fails(desk: Desk, s3_sandbox: S3Sandbox) -> None:
    """A link cannot do that, but whoever has credentials can."""
    upload = upload_of()
    s3_sandbox.objects[await desk.submit(upload)] = Kept.of(b"<script>", "text/html")
    assert await desk.poll(upload) == failed(
        upload, "text/html, but it was to be image/jpeg", "wrong_content_type"
    )
    assert s3_sandbox.objects == {}


@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "image/jpegx"])
async def test_a_type_that_is_not_listed_gets_neither_key_nor_link(
    desk: Desk, s3_sandbox: S3Sandbox, content_type: str
) -> None:
    upload = upload_of(PhotoRequest(content_type=content_type))
    for ask in (desk.submit, desk.link):
        with pytest.raises(Declined) as refused:
            await ask(upload)
        assert refused.value.code == "content_type_not_allowed"


async def test_a_limit_beyond_the_settings_is_declined(desk: Desk) -> None:
    with pytest.raises(Declined) as refused:
        await desk.submit(upload_of(PhotoRequest(max_bytes=10**9)))
    assert refused.value.code == "limit_too_high"


@pytest.mark.parametrize(
    "request_",
    [
        PhotoRequest(tenant="acme/u2"),
        PhotoRequest(tenant=".."),
        PhotoRequest(user=""),
        PhotoRequest(content_type="image/jpeg; charset=x"),
        PhotoRequest(content_type="IMAGE/JPEG"),
        PhotoRequest(max_bytes=0),
    ],
)
async def test_a_request_that_could_leave_its_tenant_is_ours_to_correct(
    desk: Desk, request_: Payload
) -> None:
    with pytest.raises(Permanent) as refused:
        await desk.submit(upload_of(request_))
    assert refused.value.code == "unmapped_request"


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_a_call_that_is_over_gives_no_more_links(desk: Desk, status: str) -> None:
    for name in ("upload_url", "upload_form"):
        with pytest.raises(Declined) as refused:
            await desk.link(upload_of(status=status), name)
        assert refused.value.code == "over"


async def test_canceling_takes_back_what_was_uploaded(
    desk: Desk, http: httpx.AsyncClient, s3_sandbox: S3Sandbox
) -> None:
    upload = upload_of()
    await send(http, await desk.link(upload))
    assert await desk.cancel(upload) == failed(upload, "The upload was canceled", "canceled")
    assert s3_sandbox.objects == {}
    assert isinstance(await desk.cancel(upload), Failed)


async def test_what_arrived_can_be_downloaded_for_a_while_and_is_saved_rather_than_shown(
    desk: Desk, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    upload = upload_of(PhotoRequest(filename="Kätzchen & Co.jpg"))
    await send(http, await desk.link(upload))
    with pytest.raises(Declined):
        await desk.ask("download_url", upload)
    link = await desk.ask("download_url", upload_of(upload.request, id=upload.id, status="completed"))
    assert isinstance(link, DownloadLink)
    answer = await http.get(link.url)
    assert answer.content == PHOTO
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''K%C3%A4tzchen-Co.jpg"
    clock.advance(timedelta(minutes=16))
    assert (await http.get(link.url)).status_code == 403


async def test_slow_down_is_transient(desk: Desk, s3_sandbox: S3Sandbox) -> None:
    s3_sandbox.fail_next("throttle")
    with pytest.raises(Transient) as refused:
        await desk.poll(upload_of())
    assert refused.value.code == "slow_down"


async def test_a_deletion_that_s3_says_has_failed_is_done_again(
    desk: Desk, http: httpx.AsyncClient, s3_sandbox: S3Sandbox
) -> None:
    upload = upload_of()
    await send(http, await desk.link(upload))
    s3_sandbox.fail_next("error_after_success")
    with pytest.raises(Transient):
        await desk.cancel(upload)
    assert isinstance(await desk.cancel(upload), Failed)
    assert s3_sandbox.objects == {}


async def test_a_deletion_whose_answer_was_lost_is_repeated_at_once(
    desk: Desk, http: httpx.AsyncClient, s3_sandbox: S3Sandbox
) -> None:
    """The connection does that by itself, for DELETE may be repeated."""
    upload = upload_of()
    await send(http, await desk.link(upload))
    await desk.poll(upload)
    s3_sandbox.fail_next("drop_after_acceptance")
    assert isinstance(await desk.cancel(upload), Failed)
    assert [received.method for received in s3_sandbox.requests] == ["PUT", "HEAD", "DELETE", "DELETE"]
    assert s3_sandbox.objects == {}


async def test_a_missing_key_needs_the_operator_before_anything_is_promised(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for ask in (desk.submit, desk.link, desk.poll):
        with pytest.raises(NeedsAttention, match="AWS_SECRET_ACCESS_KEY"):
            await ask(upload_of())


async def test_wrong_credentials_need_the_operator(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(NeedsAttention):
        await desk.poll(upload_of())


async def test_a_bucket_that_may_not_be_listed_needs_the_operator(desk: Desk, s3_sandbox: S3Sandbox) -> None:
    """Without that right a missing object looks like a forbidden one, and no upload would ever expire."""
    s3_sandbox.may_list = False
    with pytest.raises(NeedsAttention, match="ListBucket"):
        await desk.poll(upload_of())


async def test_the_connection_is_tested_by_what_uploads_need(
    integration: Integration[S3Settings], desk: Desk, s3_sandbox: S3Sandbox
) -> None:
    probe = integration.hook("test_connection")
    assert probe is not None
    await probe(desk.http)
    s3_sandbox.may_list = False
    with pytest.raises(NeedsAttention) as refused:
        await probe(desk.http)
    assert refused.value.code == "access_denied"


async def test_a_clock_that_is_wrong_is_named(
    integration: Integration[S3Settings], desk: Desk, s3_sandbox: S3Sandbox, clock: ManualClock
) -> None:
    s3_sandbox.now = lambda: clock.now() + timedelta(minutes=20)
    probe = integration.hook("check_health")
    assert probe is not None
    with pytest.raises(NeedsAttention) as refused:
        await probe(desk.http)
    assert refused.value.code == "clock_skewed"


async def test_the_deadline_outlives_the_link(integration: Integration[S3Settings]) -> None:
    assert integration.policy.deadline == timedelta(minutes=15 + 5, hours=1)
    assert integration.handlers[PhotoUpload].policy.on_doubt == "retry"


def test_a_link_shows_nothing_of_itself() -> None:
    link = UploadLink(method="PUT", url="https://signed", fields={"policy": "signed"}, expires_at=NOON)
    assert "signed" not in repr(link)
    assert "signed" not in repr(DownloadLink(url="https://signed", expires_at=NOON))


async def test_other_names_are_served_by_two_functions(settings: S3Settings, desk: Desk) -> None:
    def to_upload(paper: PaperRequest) -> Upload:
        return Upload(filename=f"{paper.title}.pdf", content_type="application/pdf", max_bytes=10)

    def to_result(stored: Stored) -> PaperRequest:
        return PaperRequest(title=stored.key)

    integration = create_s3_integration(PaperUpload, settings, to_upload=to_upload, to_result=to_result)
    integration.configure()
    paper = upload_of(PaperRequest(title="On cats"), kind=PaperUpload)
    papers = Desk(integration.handlers[PaperUpload], desk.http)
    assert await papers.submit(paper) == f"default/anonymous/{paper.id}/On-cats.pdf"


def test_a_result_that_s3_cannot_fill_is_found_at_once() -> None:
    with pytest.raises(ResultNotFilled, match="title of PaperRequest"):
        create_s3_integration(PaperUpload)


async def test_the_manifest_names_the_secrets(integration: Integration[S3Settings]) -> None:
    needed = [(one.name, one.present, one.missing) for one in integration.credentials()]
    assert needed == [
        ("AWS_ACCESS_KEY_ID", True, False),
        ("AWS_SECRET_ACCESS_KEY", True, False),
        ("AWS_SESSION_TOKEN", False, False),
    ]


async def test_an_upload_that_is_confirmed_before_the_worker_saw_its_call_has_the_same_name(
    desk: Desk, http: httpx.AsyncClient
) -> None:
    pending = upload_of(status="pending")
    await send(http, await desk.link(pending))
    confirmed = await desk.ask("confirm_upload", pending)
    assert confirmed.external_id == await desk.submit(pending)


async def test_at_aws_the_bucket_is_in_the_host_and_may_be_reached() -> None:
    asked: list[str] = []

    def aws(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url}")
        return httpx.Response(404)

    integration = create_s3_integration(PhotoUpload)
    integration.configure()
    upload = upload_of()
    async with integration.open_client(transport=httpx.MockTransport(aws)) as http:
        await Desk(integration.handlers[PhotoUpload], http).poll(upload)
    assert asked == [f"HEAD https://uploads.s3.eu-west-1.amazonaws.com/{key_of(upload)}"]


async def test_an_app_takes_an_upload_from_the_call_to_its_result_and_keeps_no_link(
    integration: Integration[S3Settings], desk: Desk, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    with opened(App([[PhotoChosen, PhotoUpload, photo_upload]], [integration], clock=clock)) as app:
        app.dispatch(PhotoChosen(filename="Our cat.jpg"))
        await app.settle()
        [stored] = app.query(select(PhotoUpload))
        assert stored.status is CallStatus.PROCESSING
        view: CallView[Any] = CallView(stored, idempotency_key="s3")
        link = await desk.link(view)
        assert await send(http, link) == 200
        clock.advance(timedelta(minutes=2))
        await app.settle()
        done = app.get(PhotoUpload, stored.id)
        assert done.status is CallStatus.COMPLETED
        assert done.result is not None
        assert (done.result.key, done.result.size) == (stored.external_id, len(PHOTO))
        signature = link.url.rpartition("=")[2]
        assert signature not in everything_in(app)
        assert KEYS.secret_key not in everything_in(app)
        assert app.verify() == []


def everything_in(app: App) -> str:
    """All rows of all tables."""
    with app.engine.database.session() as session:
        connection = session.connection().connection.driver_connection
        return "\n".join(connection.iterdump())
