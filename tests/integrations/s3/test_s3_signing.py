"""Signatures, held against AWS's own test suite and its documented examples."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from integrations.s3.signing import (
    EMPTY_PAYLOAD,
    LONGEST,
    Credentials,
    Signer,
    UnsignableLife,
    canonical_request,
    moment_of,
    parse_query,
    signed_names,
    stamp,
    string_to_sign,
)

EXAMPLE = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
MAY_2013 = datetime(2013, 5, 24, tzinfo=UTC)


class RawRequest:
    """A request of the suite, taken apart as it stands on the wire."""

    def __init__(self, raw: str) -> None:
        head, _, self.body = raw.partition("\n\n")
        first, *lines = head.split("\n")
        self.method, _, rest = first.partition(" ")
        target = rest.removesuffix(" HTTP/1.1")
        self.path, _, self.query = target.partition("?")
        self.headers: list[tuple[str, str]] = []
        for line in lines:
            if line[:1].isspace():
                name, value = self.headers.pop()
                self.headers.append((name, f"{value} {line}"))
            elif line:
                name, _, value = line.partition(":")
                self.headers.append((name, value))

    @property
    def host(self) -> str:
        return next(value.strip() for name, value in self.headers if name.lower() == "host")

    @property
    def url(self) -> str:
        return f"https://{self.host}{self.path}" + (f"?{self.query}" if self.query else "")

    @property
    def other_headers(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.headers if name.lower() != "host"]

    @property
    def payload_hash(self) -> str:
        return sha256(self.body.encode()).hexdigest()


class Case:
    """One case of the suite: the context, the request, and what must come of it."""

    def __init__(self, files: dict[str, Any]) -> None:
        self.files = files
        context = files["context"]
        self.context: dict[str, Any] = json.loads(context) if isinstance(context, str) else context
        self.request = RawRequest(files["request"])
        self.at = datetime.fromisoformat(self.context["timestamp"])
        named = self.context["credentials"]
        self.token: str | None = named.get("token")
        token_signed = not self.context.get("omit_session_token", False)
        self.credentials = Credentials(
            named["access_key_id"], named["secret_access_key"], self.token if token_signed else None
        )
        self.signer = Signer(
            self.credentials,
            self.context["region"],
            self.context["service"],
            normalize=self.context["normalize"],
        )

    def expected(self, name: str) -> str:
        return str(self.files[name]).rstrip("\n")

    @property
    def content_hash(self) -> list[tuple[str, str]]:
        return [("x-amz-content-sha256", self.request.payload_hash)] if self.context["sign_body"] else []

    def canonical(self, query: list[tuple[str, str]], headers: list[tuple[str, str]]) -> str:
        return canonical_request(
            self.request.method,
            self.request.path,
            [*parse_query(self.request.query), *query],
            headers,
            signed=signed_names(name for name, _ in headers),
            payload_hash=self.request.payload_hash,
            normalize=self.signer.normalize,
        )


@pytest.fixture(scope="module")
def suite(contracts: Path) -> dict[str, Case]:
    packed = json.loads((contracts / "aws" / "sigv4_test_suite.json").read_text())
    return {name: Case(files) for name, files in packed.items()}


def each(suite: dict[str, Case], judge: Callable[[Case], tuple[object, object]]) -> dict[str, object]:
    """The cases for which the two sides differ."""
    judged = {name: judge(case) for name, case in suite.items()}
    return {name: sides for name, sides in judged.items() if sides[0] != sides[1]}


def test_the_suite_is_whole(suite: dict[str, Case]) -> None:
    assert len(suite) == 38


def test_the_canonical_request_is_awss(suite: dict[str, Case]) -> None:
    def judge(case: Case) -> tuple[object, object]:
        token = [("x-amz-security-token", case.credentials.session_token or "")]
        headers = [
            *case.request.headers,
            *case.content_hash,
            ("x-amz-date", stamp(case.at)),
            *(token if case.credentials.session_token else []),
        ]
        return case.canonical([], headers), case.expected("header-canonical-request")

    assert each(suite, judge) == {}


def test_the_string_to_sign_is_awss(suite: dict[str, Case]) -> None:
    def judge(case: Case) -> tuple[object, object]:
        canonical = case.expected("header-canonical-request")
        made = string_to_sign(canonical, case.signer.scope(case.at), case.at)
        return made, case.expected("header-string-to-sign")

    assert each(suite, judge) == {}


def test_a_request_is_authorized_as_aws_would(suite: dict[str, Case]) -> None:
    """From the raw request to the whole Authorization header."""

    def judge(case: Case) -> tuple[object, object]:
        added = case.signer.signed_headers(
            case.request.method,
            case.request.url,
            [*case.request.other_headers, *case.content_hash],
            payload_hash=case.request.payload_hash,
            at=case.at,
        )
        signed = RawRequest(case.expected("header-signed-request"))
        wanted = dict(signed.headers)
        return (
            (added["X-Amz-Date"], added["Authorization"]),
            (wanted["X-Amz-Date"], wanted["Authorization"]),
        )

    assert each(suite, judge) == {}


def test_the_signature_alone_is_awss(suite: dict[str, Case]) -> None:
    def judge(case: Case) -> tuple[object, object]:
        made = case.signer.signature(case.expected("header-string-to-sign"), case.signer.scope(case.at))
        return made, case.expected("header-signature")

    assert each(suite, judge) == {}


def test_an_address_is_presigned_as_aws_would(suite: dict[str, Case]) -> None:
    """From the raw request to the whole address; the order of the query's parts means nothing."""

    def judge(case: Case) -> tuple[object, object]:
        made = case.signer.presigned(
            case.request.method,
            case.request.url,
            expires=timedelta(seconds=case.context["expiration_in_seconds"]),
            at=case.at,
            headers=case.request.other_headers,
            payload_hash=case.request.payload_hash,
        )
        wanted = RawRequest(case.expected("query-signed-request"))
        parts = sorted(parse_query(urlsplit(made).query))
        if case.token and case.credentials.session_token is None:
            parts = sorted([*parts, ("X-Amz-Security-Token", case.token)])  # added after signing
        return parts, sorted(parse_query(wanted.query))

    assert each(suite, judge) == {}


