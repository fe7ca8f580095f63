"""Each built-in plugin, against a double of its vendor: what it finds, and what it proves itself with."""

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jsonschema import Draft4Validator  # type: ignore[import-untyped]  # it ships no types
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from framework.catalog import Catalog, EntryConfig, Finding, Health
from framework.catalog.plugins.ecr import TARGET
from framework.catalog.plugins.gcr import username_of
from framework.catalog.sigv4 import AwsKey, signed_post
from tests.catalog.conftest import NOW, Internet
from tests.catalog.doubles import BASIC, PASSWORD, USER, Azure, Registry, TokenService

pytestmark = pytest.mark.anyio

Keep = Callable[..., str]


async def found(catalog: Catalog, provider: str, **config: Any) -> tuple[Finding, Finding]:
    """What a test of the connection and a look at the health find."""
    entry = catalog.create("it", provider, EntryConfig(**config))
    return await catalog.test_connection(entry.id), await catalog.check_health(entry.id)


def answering(answers: dict[str, Response]) -> Starlette:
    """A vendor that says always the same."""

    def route(path: str, answer: Response) -> Route:
        async def endpoint(request: object) -> Response:
            return answer

        return Route(path, endpoint)

    return Starlette(routes=[route(path, answer) for path, answer in answers.items()])


NETWORKED = [
    ("registry", {"base_url": "https://r.example.com"}),
    ("harbor", {"base_url": "https://r.example.com"}),
    ("gcr", {}),
    ("acr", {"base_url": "https://some.azurecr.io", "secret": True}),
    (
        "ecr",
        {
            "base_url": "https://1.dkr.ecr.eu-west-1.amazonaws.com",
            "secret": True,
            "options": {"region": "eu-west-1", "access_key_id": "AKIDEXAMPLE"},
        },
    ),
    ("gitlab", {"secret": True}),
    ("github_app", {"secret": "key", "options": {"app_id": "7"}}),
]
each = pytest.mark.parametrize(("provider", "config"), NETWORKED, ids=[name for name, _ in NETWORKED])


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def pem(private_key: rsa.RSAPrivateKey) -> str:
    return private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def with_secret(config: dict[str, Any], keep: Keep, pem: str) -> dict[str, Any]:
    kind = config.get("secret")
    plain = {name: value for name, value in config.items() if name != "secret"}
    return plain if kind is None else {**plain, "secret_ref": keep(pem if kind == "key" else PASSWORD)}


@each
async def test_a_network_that_leads_nowhere_is_a_finding(
    catalog: Catalog, provider: str, config: dict[str, Any], secret: Keep, pem: str
) -> None:
    for finding in await found(catalog, provider, **with_secret(config, secret, pem)):
        assert finding.health is Health.UNREACHABLE, finding


