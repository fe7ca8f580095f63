"""The client of the Registry v2 API (OCI Distribution), which all registries speak.

1. A request goes out as it is.
2. A 401 names a way to prove oneself: by name and password, or by a token that another address gives out.
3. The request goes out again with the proof, which is kept for requests of the same scope.

Sources: OCI Distribution Specification 1.1; CNCF Distribution, "Token Authentication Specification".
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from framework.catalog.answers import Answer, Wire, accepted, read
from framework.catalog.challenge import Challenge, challenges
from framework.errors import NeedsAttention, Permanent
from framework.integration.client import HTTPClient
from framework.observe import redactor

MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
PAGE = 100
MOST_TAGS = 10_000

_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_REFERENCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Login:
    """A name and a password."""

    username: str
    password: SecretStr

    @property
    def authorization(self) -> str:
        """The header of basic authentication."""
        pair = b64encode(f"{self.username}:{self.password.get_secret_value()}".encode()).decode()
        redactor.register(pair)
        return f"Basic {pair}"


class TokenSource(Protocol):
    """Who gives out tokens for a registry."""

    async def token(self, http: HTTPClient, challenge: Challenge, scope: str) -> SecretStr:
        """A token for this scope. Raises IntegrationError."""
        ...


class GivenToken(Wire):
    """The answer of a token service, under either of its names."""

    token: str = ""
    access_token: str = ""

    @property
    def secret(self) -> SecretStr:
        """The token, masked in logs from now on. Raises Permanent if there is none."""
        given = self.token or self.access_token
        if not given:
            raise Permanent("The token service answered without a token.", code="unexpected_answer")
        redactor.register(given)
        return SecretStr(given)


@dataclass(frozen=True)
class TokensByLogin:
    """Tokens from the realm that a challenge names; without a login, those that anybody gets."""

    login: Login | None

    async def token(self, http: HTTPClient, challenge: Challenge, scope: str) -> SecretStr:
        asked = {"service": challenge["service"], "scope": scope}
        headers = {"authorization": self.login.authorization} if self.login else {}
        answer = await http.get(
            challenge["realm"],
            params={name: value for name, value in asked.items() if value},
            headers=headers,
        )
        return read(answer, GivenToken).secret


class Tags(Wire):
    """A page of tags; of an empty repository, some registries say null."""

    tags: list[str] | None = None


@dataclass(frozen=True)
class Manifest:
    """What a tag or a digest stands for."""

    digest: str
    media_type: str
    content: bytes


class RegistryClient:
    """Speaks to one registry. It proves itself only when asked to, and sends passwords nowhere else."""

    def __init__(
        self, http: HTTPClient, login: Login | None = None, tokens: TokenSource | None = None
    ) -> None:
        self._http = http
        self._login = login
        self._tokens = tokens or TokensByLogin(login)
        self._proofs: dict[str, str] = {}

    async def ping(self) -> None:
        """Ask whether this is a registry that takes us. Raises IntegrationError if it is not."""
        answer = await self._get("/v2/", "")
        if "docker-distribution-api-version" not in answer.headers and answer.content.strip() not in (
            b"",
            b"{}",
        ):
            raise Permanent("There is no Registry v2 API at this address.", code="unexpected_answer")

    async def tags(self, repository: str) -> list[str]:
        """All tags of a repository, sorted. Raises Permanent for more than 10,000."""
        found: list[str] = []
        query = {"n": str(PAGE)}
        while True:
            answer = await self._get(f"/v2/{_named(repository)}/tags/list", repository, query)
            found += read(answer, Tags).tags or []
            last = _last_of_page(answer.headers.get("link", ""))
            if last is None or last == query.get("last"):
                return sorted(found)
            if len(found) > MOST_TAGS:
                raise Permanent(f"{repository} has more than {MOST_TAGS} tags.", code="too_many_tags")
            query["last"] = last

    async def manifest(self, repository: str, reference: str) -> Manifest:
        """The manifest of a tag or digest, as it was pushed. Raises Permanent if it is not what it says."""
        if not _REFERENCE.fullmatch(reference):
            raise Permanent(f"{reference!r} is neither a tag nor a digest.", code="bad_reference")
        path = f"/v2/{_named(repository)}/manifests/{reference}"
        answer = await self._get(path, repository, accept=", ".join(MANIFESTS))
        digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
        said = (
            reference
            if reference.startswith("sha256:")
            else answer.headers.get("docker-content-digest", digest)
        )
        if said != digest:
            raise Permanent(
                f"The manifest of {repository} is not what its digest says.", code="digest_mismatch"
            )
        return Manifest(digest, answer.headers.get("content-type", ""), answer.content)

    async def _get(
        self, path: str, repository: str, query: Mapping[str, str] | None = None, *, accept: str = "*/*"
    ) -> Answer:
        scope = f"repository:{repository}:pull" if repository else ""
        headers = {"accept": accept}
        if scope in self._proofs:
            headers["authorization"] = self._proofs[scope]
        answer = await self._http.get(path, params=query, headers=headers)
        if answer.status_code == 401:
            asked = challenges(answer.headers.get("www-authenticate", ""))
            self._proofs[scope] = headers["authorization"] = await self._proof(asked, scope)
            answer = await self._http.get(path, params=query, headers=headers)
        return accepted(answer)

    async def _proof(self, asked: list[Challenge], scope: str) -> str:
        """The `Authorization` that one of the challenges asks for; a token rather than a password."""
        for challenge in asked:
            if challenge.scheme == "bearer" and challenge["realm"]:
                token = await self._tokens.token(self._http, challenge, scope or challenge["scope"])
                return f"Bearer {token.get_secret_value()}"
        if any(challenge.scheme == "basic" for challenge in asked):
            if self._login is None:
                raise NeedsAttention("The registry asks for a name and a password.", code="no_secret")
            return self._login.authorization
        raise Permanent("The registry asks for a proof that we do not know.", code="unknown_challenge")


def _named(repository: str) -> str:
    if not _REPOSITORY.fullmatch(repository):
        raise Permanent(f"{repository!r} is no name of a repository.", code="bad_repository")
    return repository


def _last_of_page(link: str) -> str | None:
    """Where the next page begins, of `</v2/app/tags/list?last=v1&n=100>; rel="next"`, if there is one."""
    next_page = re.search(r'<([^>]*)>\s*;\s*rel="?next"?', link)
    if next_page is None:
        return None
    return parse_qs(urlsplit(next_page[1]).query).get("last", [None])[0]
