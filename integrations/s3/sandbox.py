"""A double of S3 with one bucket, which believes nobody without a signature.

It checks requests signed in headers, presigned addresses, and forms with a policy; it knows the time, and
which methods, sizes and types a link allows. Addresses have the bucket in their path. Chunked signatures
(`STREAMING-...`), which the SDKs use for streams, are not spoken here.
"""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from secrets import token_hex
from typing import Any, ClassVar
from urllib.parse import unquote
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from framework.testing.sandbox import Received, Sandbox
from integrations.s3.signing import (
    ALGORITHM,
    UNSIGNED_PAYLOAD,
    Credentials,
    Scope,
    Signer,
    canonical_request,
    moment_of,
    parse_query,
    string_to_sign,
)

SKEW = timedelta(minutes=15)
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
UNSAID = frozenset({"policy", "file", "x-amz-signature"})
"""Fields of a form that its policy need not speak of; neither of those that begin with x-ignore-."""


class Refusal(Exception):
    """What S3 answers in place of doing it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(code)


@dataclass(frozen=True)
class Kept:
    """An object, its bytes in base64."""

    encoded: str
    content_type: str

    @classmethod
    def of(cls, content: bytes, content_type: str) -> "Kept":
        return cls(b64encode(content).decode(), content_type)

    @property
    def content(self) -> bytes:
        return b64decode(self.encoded)

    @property
    def headers(self) -> dict[str, str]:
        return {"ETag": self.etag, "Content-Type": self.content_type}

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"'


class S3Sandbox(Sandbox):
    """S3 with its own keys and one bucket."""

    name: ClassVar[str] = "s3"
    environment = {
        "AWS_ACCESS_KEY_ID": "AKIASANDBOX",
        "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-sandbox",
        "AWS_REGION": "us-east-1",
        "S3_BUCKET_NAME": "sandbox",
    }
    ledgers = {"objects": dict[str, Kept], "deleted": list[str]}
    secret_headers = frozenset({"authorization", "cookie", "x-amz-security-token"})

    def __init__(
        self,
        *,
        credentials: Credentials | None = None,
        region: str = "us-east-1",
        bucket: str = "sandbox",
        may_list: bool = True,
        **kit: Any,
    ) -> None:
        super().__init__(**kit)
        ours = self.environment
        self.credentials = credentials or Credentials(
            ours["AWS_ACCESS_KEY_ID"], ours["AWS_SECRET_ACCESS_KEY"]
        )
        self.region, self.bucket, self.may_list = region, bucket, may_list
        self.objects: dict[str, Kept] = {}
        self.deleted: list[str] = []

    def routes(self) -> Sequence[Route]:
        return [
            Route("/{bucket}", self._bucket, methods=["GET", "HEAD", "POST"]),
            Route("/{bucket}/", self._bucket, methods=["GET", "HEAD", "POST"]),
            Route("/{bucket}/{key:path}", self._read, methods=["GET", "HEAD"]),
            Route("/{bucket}/{key:path}", self._put, methods=["PUT"]),
            Route("/{bucket}/{key:path}", self._delete, methods=["DELETE"]),
        ]

    def refusal(self, request: Request) -> Response | None:
        if request.method == "POST":
            return None  # a form carries its signature in its fields
        try:
            self._check(request)
        except Refusal as refusal:
            return refused(refusal, request)
        return None

    def books(self) -> Mapping[str, Any]:
        objects = {
            key: {
                "size": len(kept.content),
                "etag": kept.etag.strip('"'),
                "content_type": kept.content_type,
            }
            for key, kept in self.objects.items()
        }
        return {"objects": objects, "deleted": list(self.deleted)}

    def throttled(self, retry_after: int) -> Response:
        return _error(503, "SlowDown", "Please reduce your request rate.")

    def broken(self) -> Response:
        return _error(500, "InternalError", "We encountered an internal error. Please try again.")

    def unknown(self, request: Request) -> Response:
        wrong = Refusal(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        return refused(wrong, request)

    def _as_received(self, request: Request, body: bytes) -> Received:
        """Links and forms are credentials themselves, and files are nobody's to read."""
        received = super()._as_received(request, body)
        query = "&".join(part for part in received.query.split("&") if not part.startswith("X-Amz-"))
        return replace(received, query=query, body=f"{len(body)} bytes")

    # Who asks.

    def _check(self, request: Request) -> None:
        query = parse_query(request.scope["query_string"].decode("ascii"))
        named = dict(query)
        if "authorization" in request.headers:
            self._check_header(request, query)
        elif "X-Amz-Signature" in named:
            self._check_address(request, query, named)
        else:
            raise Refusal(403, "AccessDenied", "Access Denied")

    def _check_header(self, request: Request, query: list[tuple[str, str]]) -> None:
        algorithm, _, rest = request.headers["authorization"].partition(" ")
        parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        if algorithm != ALGORITHM or not {"Credential", "SignedHeaders", "Signature"} <= parts.keys():
            raise Refusal(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")
        at = _moment(request.headers.get("x-amz-date", ""))
        if abs(self.now() - at) > SKEW:
            raise Refusal(
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            )
        signer = self._signer(parts["Credential"], at, "AuthorizationHeaderMalformed")
        self._check_token(request.headers.get("x-amz-security-token"))
        payload_hash = request.headers.get("x-amz-content-sha256", "")
        self._require(request, query, parts["SignedHeaders"], payload_hash, signer, at, parts["Signature"])

    def _check_address(
        self, request: Request, query: list[tuple[str, str]], named: Mapping[str, str]
    ) -> None:
        malformed = "AuthorizationQueryParametersError"
        if named.get("X-Amz-Algorithm") != ALGORITHM:
            raise Refusal(400, malformed, "X-Amz-Algorithm only supports AWS4-HMAC-SHA256.")
        at = _moment(named.get("X-Amz-Date", ""))
        life = named.get("X-Amz-Expires", "")
        if not life.isdecimal() or not 1 <= int(life) <= 604800:
            raise Refusal(400, malformed, "X-Amz-Expires must be between 1 and 604800 seconds.")
        if at - self.now() > SKEW:
            raise Refusal(403, "AccessDenied", "Request is not valid yet")
        if self.now() > at + timedelta(seconds=int(life)):
            raise Refusal(403, "AccessDenied", "Request has expired")
        signer = self._signer(named.get("X-Amz-Credential", ""), at, malformed)
        self._check_token(named.get("X-Amz-Security-Token"))
        others = [(name, value) for name, value in query if name != "X-Amz-Signature"]
        signed = named.get("X-Amz-SignedHeaders", "")
        self._require(request, others, signed, UNSIGNED_PAYLOAD, signer, at, named["X-Amz-Signature"])

    def _signer(self, credential: str, at: datetime, malformed: str) -> Signer:
        """Who signs as this credential says, if that is us, here and on that day."""
        access_key, _, scope = credential.partition("/")
        if access_key != self.credentials.access_key:
            raise Refusal(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            )
        signer = Signer(self.credentials, self.region)
        if scope != str(signer.scope(at)):
            raise Refusal(400, malformed, f"The credential is wrong; expecting {signer.scope(at)}.")
        return signer

    def _check_token(self, token: str | None) -> None:
        if token != self.credentials.session_token:
            raise Refusal(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")

    def _require(
        self,
        request: Request,
        query: list[tuple[str, str]],
        signed: str,
        payload_hash: str,
        signer: Signer,
        at: datetime,
        given: str,
    ) -> None:
        names = signed.split(";")
        unsigned = [name for name in _to_be_signed(request) if name not in names]
        if unsigned:
            raise Refusal(
                403, "AccessDenied", f"There were headers present which were not signed: {unsigned[0]}"
            )
        canonical = canonical_request(
            request.method,
            unquote(request.scope["raw_path"].decode("ascii").partition("?")[0]),
            query,
            [(name, value) for name, value in request.headers.items() if name in names],
            signed=signed,
            payload_hash=payload_hash,
        )
        scope = Scope(signer.scope(at).day, self.region)
        if not hmac.compare_digest(signer.signature(string_to_sign(canonical, scope, at), scope), given):
            raise Refusal(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )

    # What is done.

    async def _bucket(self, request: Request) -> Response:
        try:
            self._require_bucket(request)
            if request.method == "POST":
                return await self._form(request)
            if not self.may_list:
                raise Refusal(403, "AccessDenied", "Access Denied")
        except Refusal as refusal:
            return refused(refusal, request)
        prefix = request.query_params.get("prefix", "")
        most = int(request.query_params.get("max-keys", 1000))
        return _xml(200, self._listed([key for key in sorted(self.objects) if key.startswith(prefix)], most))

    def _listed(self, keys: list[str], most: int) -> str:
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key].content)}</Size>"
            f"<ETag>{escape(self.objects[key].etag)}</ETag><StorageClass>STANDARD</StorageClass></Contents>"
            for key in keys[:most]
        )
        return (
            f'<ListBucketResult xmlns="{NAMESPACE}"><Name>{self.bucket}</Name><MaxKeys>{most}</MaxKeys>'
            f"<KeyCount>{len(keys[:most])}</KeyCount>"
            f"<IsTruncated>{str(len(keys) > most).lower()}</IsTruncated>"
            f"{contents}</ListBucketResult>"
        )

    async def _read(self, request: Request) -> Response:
        try:
            self._require_bucket(request)
            kept = self.objects.get(request.path_params["key"])
            if kept is None:
                raise self._missing()
        except Refusal as refusal:
            return refused(refusal, request)
        headers = {
            **kept.headers,
            "Last-Modified": format_datetime(self.now().astimezone(UTC), usegmt=True),
            "x-amz-request-id": token_hex(8),
        }
        if disposition := request.query_params.get("response-content-disposition"):
            headers["Content-Disposition"] = disposition
        content = b"" if request.method == "HEAD" else kept.content
        return Response(content, 200, {**headers, "Content-Length": str(len(kept.content))})

    async def _put(self, request: Request) -> Response:
        content = await request.body()
        try:
            self._require_bucket(request)
            self._check_content(request, content)
            kept = self._store(
                request.path_params["key"],
                content,
                request.headers.get("content-type", "binary/octet-stream"),
            )
        except Refusal as refusal:
            return refused(refusal, request)
        return Response(b"", 200, {"ETag": kept.etag, "x-amz-request-id": token_hex(8)})

    def _check_content(self, request: Request, content: bytes) -> None:
        if "content-length" not in request.headers:
            raise Refusal(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        stated = request.headers.get("x-amz-content-sha256", UNSIGNED_PAYLOAD)
        if stated.startswith("STREAMING-"):
            raise Refusal(501, "NotImplemented", "Chunked signatures are not spoken here.")
        if stated not in (UNSIGNED_PAYLOAD, hashlib.sha256(content).hexdigest()):
            raise Refusal(
                400,
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
        if request.headers.get("if-none-match") == "*" and request.path_params["key"] in self.objects:
            raise Refusal(
                412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"
            )

    def _store(self, key: str, content: bytes, content_type: str) -> Kept:
        if len(key.encode()) > 1024:
            raise Refusal(400, "KeyTooLongError", "Your key is too long")
        self.objects[key] = Kept.of(content, content_type)
        return self.objects[key]

    async def _delete(self, request: Request) -> Response:
        try:
            self._require_bucket(request)
        except Refusal as refusal:
            return refused(refusal, request)
        key = request.path_params["key"]
        if self.objects.pop(key, None) is not None:
            self.deleted.append(key)
        return Response(status_code=204, headers={"x-amz-request-id": token_hex(8)})

    async def _form(self, request: Request) -> Response:
        fields, file = read_form(request.headers.get("content-type", ""), await request.body())
        self._check_form(fields, len(file))
        kept = self._store(fields["key"], file, fields.get("content-type", "binary/octet-stream"))
        return Response(b"", 204, {"ETag": kept.etag, "x-amz-request-id": token_hex(8)})

    def _check_form(self, fields: Mapping[str, str], size: int) -> None:
        """The signature of the policy first, then that the policy allows what is sent."""
        policy = fields.get("policy", "")
        if fields.get("x-amz-algorithm") != ALGORITHM or not policy:
            raise Refusal(403, "AccessDenied", "Access Denied")
        at = _moment(fields.get("x-amz-date", ""))
        signer = self._signer(fields.get("x-amz-credential", ""), at, "InvalidArgument")
        self._check_token(fields.get("x-amz-security-token"))
        if not hmac.compare_digest(
            signer.signature(policy, signer.scope(at)), fields.get("x-amz-signature", "")
        ):
            raise Refusal(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )
        said = json.loads(b64decode(policy))
        if self.now() > datetime.fromisoformat(said["expiration"]):
            raise Refusal(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
        check_conditions(said["conditions"], {**fields, "bucket": self.bucket}, size)

    def _require_bucket(self, request: Request) -> None:
        if request.path_params["bucket"] != self.bucket:
            raise Refusal(404, "NoSuchBucket", "The specified bucket does not exist")

    def _missing(self) -> Refusal:
        """Who may not list the bucket does not learn what is missing in it."""
        if not self.may_list:
            return Refusal(403, "AccessDenied", "Access Denied")
        return Refusal(404, "NoSuchKey", "The specified key does not exist.")


def check_conditions(conditions: Sequence[Any], fields: Mapping[str, str], size: int) -> None:
    """Raise Refusal unless each condition holds, and each field is spoken of by one."""
    spoken_of: set[str] = {"bucket"}
    for condition in conditions:
        if isinstance(condition, dict):
            [(name, wanted)] = condition.items()
            operator = "eq"
        else:
            operator, name, wanted = condition[0].lower(), condition[1], condition[2]
        if operator == "content-length-range":
            _check_range(size, int(name), int(wanted))
            continue
        name = name.removeprefix("$").lower()
        spoken_of.add(name)
        value = fields.get(name, "")
        holds = value.startswith(wanted) if operator == "starts-with" else value == wanted
        if not holds:
            said = (
                f'Invalid according to Policy: Policy Condition failed: ["{operator}", "${name}", "{wanted}"]'
            )
            raise Refusal(403, "AccessDenied", said)
    for name in fields.keys() - spoken_of - UNSAID:
        if not name.startswith("x-ignore-"):
            raise Refusal(403, "AccessDenied", f"Invalid according to Policy: Extra input fields: {name}")


def _check_range(size: int, least: int, most: int) -> None:
    if size > most:
        raise Refusal(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
    if size < least:
        raise Refusal(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")


def read_form(content_type: str, body: bytes) -> tuple[dict[str, str], bytes]:
    """The fields of a multipart form up to its file, by lower-case name, and the file. Raises Refusal."""
    kind, _, boundary = content_type.partition("boundary=")
    if not kind.startswith("multipart/form-data") or not boundary:
        raise Refusal(
            412, "PreconditionFailed", "Bucket POST must be of the enclosure-type multipart/form-data"
        )
    fields: dict[str, str] = {}
    mark = b"\r\n--" + boundary.strip('"').encode("latin-1")
    for part in (b"\r\n" + body).split(mark)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        described = _description(head.decode("utf-8", "replace"))
        name = _attribute(described, "name").lower()
        if name == "file":
            filename = _attribute(described, "filename")
            return {field: value.replace("${filename}", filename) for field, value in fields.items()}, content
        fields[name] = content.decode()
    raise Refusal(400, "InvalidArgument", "POST requires exactly one file upload per request.")


def _attribute(described: str, name: str) -> str:
    """`a` in `form-data; name="a"; filename="b"`."""
    return described.partition(f' {name}="')[2].partition('"')[0]


def _description(head: str) -> str:
    for line in head.split("\r\n"):
        if line.lower().startswith("content-disposition:"):
            return line
    raise Refusal(400, "MalformedPOSTRequest", "The body of your POST request is not well-formed.")


def refused(refusal: Refusal, request: Request) -> Response:
    if request.method == "HEAD":
        return Response(status_code=refusal.status, headers={"x-amz-request-id": token_hex(8)})
    return _error(refusal.status, refusal.code, refusal.message)


def _error(status: int, code: str, message: str) -> Response:
    request_id = token_hex(8)
    said = f"<Code>{code}</Code><Message>{escape(message)}</Message><RequestId>{request_id}</RequestId>"
    return _xml(status, f"<Error>{said}</Error>", request_id)


def _xml(status: int, content: str, request_id: str | None = None) -> Response:
    headers = {"x-amz-request-id": request_id or token_hex(8)}
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>\n{content}', status, headers, "application/xml")


def _to_be_signed(request: Request) -> list[str]:
    """S3 wants the host and all of its own headers signed; which of a browser's, the link decides."""
    own = [name for name in request.headers if name.startswith("x-amz-") and name != "x-amz-content-sha256"]
    return ["host", *own]


def _moment(stamped: str) -> datetime:
    try:
        return moment_of(stamped)
    except ValueError:
        raise Refusal(
            403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header"
        ) from None
