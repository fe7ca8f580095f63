"""Where a client may go."""

import httpx
import pytest
import yarl

from framework.errors import Permanent
from framework.integration import HostRefused
from framework.integration.egress import Egress, InsecureScheme

LISTED = ("api.acme.example", "*.files.acme.example", "special.acme.example:8443")


def go(url: str, hosts: tuple[str, ...] = LISTED, base_url: str = "") -> None:
    parsed = httpx.URL(url)
    Egress(hosts, base_url, "the manifest.toml of acme").check(parsed.scheme, parsed.host, parsed.port)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.acme.example/v1",
        "https://API.Acme.Example:443/v1",
        "https://api.acme.example./v1",
        "https://eu.files.acme.example/a",
        "https://special.acme.example:8443",
    ],
)
def test_listed_hosts_may_be_reached(url: str) -> None:
    go(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1",
        "https://api.acme.example.evil.example/",
        "https://evilapi.acme.example/",
        "https://files.acme.example/",
        "https://evilfiles.acme.example/",
        "https://api.acme.example@evil.example/",
        "https://evil.example#@api.acme.example/",
        "https://api.acme.example:8080/",
        "https://special.acme.example/",
        "https://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:8000/",
        "https:///nowhere",
    ],
)
def test_other_hosts_are_refused_by_name(url: str) -> None:
    with pytest.raises(HostRefused, match=r"the manifest\.toml of acme") as caught:
        go(url)
    assert isinstance(caught.value, Permanent)
    assert caught.value.code == "host_refused"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example\\@api.acme.example/",
        "https://a@b@api.acme.example/",
        "https://api.acme.example:443@evil.example/",
        "https://api.acme.example%2eevil.example/",
        "https://evil.example?@api.acme.example",
        "https://0x7f.1/",
    ],
)
def test_what_is_checked_is_where_the_connection_goes(url: str) -> None:
    """httpx reads the address that is checked, yarl the one that aiohttp connects to."""
    checked = httpx.URL(url)
    assert yarl.URL(str(checked)).raw_host == checked.raw_host.decode()


def test_nothing_leaves_the_machine_unencrypted() -> None:
    with pytest.raises(InsecureScheme, match="Only https"):
        go("http://api.acme.example/v1")


@pytest.mark.parametrize("home", ["http://127.0.0.1:8000/acme", "http://localhost:9", "http://[::1]:9"])
def test_a_sandbox_on_this_machine_may_be_reached_when_the_settings_name_it(home: str) -> None:
    go(f"{home}/v1", base_url=home)
    with pytest.raises(HostRefused):
        go("http://127.0.0.1:8001/", base_url=home)


def test_the_settings_alone_cannot_send_calls_elsewhere() -> None:
    with pytest.raises(HostRefused):
        go("https://evil.example/v1", base_url="https://evil.example")


def test_a_manifest_may_leave_the_host_to_the_settings() -> None:
    hosts = ("{base_url}",)
    go("http://harbor.intern.example:8080/api", hosts=hosts, base_url="http://harbor.intern.example:8080")
    with pytest.raises(HostRefused):
        go("http://harbor.intern.example:9090/api", hosts=hosts, base_url="http://harbor.intern.example:8080")
