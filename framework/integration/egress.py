"""Egress: the hosts that an integration's client may reach."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from framework.errors import Permanent
from framework.integration.manifest import BASE_URL

_PORTS = {"http": 80, "https": 443}


class HostRefused(Permanent):
    """{host} is none of the hosts that {manifest} lists. Add it to `hosts` there if calls may go to it."""

    def __init__(self, host: str, manifest: str) -> None:
        super().__init__("", code="host_refused", host=host, manifest=manifest)


class InsecureScheme(Permanent):
    """{host} is to be reached by {scheme}://. Only https may leave the machine; correct the address."""

    def __init__(self, host: str, scheme: str) -> None:
        super().__init__("", code="insecure_scheme", host=host, scheme=scheme)


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port of an address."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def of(cls, url: str) -> "Origin":
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        return cls(scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(scheme))

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True)
class Egress:
    """The hosts of a manifest, and the address that the settings give.

    The origin of `base_url` may be reached if it is a listed host, or on this very machine (a sandbox), or if
    the manifest leaves the choice to the settings by `{base_url}`. `manifest` names the list in errors.
    """

    hosts: tuple[str, ...]
    base_url: str = ""
    manifest: str = "the manifest"

    def check(self, scheme: str, host: str, port: int | None) -> None:
        """Raise HostRefused or InsecureScheme unless a request may go there."""
        _check(self, scheme, host, port)


@lru_cache(maxsize=1024)
def _check(egress: Egress, scheme: str, host: str, port: int | None) -> None:
    """What may go is remembered; what is refused is looked at each time."""
    target = Origin(scheme, host.lower().rstrip("."), port or _PORTS.get(scheme))
    home = Origin.of(egress.base_url)
    if target == home and (home.is_loopback or BASE_URL in egress.hosts):
        return
    if not any(_covers(pattern, target) for pattern in egress.hosts):
        raise HostRefused(target.host or "An address without a host", egress.manifest)
    if target.scheme != "https":
        raise InsecureScheme(target.host, target.scheme)


def _covers(pattern: str, target: Origin) -> bool:
    """Whether a pattern of the list means the target; without a port it means the usual ones."""
    name, _, port = pattern.partition(":")
    if target.port not in ([int(port)] if port else _PORTS.values()):
        return False
    return target.host.endswith(name[1:]) if name.startswith("*.") else target.host == name
