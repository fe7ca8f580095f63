"""Azure Container Registry: a token of Entra is exchanged for the registry's, and that for one of a scope."""

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from framework.catalog.answers import Wire, read
from framework.catalog.challenge import Challenge
from framework.catalog.contract import Visit
from framework.catalog.plugins.registry_v2 import RegistryV2
from framework.catalog.registry import GivenToken, RegistryClient
from framework.integration.client import HTTPClient
from framework.observe import redactor


class RefreshToken(Wire):
    """What `/oauth2/exchange` answers."""

    refresh_token: str


@dataclass(frozen=True)
class ExchangedTokens:
    """Tokens for a scope, from a token of Entra. Source: Azure, "ACR authentication: OAuth2 API"."""

    entra: SecretStr
    tenant: str | None
    service: str

    async def token(self, http: HTTPClient, challenge: Challenge, scope: str) -> SecretStr:
        exchange = {
            "grant_type": "access_token",
            "service": challenge["service"] or self.service,
            "access_token": self.entra.get_secret_value(),
        }
        if self.tenant is not None:
            exchange["tenant"] = self.tenant
        refresh = read(await http.post("/oauth2/exchange", data=exchange), RefreshToken).refresh_token
        redactor.register(refresh)
        asked = {
            "grant_type": "refresh_token",
            "service": challenge["service"] or self.service,
            "scope": scope,
            "refresh_token": refresh,
        }
        return read(await http.post("/oauth2/token", data=asked), GivenToken).secret


class Acr(RegistryV2):
    """A registry of Azure. With a `username` (a service principal, a token, the admin) `secret_ref` is its
    password; without one, an access token of Entra, which is not renewed here.
    """

    provider: ClassVar[str] = "acr"
    judged_by: ClassVar = (*RegistryV2.judged_by, "Microsoft's published examples")
    optional: ClassVar = {**RegistryV2.optional, "tenant": "the tenant whose Entra gave the token"}

    async def client(self, visit: Visit) -> RegistryClient:
        if visit.config.username is not None or visit.config.secret_ref is None:
            return await super().client(visit)
        service = urlsplit(visit.config.base_url).hostname or ""
        tokens = ExchangedTokens(visit.secret(), visit.config.options.get("tenant"), service)
        return RegistryClient(visit.http, tokens=tokens)
