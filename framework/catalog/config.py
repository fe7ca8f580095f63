"""How an entry is reached: addresses, and where its secret is kept."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator

from framework.integration.secrets import AuthRef, LiteralSecret
from framework.model.payload import Payload

_HOST = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?")
_SECRET_NAME = re.compile(r"secret|token|password|passwd|private_?key|api_?key|credential", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"-----BEGIN|gh[opsur]_|github_pat_|glpat-|eyJ[\w-]+\.|xox[abp]-|sk_(live|test)_")


class EntryConfig(Payload):
    """Where an entry is, and as whom it is visited.

    `base_url` may be empty for what lies in no network. `hosts` are all others that a visit may reach, such
    as the host of a registry's token service. `secret_ref` says where the secret is kept. `options` are the
    plugin's own; the name of one that refers to a secret ends in `_ref`. What looks like a literal secret is
    refused wherever it stands.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str = ""
    hosts: tuple[str, ...] = ()
    username: str | None = None
    secret_ref: AuthRef | None = None
    options: Mapping[str, str] = Field(default_factory=dict)

    @field_validator("base_url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        if not url:
            return url
        if "@" in url:
            raise LiteralSecret(setting="The base_url of a catalog entry")
        if not _is_address(url):
            raise ValueError("this is no address such as https://registry.example.com")
        return url.rstrip("/")

    @field_validator("hosts")
    @classmethod
    def _hosts_are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_HOST.fullmatch(host) for host in hosts):
            raise ValueError("hosts are names in lower case such as auth.example.com")
        return hosts

    @field_validator("username")
    @classmethod
    def _a_name_is_no_secret(cls, username: str | None) -> str | None:
        if username is not None and _SECRET_VALUE.match(username):
            raise LiteralSecret(setting="The username of a catalog entry")
        return username

    @field_validator("options")
    @classmethod
    def _options_hold_no_secrets(cls, options: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in options.items():
            setting = f"The option {name} of a catalog entry"
            if name.endswith("_ref"):
                AuthRef(value, setting=setting)
            elif _SECRET_NAME.search(name) or _SECRET_VALUE.match(value):
                raise LiteralSecret(setting=setting)
        return dict(sorted(options.items()))

    def changed(self, **values: Any) -> "EntryConfig":
        """The same config but for these values, checked again."""
        return EntryConfig(**{**self.model_dump(), **values})


def _is_address(url: str) -> bool:
    """Whether this is a scheme, a host, perhaps a port and a path, and nothing else."""
    try:
        parts = urlsplit(url)
        return bool(
            parts.scheme in ("http", "https")
            and parts.hostname
            and parts.port != 0
            and not parts.query
            and not parts.fragment
        )
    except ValueError:  # a port that is no number of a port, half an IPv6 address
        return False
