"""Google's registries, Artifact and Container: the password is a service account's key or a token."""

import json
from typing import ClassVar

from pydantic import SecretStr

from framework.catalog.contract import Visit
from framework.catalog.plugins.registry_v2 import RegistryV2
from framework.catalog.registry import Login, RegistryClient


class Gcr(RegistryV2):
    """A registry of Google. `secret_ref` is a service account's key file, or an access token.

    Google tells them apart by the user name, which is chosen by what the secret is. An access token lives for
    an hour and is not renewed here: refer to a file that something else keeps fresh.
    """

    provider: ClassVar[str] = "gcr"
    default_url: ClassVar[str] = "https://gcr.io"

    async def client(self, visit: Visit) -> RegistryClient:
        secret = visit.optional_secret()
        if secret is None:
            return RegistryClient(visit.http)
        return RegistryClient(visit.http, Login(visit.config.username or username_of(secret), secret))


def username_of(secret: SecretStr) -> str:
    """The user name under which Google takes this secret."""
    try:
        key = json.loads(secret.get_secret_value())
    except json.JSONDecodeError:
        return "oauth2accesstoken"
    is_key = isinstance(key, dict) and key.get("type") == "service_account"
    return "_json_key" if is_key else "oauth2accesstoken"
