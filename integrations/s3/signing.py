"""AWS Signature Version 4: requests with signed headers, presigned addresses, signed upload forms.

1. The canonical request: method, path, sorted query, sorted headers, their names, the hash of the payload.
2. The string to sign: algorithm, time, scope (day, region, service), hash of the canonical request.
3. The signing key: an HMAC chain from the secret over the parts of the scope.
4. The signature: HMAC of the string to sign. A form signs its base64 policy in place of the string.

Source: AWS, "Signature Version 4 signing process" and "Authenticating Requests (AWS Signature Version 4)".
"""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from urllib.parse import quote, unquote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_PAYLOAD = hashlib.sha256(b"").hexdigest()
LONGEST = timedelta(days=7)
"""No presigned address lives longer."""

Pairs: TypeAlias = Iterable[tuple[str, str]]
Condition: TypeAlias = Mapping[str, str] | Sequence[str | int]


class UnsignableLife(ValueError):
    """A presigned address lives from one second to seven days."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(frozen=True)
class Credentials:
    """Who signs. `session_token` comes with temporary credentials and travels with each request."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Scope:
    """Where and on which day a signature counts."""

    day: str
    region: str
    service: str = "s3"

    def __str__(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True)
class Signer:
    """Signs with one set of credentials for one service of one region.

    S3 takes paths as they are. Other services of AWS want dots and double slashes resolved before signing,
    which `normalize` does.
    """

    credentials: Credentials
    region: str
    service: str = "s3"
    normalize: bool = False

    def signed_headers(
        self, method: str, url: str, headers: Pairs, *, payload_hash: str, at: datetime
    ) -> dict[str, str]:
        """The headers to add to a request that has these: date, token, and an authorization over them all."""
        added = {"X-Amz-Date": stamp(at)}
        if self.credentials.session_token:
            added["X-Amz-Security-Token"] = self.credentials.session_token
        present = [("host", host_of(url)), *headers, *added.items()]
        signed = signed_names(name for name, _ in present)
        canonical = self._canonical(method, url, [], present, signed, payload_hash)
        scope = self.scope(at)
        added["Authorization"] = (
            f"{ALGORITHM} Credential={self.credentials.access_key}/{scope}, "
            f"SignedHeaders={signed}, Signature={self.signature(string_to_sign(canonical, scope, at), scope)}"
        )
        return added

    def presigned(
        self,
        method: str,
        url: str,
        *,
        expires: timedelta,
        at: datetime,
        headers: Pairs = (),
        payload_hash: str = UNSIGNED_PAYLOAD,
    ) -> str:
        """The address that allows this one request until `at + expires`, sent with exactly these headers.

        Raises UnsignableLife unless `expires` is from one second to seven days.
        """
        if not timedelta(seconds=1) <= expires <= LONGEST:
            raise UnsignableLife
        present = [("host", host_of(url)), *headers]
        signed = signed_names(name for name, _ in present)
        scope = self.scope(at)
        added = [
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", f"{self.credentials.access_key}/{scope}"),
            ("X-Amz-Date", stamp(at)),
            ("X-Amz-Expires", str(int(expires.total_seconds()))),
            ("X-Amz-SignedHeaders", signed),
        ]
        if self.credentials.session_token:
            added.append(("X-Amz-Security-Token", self.credentials.session_token))
        canonical = self._canonical(method, url, added, present, signed, payload_hash)
        added.append(("X-Amz-Signature", self.signature(string_to_sign(canonical, scope, at), scope)))
        whole = urlsplit(url)
        query = "&".join(
            f"{encoded(name)}={encoded(value)}" for name, value in [*parse_query(whole.query), *added]
        )
        return whole._replace(query=query).geturl()

    def signed_form(
        self,
        *,
        bucket: str,
        key: str,
        expires_at: datetime,
        at: datetime,
        conditions: Sequence[Condition] = (),
        fields: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """The fields of a form that allows an upload under `key`, on these conditions, until `expires_at`.

        The file itself is the form's last field, `file`. S3 refuses a field that no condition speaks of, so
        each of `fields` needs one.
        """
        credential = f"{self.credentials.access_key}/{self.scope(at)}"
        signing = {"x-amz-algorithm": ALGORITHM, "x-amz-credential": credential, "x-amz-date": stamp(at)}
        if self.credentials.session_token:
            signing["x-amz-security-token"] = self.credentials.session_token
        policy = {
            "expiration": expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "conditions": [
                *conditions,
                {"bucket": bucket},
                {"key": key},
                *({name: value} for name, value in signing.items()),
            ],
        }
        encoded_policy = b64encode(json.dumps(policy).encode()).decode()
        signature = self.signature(encoded_policy, self.scope(at))
        return {
            **(fields or {}),
            "key": key,
            **signing,
            "policy": encoded_policy,
            "x-amz-signature": signature,
        }

    def scope(self, at: datetime) -> Scope:
        return Scope(stamp(at)[:8], self.region, self.service)

    def signature(self, text: str, scope: Scope) -> str:
        """The signature of a string to sign, or of a form's policy."""
        key = f"AWS4{self.credentials.secret_key}".encode()
        for part in (scope.day, scope.region, scope.service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(key, text.encode(), "sha256").hex()

    def _canonical(
        self,
        method: str,
        url: str,
        added: Pairs,
        headers: Pairs,
        signed: str,
        payload_hash: str,
    ) -> str:
        whole = urlsplit(url)
        return canonical_request(
            method,
            unquote(whole.path),
            [*parse_query(whole.query), *added],
            headers,
            signed=signed,
            payload_hash=payload_hash,
            normalize=self.normalize,
        )


def canonical_request(
    method: str,
    path: str,
    query: Pairs,
    headers: Pairs,
    *,
    signed: str,
    payload_hash: str,
    normalize: bool = False,
) -> str:
    """What both sides sign. `path` and `query` are decoded; `signed` names headers as `signed_names` does."""
    values = _canonical_values(headers)
    lines = [f"{name}:{values.get(name, '')}" for name in signed.split(";")]
    return "\n".join(
        [
            method,
            encoded(_resolved(path) if normalize else path or "/", safe="/"),
            "&".join(f"{name}={value}" for name, value in sorted((encoded(n), encoded(v)) for n, v in query)),
            *lines,
            "",
            signed,
            payload_hash,
        ]
    )


def string_to_sign(canonical: str, scope: Scope, at: datetime) -> str:
    return f"{ALGORITHM}\n{stamp(at)}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def signed_names(names: Iterable[str]) -> str:
    """`content-type;host`: the names of headers as they are signed."""
    return ";".join(sorted({name.lower() for name in names}))


def encoded(text: str, *, safe: str = "") -> str:
    """Percent-encoded as AWS does: all but letters, digits and `-_.~`, in capitals, a blank as %20."""
    return quote(text, safe=safe)


def parse_query(query: str) -> list[tuple[str, str]]:
    """The decoded pairs of a query. A plus is a plus: these are no form fields."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(unquote(name), unquote(value)) for name, _, value in pairs]


def stamp(at: datetime) -> str:
    """`20130524T000000Z`."""
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def moment_of(stamped: str) -> datetime:
    """The moment of a `stamp`. Raises ValueError."""
    return datetime.strptime(stamped, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def host_of(url: str) -> str:
    """The Host header for an address: without the port where that is the usual one."""
    whole = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(whole.scheme)
    host = f"[{whole.hostname}]" if ":" in (whole.hostname or "") else whole.hostname or ""
    return host if whole.port in (None, usual) else f"{host}:{whole.port}"


def _canonical_values(headers: Pairs) -> dict[str, str]:
    """Header values by lower-case name, blanks collapsed, those of one name joined in their order."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(" ".join(value.split()))
    return {name: ",".join(several) for name, several in values.items()}


def _resolved(path: str) -> str:
    """The path without empty and `.` segments, each `..` taking the one before it away."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    trailing = "/" if kept and path.endswith(("/", "/.", "/..")) else ""
    return "/" + "/".join(kept) + trailing
