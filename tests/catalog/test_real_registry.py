"""The client against Distribution itself, Debian's `docker-registry`, with logins and with tokens."""

import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from framework.catalog import Catalog, EntryConfig, Health
from framework.catalog.examination import POLICY
from framework.catalog.registry import Login, RegistryClient
from framework.errors import NeedsAttention, Permanent
from framework.integration.http import open_client
from tests.catalog.conftest import Internet
from tests.catalog.doubles import BASIC, PASSWORD, USER

pytestmark = pytest.mark.anyio

BINARY = "docker-registry"
HOST, AUTH = "registry.example.com", "auth.example.com"
HTPASSWD = f"{USER}:$2b$04$7.O/PEAsokq1dBDj/skACu.6pVWDwRlPr7psxW86KQJ16zFvLNKCO\n"
"""The password of the doubles, as bcrypt keeps it."""
LOGIN = Login(USER, SecretStr(PASSWORD))
KIND = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture(scope="module")
def binary() -> str:
    found = shutil.which(BINARY)
    if found is None:
        if os.environ.get("REQUIRE_DOCKER_REGISTRY") == "1":
            pytest.fail(f"REQUIRE_DOCKER_REGISTRY=1, but there is no {BINARY}")
        pytest.skip(f"there is no {BINARY} here (Debian: apt-get install docker-registry)")
    return found


