"""The client of the Registry v2 API proves itself when asked to, and believes no more than it can check."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from framework.catalog.challenge import Challenge, challenges
from framework.catalog.examination import POLICY
from framework.catalog.registry import Login, RegistryClient
from framework.errors import NeedsAttention, Permanent
from framework.integration.egress import HostRefused
from framework.integration.http import HTTPClient, open_client
from tests.catalog.conftest import Internet
from tests.catalog.doubles import BASIC, DIGEST, IMAGE, PASSWORD, USER, Registry, TokenService

pytestmark = pytest.mark.anyio

HOST, AUTH = "registry.example.com", "auth.example.com"
LOGIN = Login(USER, SecretStr(PASSWORD))
BEARER = f'Bearer realm="https://{AUTH}/token",service="{HOST}"'
PULL = "repository:team/app:pull"


@pytest.fixture
async def http(internet: Internet) -> AsyncIterator[HTTPClient]:
    async with open_client(f"https://{HOST}", [HOST, AUTH], POLICY, transport=internet) as client:
        yield client


async def test_an_open_registry_asks_for_nothing(http: HTTPClient, internet: Internet) -> None:
    internet.hosts[HOST] = Registry().app
    await RegistryClient(http, LOGIN).ping()
    assert [request.headers.get("authorization") for request in internet.requests] == [None]


async def test_a_login_is_sent_when_it_is_asked_for_and_then_kept(
    http: HTTPClient, internet: Internet
) -> None:
    internet.hosts[HOST] = Registry(challenge='Basic realm="here"', accepts=(BASIC,)).app
    registry = RegistryClient(http, LOGIN)
    await registry.ping()
    await registry.ping()
    assert [request.headers.get("authorization") for request in internet.requests] == [None, BASIC, BASIC]


async def test_a_wrong_password_is_refused(http: HTTPClient, internet: Internet) -> None:
    internet.hosts[HOST] = Registry(challenge='Basic realm="here"', accepts=(BASIC,)).app
    with pytest.raises(NeedsAttention, match="401"):
        await RegistryClient(http, Login(USER, SecretStr("wrong-password"))).ping()
    with pytest.raises(NeedsAttention, match="asks for a name"):
        await RegistryClient(http).ping()


@pytest.mark.parametrize("name", ["token", "access_token"])
async def test_a_token_is_fetched_where_the_challenge_says(
    http: HTTPClient, internet: Internet, name: str
) -> None:
    service = TokenService(name=name)
    internet.hosts[AUTH] = service.app
    internet.hosts[HOST] = Registry(challenge=BEARER, accepts=(f"Bearer good-token-of-{PULL}",)).app
    assert await RegistryClient(http, LOGIN).tags("team/app") == ["latest", "v1", "v2"]
    assert service.asked == [{"service": HOST, "scope": PULL}]


async def test_each_repository_needs_a_token_of_its_own(http: HTTPClient, internet: Internet) -> None:
    service = TokenService()
    internet.hosts[AUTH] = service.app
    accepts = tuple(f"Bearer good-token-of-repository:{name}:pull" for name in ("a", "b"))
    internet.hosts[HOST] = Registry(challenge=BEARER, accepts=accepts, tags={"a": ["1"], "b": ["2"]}).app
    registry = RegistryClient(http, LOGIN)
    assert (await registry.tags("a"), await registry.tags("b"), await registry.tags("a")) == (
        ["1"],
        ["2"],
        ["1"],
    )
    assert [asked["scope"] for asked in service.asked] == ["repository:a:pull", "repository:b:pull"]


async def test_anybody_gets_a_token_for_what_is_public(http: HTTPClient, internet: Internet) -> None:
    internet.hosts[AUTH] = TokenService().app
    internet.hosts[HOST] = Registry(challenge=BEARER, accepts=(f"Bearer anonymous-token-of-{PULL}",)).app
    assert "v1" in await RegistryClient(http).tags("team/app")


async def test_the_password_goes_to_no_host_that_is_not_allowed(http: HTTPClient, internet: Internet) -> None:
    internet.hosts[HOST] = Registry(challenge='Bearer realm="https://evil.example.net/token"').app
    with pytest.raises(HostRefused, match=r"evil\.example\.net"):
        await RegistryClient(http, LOGIN).ping()
    assert internet.asked("evil.example.net") == []


async def test_a_token_that_is_refused_is_not_asked_for_without_end(
    http: HTTPClient, internet: Internet
) -> None:
    service = TokenService()
    internet.hosts[AUTH] = service.app
    internet.hosts[HOST] = Registry(challenge=BEARER, accepts=()).app
    with pytest.raises(NeedsAttention):
        await RegistryClient(http, LOGIN).ping()
    assert len(service.asked) == 1


async def test_a_manifest_is_what_its_digest_says(http: HTTPClient, internet: Internet) -> None:
    internet.hosts[HOST] = Registry().app
    registry = RegistryClient(http)
    for reference in ("v1", DIGEST):
        manifest = await registry.manifest("team/app", reference)
        assert (manifest.digest, manifest.content) == (DIGEST, IMAGE)
        assert manifest.media_type == "application/vnd.oci.image.manifest.v1+json"
    internet.hosts[HOST] = Registry(manifest=b"{}").app
    for reference in ("v1", DIGEST):
        with pytest.raises(Permanent, match="not what its digest says"):
            await registry.manifest("team/app", reference)


async def test_the_tags_of_an_empty_repository_may_be_null(http: HTTPClient, internet: Internet) -> None:
    internet.hosts[HOST] = Registry(tags={"team/app": None}).app
    assert await RegistryClient(http).tags("team/app") == []


@pytest.mark.parametrize("name", ["../secrets", "Team/App", "team//app", "", "a?b", "a/../b"])
async def test_what_is_no_name_of_a_repository_is_not_asked_for(
    http: HTTPClient, internet: Internet, name: str
) -> None:
    with pytest.raises(Permanent, match="no name of a repository"):
        await RegistryClient(http).tags(name)
    assert internet.requests == []


async def test_what_is_no_reference_is_not_asked_for(http: HTTPClient, internet: Internet) -> None:
    with pytest.raises(Permanent, match="neither a tag nor a digest"):
        await RegistryClient(http).manifest("team/app", "../../v1")
    assert internet.requests == []


async def test_a_repository_that_is_not_there_is_not_found(http: HTTPClient, internet: Internet) -> None:
    internet.hosts[HOST] = Registry().app
    with pytest.raises(Permanent, match="404"):
        await RegistryClient(http).tags("no/such")


def test_several_challenges_of_one_header_are_told_apart() -> None:
    header = 'Negotiate, Bearer realm="https://a/token",service="a, \\"b\\"", scope=x, Basic realm="r"'
    assert challenges(header) == [
        Challenge("bearer", {"realm": "https://a/token", "service": 'a, "b"', "scope": "x"}),
        Challenge("basic", {"realm": "r"}),
    ]


@pytest.mark.parametrize("header", ["", "Negotiate", 'realm="x"', ",,,", 'Bearer realm="'])
def test_what_is_no_challenge_is_none(header: str) -> None:
    assert [one.scheme for one in challenges(header)] == []
