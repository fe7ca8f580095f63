"""Doubles of registries: Registry v2 with a login, with tokens, and Azure's two exchanges."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

USER, PASSWORD = "robot", "a-password-of-the-registry"
BASIC = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
API = {"docker-distribution-api-version": "registry/2.0"}
IMAGE = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}).encode()
DIGEST = f"sha256:{hashlib.sha256(IMAGE).hexdigest()}"


@dataclass
class Registry:
    """A registry that asks for what `challenge` says, and takes the headers that `accepts` lists."""

    challenge: str = ""
    accepts: tuple[str, ...] = ()
    tags: Mapping[str, list[str] | None] = field(default_factory=lambda: {"team/app": ["v2", "v1", "latest"]})
    manifest: bytes = IMAGE
    digest: str = DIGEST
    page: int = 2

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v2/", self._ping),
                Route("/v2/{repository:path}/tags/list", self._tags),
                Route("/v2/{repository:path}/manifests/{reference}", self._manifest),
            ]
        )

    def _refusal(self, request: Request) -> Response | None:
        if not self.challenge or request.headers.get("authorization") in self.accepts:
            return None
        errors = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        return JSONResponse(errors, 401, {**API, "www-authenticate": self.challenge})

    async def _ping(self, request: Request) -> Response:
        return self._refusal(request) or JSONResponse({}, headers=API)

    async def _tags(self, request: Request) -> Response:
        repository = request.path_params["repository"]
        if refused := self._refusal(request):
            return refused
        if repository not in self.tags:
            return JSONResponse({"errors": [{"code": "NAME_UNKNOWN"}]}, 404, API)
        known, last = self.tags[repository], request.query_params.get("last", "")
        rest = [tag for tag in sorted(known or []) if tag > last]
        page = rest[: self.page]
        headers = dict(API)
        if len(rest) > self.page:
            headers["link"] = f'</v2/{repository}/tags/list?last={page[-1]}&n={self.page}>; rel="next"'
        return JSONResponse(
            {"name": repository, "tags": page if known is not None else None}, headers=headers
        )

    async def _manifest(self, request: Request) -> Response:
        if refused := self._refusal(request):
            return refused
        kind = json.loads(IMAGE)["mediaType"]
        return Response(self.manifest, media_type=kind, headers={**API, "docker-content-digest": self.digest})


@dataclass
class TokenService:
    """Gives out a token for each scope, to those who know the password; others get one of less worth."""

    asked: list[dict[str, str]] = field(default_factory=list)
    name: str = "token"
    path: str = "/token"

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route(self.path, self._token)])

    async def _token(self, request: Request) -> Response:
        self.asked.append(dict(request.query_params))
        authorization = request.headers.get("authorization")
        if authorization not in (None, BASIC):
            return JSONResponse({"details": "incorrect username or password"}, 401)
        worth = "anonymous" if authorization is None else "good"
        return JSONResponse({self.name: f"{worth}-token-of-{request.query_params.get('scope', 'nothing')}"})


@dataclass
class Azure:
    """A registry of Azure: its challenge, and both exchanges, whose forms are kept in `asked`."""

    entra: str
    asked: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v2/", self._ping),
                Route("/oauth2/exchange", self._exchange, methods=["POST"]),
                Route("/oauth2/token", self._token, methods=["POST"]),
            ]
        )

    async def _ping(self, request: Request) -> Response:
        if request.headers.get("authorization") == "Bearer an-access-token-of-azure":
            return JSONResponse({}, headers=API)
        realm = "https://some.azurecr.io/oauth2/token"
        return Response(
            status_code=401,
            headers={**API, "www-authenticate": f'Bearer realm="{realm}",service="some.azurecr.io"'},
        )

    async def _exchange(self, request: Request) -> Response:
        form = await self._form(request)
        if form.get("access_token") != self.entra:
            return JSONResponse({"errors": [{"code": "UNAUTHORIZED"}]}, 401)
        return JSONResponse({"refresh_token": "a-refresh-token-of-azure"})

    async def _token(self, request: Request) -> Response:
        form = await self._form(request)
        if form.get("refresh_token") != "a-refresh-token-of-azure":
            return JSONResponse({"errors": [{"code": "UNAUTHORIZED"}]}, 401)
        return JSONResponse({"access_token": "an-access-token-of-azure"})

    async def _form(self, request: Request) -> dict[str, str]:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        self.asked[f"POST {request.url.path}"] = form
        return form