class Internet500:
    """Whoever is asked is out of order."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("out of order", 500)(scope, receive, send)


@each
async def test_a_vendor_that_is_out_of_order_is_unhealthy(
    catalog: Catalog, internet: Internet, provider: str, config: dict[str, Any], secret: Keep, pem: str
) -> None:
    hosts = ["r.example.com", "gcr.io", "some.azurecr.io", "gitlab.com", "api.github.com"]
    internet.hosts |= dict.fromkeys([*hosts, "api.ecr.eu-west-1.amazonaws.com"], Internet500())
    for finding in await found(catalog, provider, **with_secret(config, secret, pem)):
        assert finding.health is Health.UNHEALTHY, finding


@each
async def test_a_secret_that_is_not_there_is_a_finding(
    catalog: Catalog, internet: Internet, provider: str, config: dict[str, Any]
) -> None:
    plain = {name: value for name, value in config.items() if name != "secret"}
    for finding in await found(catalog, provider, **plain, secret_ref="env://NOBODY_SET_THIS"):
        if provider == "harbor" and finding.health is Health.UNREACHABLE:
            continue  # its health needs no secret
        assert finding.health is Health.UNAUTHORIZED
        assert "NOBODY_SET_THIS" in finding.detail


async def test_a_web_page_is_no_registry(catalog: Catalog, internet: Internet) -> None:
    internet.hosts["r.example.com"] = answering({"/v2/": PlainTextResponse("<h1>Welcome</h1>")})
    for finding in await found(catalog, "registry", base_url="https://r.example.com"):
        assert finding == Finding(Health.UNHEALTHY, "There is no Registry v2 API at this address.")


async def test_a_registry_is_tested_by_the_tags_of_a_repository(
    catalog: Catalog, internet: Internet, secret: Keep
) -> None:
    service = TokenService()
    challenge = 'Bearer realm="https://auth.example.com/token",service="r"'
    scopes = ("nothing", "repository:team/app:pull")
    registry = Registry(challenge=challenge, accepts=tuple(f"Bearer good-token-of-{one}" for one in scopes))
    internet.hosts |= {"r.example.com": registry.app, "auth.example.com": service.app}
    test, health = await found(
        catalog,
        "registry",
        base_url="https://r.example.com",
        hosts=("auth.example.com",),
        username=USER,
        secret_ref=secret(PASSWORD),
        options={"repository": "team/app"},
    )
    assert (test, health.health) == (Finding(Health.HEALTHY, "team/app has 3 tags."), Health.HEALTHY)


async def test_a_token_service_whose_host_is_not_listed_is_named(
    catalog: Catalog, internet: Internet
) -> None:
    challenge = 'Bearer realm="https://auth.example.com/token",service="r"'
    internet.hosts["r.example.com"] = Registry(challenge=challenge).app
    test, _ = await found(catalog, "registry", base_url="https://r.example.com")
    assert test.health is Health.UNHEALTHY
    assert "auth.example.com is none of the hosts that the entry's config lists" in test.detail


# Harbor


def harbor(health: dict[str, Any], registry: Registry | None = None) -> Starlette:
    api = answering({"/ping": PlainTextResponse("Pong"), "/health": JSONResponse(health)})
    return Starlette(routes=[Mount("/api/v2.0", api), Mount("/", (registry or Registry()).app)])


def overall(**sick: str) -> dict[str, Any]:
    parts = {"core": "healthy", "database": "healthy", "jobservice": "healthy", "registry": "healthy"} | sick
    components = [{"name": name, "status": status} for name, status in parts.items()]
    return {"status": "unhealthy" if sick else "healthy", "components": components}


@pytest.mark.parametrize(
    ("sick", "finding"),
    [
        ({}, Finding(Health.HEALTHY, "All parts are healthy.")),
        ({"jobservice": "unhealthy"}, Finding(Health.DEGRADED, "Not healthy: jobservice.")),
        (
            {"jobservice": "unhealthy", "database": "unhealthy"},
            Finding(Health.UNHEALTHY, "Not healthy: database, jobservice."),
        ),
    ],
    ids=["well", "jobservice", "database"],
)
async def test_harbor_is_as_well_as_its_parts(
    catalog: Catalog, internet: Internet, sick: dict[str, str], finding: Finding
) -> None:
    internet.hosts["r.example.com"] = harbor(overall(**sick))
    assert (await found(catalog, "harbor", base_url="https://r.example.com"))[1] == finding


async def test_harbor_takes_a_robot_by_its_own_token_service(
    catalog: Catalog, internet: Internet, secret: Keep
) -> None:
    realm = 'Bearer realm="https://r.example.com/service/token",service="harbor-registry"'
    both = harbor(overall(), Registry(challenge=realm, accepts=("Bearer good-token-of-nothing",)))
    both.routes.insert(0, Mount("/service", TokenService().app))
    internet.hosts["r.example.com"] = both
    config = {"base_url": "https://r.example.com", "username": USER}
    test, _ = await found(catalog, "harbor", **config, secret_ref=secret(PASSWORD))
    assert test == Finding(Health.HEALTHY, "The registry takes our credentials.")
    secret("a-wrong-password")
    assert (await catalog.test_connection(catalog.entries()[0].id)).health is Health.UNAUTHORIZED


async def test_what_the_plugin_asks_harbor_is_described_and_so_is_what_the_double_answers(
    catalog: Catalog, internet: Internet, contracts: Path
) -> None:
    description = json.loads((contracts / "harbor" / "swagger.trim.json").read_text())
    internet.hosts["r.example.com"] = harbor(overall(jobservice="unhealthy"))
    await found(catalog, "harbor", base_url="https://r.example.com")
    base = description["basePath"]
    asked = [one for one in internet.requests if one.url.path.startswith(base)]
    assert len(asked) == 2
    for request in asked:
        assert "200" in description["paths"][request.url.path.removeprefix(base)]["get"]["responses"]
        assert not request.url.query
    schema = {"$ref": "#/definitions/OverallHealthStatus", "definitions": description["definitions"]}
    assert list(Draft4Validator(schema).iter_errors(overall(jobservice="unhealthy"))) == []
    known = description["definitions"]
    assert known["OverallHealthStatus"]["properties"].keys() >= {"status", "components"}
    assert known["ComponentHealthStatus"]["properties"].keys() >= {"name", "status"}


# Amazon


def ecr_double(seen: list[Any], answer: Response) -> Starlette:
    async def tokens(request: Any) -> Response:
        seen.append((dict(request.headers), await request.body()))
        return answer

    return Starlette(routes=[Route("/", tokens, methods=["POST"])])


async def test_amazon_gives_a_password_for_a_signed_request(
    catalog: Catalog, internet: Internet, secret: Keep
) -> None:
    seen: list[Any] = []
    given = {"authorizationData": [{"authorizationToken": b64encode(f"{USER}:{PASSWORD}".encode()).decode()}]}
    registry = Registry(challenge='Basic realm="amazon"', accepts=(BASIC,))
    internet.hosts |= {
        "1.dkr.ecr.eu-west-1.amazonaws.com": registry.app,
        "api.ecr.eu-west-1.amazonaws.com": ecr_double(seen, JSONResponse(given)),
    }
    test, health = await found(
        catalog,
        "ecr",
        base_url="https://1.dkr.ecr.eu-west-1.amazonaws.com",
        secret_ref=secret("a-secret-access-key"),
        options={
            "region": "eu-west-1",
            "access_key_id": "AKIDEXAMPLE",
            "session_ref": secret("a-session", "SESSION"),
        },
    )
    assert (test.health, health.health) == (Health.HEALTHY, Health.HEALTHY)
    headers, body = seen[0]
    assert (headers["x-amz-target"], headers["x-amz-security-token"], body) == (TARGET, "a-session", b"{}")
    assert headers["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-west-1/ecr/"
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"authorizationData": []},
        {"authorizationData": [{"authorizationToken": "?"}]},
        {"authorizationData": [{"authorizationToken": "QVdTOg=="}]},
        {},
        [],
    ],
    ids=str,
)
async def test_amazon_without_a_password_is_unhealthy(
    catalog: Catalog, internet: Internet, secret: Keep, answer: Any
) -> None:
    internet.hosts["api.ecr.eu-west-1.amazonaws.com"] = ecr_double([], JSONResponse(answer))
    config = dict(NETWORKED)["ecr"]
    finding, _ = await found(catalog, "ecr", **with_secret(config, secret, ""))
    assert finding.health is Health.UNHEALTHY


@pytest.mark.parametrize("session", [None, "a-session-token"])
def test_amazons_own_signer_signs_as_we_do(session: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    key = AwsKey(
        "AKIDEXAMPLE", SecretStr("wJalrXUtnFEMI/K7"), None if session is None else SecretStr(session)
    )
    host, headers = "api.ecr.eu-west-1.amazonaws.com", {"content-type": "application/x-amz-json-1.1"}
    ours = signed_post(key, host, headers, b"{}", region="eu-west-1", service="ecr", at=NOW)
    request = AWSRequest("POST", f"https://{host}/", headers=headers, data=b"{}")
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None))
    credentials = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7", session)
    SigV4Auth(credentials, "ecr", "eu-west-1").add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]


# Google and Azure


@pytest.mark.parametrize(
    ("secret", "username"),
    [
        ('{"type": "service_account", "private_key": "..."}', "_json_key"),
        ("ya29.an-access-token", "oauth2accesstoken"),
        ("12345", "oauth2accesstoken"),
    ],
)
def test_google_is_told_by_the_user_name_what_the_secret_is(secret: str, username: str) -> None:
    assert username_of(SecretStr(secret)) == username


async def test_google_gives_a_token_for_a_key(catalog: Catalog, internet: Internet, secret: Keep) -> None:
    service = TokenService(path="/v2/token")
    challenge = 'Bearer realm="https://gcr.io/v2/token",service="gcr.io"'
    registry = Registry(challenge=challenge, accepts=("Bearer good-token-of-nothing",))
    internet.hosts["gcr.io"] = Starlette(routes=[*service.app.routes, *registry.app.routes])
    test, health = await found(catalog, "gcr", username=USER, secret_ref=secret(PASSWORD))
    assert (test.health, health.health) == (Health.HEALTHY, Health.HEALTHY)
    assert service.asked[0] == {"service": "gcr.io"}


async def test_azure_exchanges_twice_as_its_examples_do(
    catalog: Catalog, internet: Internet, secret: Keep, contracts: Path
) -> None:
    examples = json.loads((contracts / "acr" / "oauth2_examples.json").read_text())
    azure = Azure(entra="a-token-of-entra")
    internet.hosts["some.azurecr.io"] = azure.app
    config = {"base_url": "https://some.azurecr.io", "options": {"tenant": "a-tenant"}}
    test, health = await found(catalog, "acr", **config, secret_ref=secret("a-token-of-entra"))
    assert (test.health, health.health) == (Health.HEALTHY, Health.HEALTHY)
    assert azure.asked.keys() == examples.keys()
    for endpoint, form in azure.asked.items():
        described = examples[endpoint]["form"]
        assert form["grant_type"] == described["grant_type"]
        assert form["service"] == "some.azurecr.io"
        assert described.keys() - form.keys() <= {"scope"}  # a ping is of no scope
        assert form.keys() <= described.keys()


async def test_azure_refuses_a_token_that_is_not_its_own(
    catalog: Catalog, internet: Internet, secret: Keep
) -> None:
    internet.hosts["some.azurecr.io"] = Azure(entra="another-token").app
    test, _ = await found(catalog, "acr", base_url="https://some.azurecr.io", secret_ref=secret("a-token"))
    assert test.health is Health.UNAUTHORIZED


# Forges


def gitlab(token: dict[str, Any] | None, seen: list[str | None]) -> Starlette:
    async def version(request: Any) -> Response:
        seen.append(request.headers.get("private-token"))
        return JSONResponse({"version": "17.5.1", "revision": "abc"})

    routes = [Route("/api/v4/version", version)]
    if token is not None:
        routes += answering({"/api/v4/personal_access_tokens/self": JSONResponse(token)}).routes  # type: ignore[arg-type]  # they are Routes
    return Starlette(routes=routes)


@pytest.mark.parametrize(
    ("token", "health"),
    [
        ({"active": True, "expires_at": None}, Health.HEALTHY),
        ({"active": True, "expires_at": "2026-03-01"}, Health.HEALTHY),
        ({"active": True, "expires_at": "2026-01-05"}, Health.DEGRADED),
        ({"active": False, "expires_at": "2025-12-01"}, Health.UNAUTHORIZED),
        (None, Health.HEALTHY),
    ],
    ids=["for ever", "for months", "for days", "expired", "an old GitLab"],
)
async def test_gitlab_is_as_well_as_our_token(
    catalog: Catalog, internet: Internet, secret: Keep, token: dict[str, Any] | None, health: Health
) -> None:
    seen: list[str | None] = []
    internet.hosts["gitlab.com"] = gitlab(token, seen)
    tested, looked = await found(catalog, "gitlab", secret_ref=secret("a-token-of-gitlab"))
    assert tested == Finding(Health.HEALTHY, "GitLab 17.5.1 takes our token.")
    assert looked.health is health
    assert set(seen) == {"a-token-of-gitlab"}


def github(private_key: rsa.RSAPrivateKey, suspended_at: str | None) -> Starlette:
    def claims(request: Any) -> dict[str, Any]:
        token = request.headers["authorization"].removeprefix("Bearer ")
        unclocked = {"verify_exp": False, "verify_iat": False}
        key = private_key.public_key()
        return jwt.decode(token, key, algorithms=["RS256"], options=unclocked)  # type: ignore[arg-type]  # a part of them

    async def app(request: Any) -> Response:
        said = claims(request)
        assert said["iat"] < NOW.timestamp() < said["exp"] <= NOW.timestamp() + 600
        return JSONResponse({"id": 1, "slug": f"app-{said['iss']}"})

    async def installation(request: Any) -> Response:
        claims(request)
        if request.path_params["id"] != "42":
            return JSONResponse({"message": "Not Found"}, 404)
        return JSONResponse({"id": 42, "suspended_at": suspended_at})

    return Starlette(routes=[Route("/app", app), Route("/app/installations/{id}", installation)])


@pytest.mark.parametrize(
    ("installation", "suspended_at", "health"),
    [
        ("42", None, Health.HEALTHY),
        ("42", "2025-12-24T00:00:00Z", Health.UNAUTHORIZED),
        ("43", None, Health.UNHEALTHY),
        ("../app", None, Health.UNAUTHORIZED),
    ],
    ids=["well", "suspended", "unknown", "no number"],
)
async def test_a_github_app_is_as_well_as_its_installation(
    catalog: Catalog,
    internet: Internet,
    secret: Keep,
    private_key: rsa.RSAPrivateKey,
    pem: str,
    installation: str,
    suspended_at: str | None,
    health: Health,
) -> None:
    internet.hosts["api.github.com"] = github(private_key, suspended_at)
    options = {"app_id": "7", "installation_id": installation}
    _, looked = await found(catalog, "github_app", secret_ref=secret(pem), options=options)
    assert looked.health is health


async def test_github_knows_an_app_by_its_signature(
    catalog: Catalog, internet: Internet, secret: Keep, private_key: rsa.RSAPrivateKey, pem: str
) -> None:
    internet.hosts["api.github.com"] = github(private_key, None)
    for finding in await found(catalog, "github_app", secret_ref=secret(pem), options={"app_id": "7"}):
        assert finding == Finding(Health.HEALTHY, "GitHub knows us as app-7.")


async def test_what_is_no_private_key_is_not_quoted(catalog: Catalog, secret: Keep) -> None:
    finding, _ = await found(
        catalog, "github_app", secret_ref=secret("this-is-no-key"), options={"app_id": "7"}
    )
    assert finding.health is Health.UNAUTHORIZED
    assert "this-is-no-key" not in finding.detail


# In memory


async def test_in_memory_finds_what_its_entry_says(catalog: Catalog) -> None:
    test, health = await found(catalog, "in_memory", options={"health": "degraded"})
    assert test == health == Finding(Health.DEGRADED, "It was told to be degraded.")