@contextmanager
def running(binary: str, folder: Path, **settings: str) -> Iterator[str]:
    """The registry, on a port of its own, as `host:port`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /nowhere\nhttp:\n  addr: :0\n"
    )
    environment = {
        "REGISTRY_HTTP_ADDR": address,
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(folder / "storage"),
        "REGISTRY_LOG_LEVEL": "error",
        "OTEL_TRACES_EXPORTER": "none",
        **settings,
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([binary, "serve", str(config)], env=environment, stdout=log, stderr=log)
    try:
        _wait_for(address, process, folder / "log")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the registry answers; httpx itself waits between its tries to connect."""
    with httpx.Client(transport=httpx.HTTPTransport(retries=6)) as client:
        try:
            client.get(f"http://{address}/v2/")
        except httpx.ConnectError:
            pytest.fail(f"The registry does not answer (exit {process.poll()}): {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def registry_with_login(binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("login")
    (folder / "htpasswd").write_text(HTPASSWD)
    with running(
        binary,
        folder,
        REGISTRY_AUTH="htpasswd",
        REGISTRY_AUTH_HTPASSWD_REALM="a realm",
        REGISTRY_AUTH_HTPASSWD_PATH=str(folder / "htpasswd"),
    ) as address:
        yield address


class Issuer:
    """A token service that the registry believes, by the certificate that comes with each token."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer of tokens")])
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.app = Starlette(routes=[Route("/token", self._token)])

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def token(self, service: str, scope: str) -> str:
        access = []
        if scope:
            kind, name, actions = scope.split(":")
            access = [{"type": kind, "name": name, "actions": actions.split(",")}]
        now = datetime.now(UTC)
        claims = {
            "iss": "issuer",
            "sub": USER,
            "aud": service,
            "exp": now + timedelta(minutes=5),
            "nbf": now - timedelta(minutes=5),
            "iat": now,
            "jti": uuid.uuid4().hex,
            "access": access,
        }
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        headers = {"x5c": [base64.b64encode(der).decode()]}
        return jwt.encode(claims, self.key, algorithm="RS256", headers=headers)

    async def _token(self, request: Request) -> Response:
        if request.headers.get("authorization") != BASIC:
            return JSONResponse({"details": "incorrect username or password"}, 401)
        asked = request.query_params
        return JSONResponse({"token": self.token(asked["service"], asked.get("scope", ""))})


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="module")
def registry_with_tokens(
    binary: str, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("tokens")
    (folder / "issuer.pem").write_bytes(issuer.pem)
    with running(
        binary,
        folder,
        REGISTRY_AUTH="token",
        REGISTRY_AUTH_TOKEN_REALM=f"https://{AUTH}/token",
        REGISTRY_AUTH_TOKEN_SERVICE=HOST,
        REGISTRY_AUTH_TOKEN_ISSUER="issuer",
        REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE=str(folder / "issuer.pem"),
    ) as address:
        yield address


def push(address: str, authorization: str, *tags: str) -> bytes:
    """Push an image without layers under these tags, as any client would; returns its manifest."""
    config = b"{}"
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    part = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(config)}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": KIND, "config": part, "layers": []}).encode()
    with httpx.Client(base_url=f"http://{address}", headers={"authorization": authorization}) as client:
        upload = client.post("/v2/team/app/blobs/uploads/").raise_for_status().headers["location"]
        client.put(
            upload, params={**httpx.URL(upload).params, "digest": digest}, content=config
        ).raise_for_status()
        for tag in tags:
            there = f"/v2/team/app/manifests/{tag}"
            client.put(there, content=manifest, headers={"content-type": KIND}).raise_for_status()
    return manifest


async def pulled(
    internet: Internet, reference: str, *, login: Login | None = LOGIN
) -> tuple[list[str], bytes]:
    async with open_client(f"https://{HOST}", [HOST, AUTH], POLICY, transport=internet) as http:
        registry = RegistryClient(http, login)
        await registry.ping()
        tags = await registry.tags("team/app")
        return tags, (await registry.manifest("team/app", reference)).content


async def test_what_was_pushed_is_found_by_a_login(registry_with_login: str, internet: Internet) -> None:
    manifest = await anyio.to_thread.run_sync(push, registry_with_login, BASIC, "v1", "v2")
    internet.hosts[HOST] = registry_with_login
    assert await pulled(internet, "v2") == (["v1", "v2"], manifest)


async def test_what_was_pushed_is_found_by_tokens(
    registry_with_tokens: str, issuer: Issuer, internet: Internet
) -> None:
    pushing = f"Bearer {issuer.token(HOST, 'repository:team/app:push,pull')}"
    manifest = await anyio.to_thread.run_sync(push, registry_with_tokens, pushing, "v1", "latest")
    internet.hosts |= {HOST: registry_with_tokens, AUTH: issuer.app}
    assert await pulled(internet, "latest") == (["latest", "v1"], manifest)
    assert internet.asked(AUTH) == ["GET /token", "GET /token"]


async def test_more_tags_than_a_page_holds_are_all_found(
    registry_with_login: str, internet: Internet
) -> None:
    tags = [f"t{number:03}" for number in range(120)]
    await anyio.to_thread.run_sync(push, registry_with_login, BASIC, *tags)
    internet.hosts[HOST] = registry_with_login
    found, _ = await pulled(internet, "t001")
    assert set(tags) <= set(found)
    assert found == sorted(found)


@pytest.mark.parametrize("login", [None, Login(USER, SecretStr("a-wrong-password"))], ids=["none", "wrong"])
async def test_the_registry_lets_nobody_else_in(
    registry_with_login: str, internet: Internet, login: Login | None
) -> None:
    internet.hosts[HOST] = registry_with_login
    with pytest.raises(NeedsAttention):
        await pulled(internet, "v1", login=login)


async def test_a_token_service_that_refuses_is_heard(
    registry_with_tokens: str, issuer: Issuer, internet: Internet
) -> None:
    internet.hosts |= {HOST: registry_with_tokens, AUTH: issuer.app}
    with pytest.raises(NeedsAttention):
        await pulled(internet, "v1", login=Login(USER, SecretStr("a-wrong-password")))


async def test_a_repository_that_nobody_pushed_to_is_not_found(
    registry_with_login: str, internet: Internet
) -> None:
    internet.hosts[HOST] = registry_with_login
    async with open_client(f"https://{HOST}", [HOST], POLICY, transport=internet) as http:
        with pytest.raises(Permanent, match="404"):
            await RegistryClient(http, LOGIN).tags("no/such")


async def test_the_catalog_finds_a_real_registry_healthy_until_it_is_gone(
    binary: str, app, secret: Callable[..., str], tmp_path: Path
) -> None:
    """No double is in between: the address is the registry's own, over a real network."""
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    settings = {
        "REGISTRY_AUTH": "htpasswd",
        "REGISTRY_AUTH_HTPASSWD_REALM": "a realm",
        "REGISTRY_AUTH_HTPASSWD_PATH": str(tmp_path / "htpasswd"),
    }
    catalog = Catalog(app)
    with running(binary, tmp_path, **settings) as address:
        config = EntryConfig(base_url=f"http://{address}", username=USER, secret_ref=secret(PASSWORD))
        entry = catalog.create("images", "registry", config)
        assert (await catalog.check_health(entry.id)).health is Health.HEALTHY
        assert (await catalog.test_connection(entry.id)).ok
        secret("a-wrong-password")
        assert (await catalog.check_health(entry.id)).health is Health.UNAUTHORIZED
    assert (await catalog.check_health(entry.id)).health is Health.UNREACHABLE
    assert catalog.get(entry.id).health is Health.UNREACHABLE