def test_the_canonical_request_of_an_address_is_awss(suite: dict[str, Case]) -> None:
    def judge(case: Case) -> tuple[object, object]:
        query = [
            (name, value)
            for name, value in parse_query(RawRequest(case.expected("query-signed-request")).query)
            if name.startswith("X-Amz-")
            and name != "X-Amz-Signature"
            and not (name == "X-Amz-Security-Token" and case.credentials.session_token is None)
        ]
        canonical = case.canonical(query, case.request.headers)
        made = string_to_sign(canonical, case.signer.scope(case.at), case.at)
        return (
            (canonical, made),
            (case.expected("query-canonical-request"), case.expected("query-string-to-sign")),
        )

    assert each(suite, judge) == {}


def test_the_documented_download_has_the_documented_signature(contracts: Path) -> None:
    vector = json.loads((contracts / "aws" / "presign_vector.json").read_text())
    signer = Signer(Credentials(vector["access_key"], vector["secret_key"]), vector["region"])
    url = signer.presigned(
        vector["method"],
        f"https://{vector['host']}{vector['path']}",
        expires=timedelta(seconds=vector["expires"]),
        at=moment_of(vector["date"]),
    )
    assert url.endswith(f"&X-Amz-Signature={vector['signature']}")


def test_an_upload_signs_its_content_type() -> None:
    url = Signer(EXAMPLE, "us-east-1").presigned(
        "PUT",
        "https://examplebucket.s3.amazonaws.com/uploads/u1/photo.jpg",
        expires=timedelta(seconds=900),
        at=MAY_2013,
        headers=[("Content-Type", "image/jpeg")],
    )
    assert dict(parse_qsl(urlsplit(url).query))["X-Amz-SignedHeaders"] == "content-type;host"
    assert url.endswith("c5c5999d8a1c054c5726535833a699f72d4713d58b9e5cef79cf11d28bd691ab")


@pytest.mark.parametrize("life", [timedelta(0), timedelta(seconds=-1), LONGEST + timedelta(seconds=1)])
def test_no_address_lives_longer_than_s3_allows(life: timedelta) -> None:
    with pytest.raises(UnsignableLife, match="seven days"):
        Signer(EXAMPLE, "us-east-1").presigned("GET", "https://b.example/k", expires=life, at=MAY_2013)


def test_s3_takes_a_path_as_it_is() -> None:
    signer = Signer(EXAMPLE, "us-east-1")
    addresses = [
        signer.signed_headers("GET", f"https://b.example/{path}", [], payload_hash=EMPTY_PAYLOAD, at=MAY_2013)
        for path in ("a//b", "a/./b", "a/b")
    ]
    assert len({one["Authorization"] for one in addresses}) == 3


def test_the_usual_port_is_no_part_of_the_host_and_any_other_is() -> None:
    signer = Signer(EXAMPLE, "us-east-1")

    def signature(url: str) -> str:
        return signer.presigned("GET", url, expires=LONGEST, at=MAY_2013).rpartition("=")[2]

    assert signature("https://b.example:443/k") == signature("https://b.example/k")
    assert signature("https://b.example:9000/k") != signature("https://b.example/k")


def test_a_secret_is_not_shown() -> None:
    shown = repr(Signer(Credentials("AKID", "a-secret-that-nobody-may-see", "a-token"), "eu-west-1"))
    assert "AKID" in shown
    assert "nobody-may-see" not in shown
    assert "a-token" not in shown
