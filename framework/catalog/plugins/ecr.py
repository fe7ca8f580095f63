"""Amazon ECR: a password for twelve hours, given for a signed request."""

import binascii
from base64 import b64decode
from typing import ClassVar

from pydantic import SecretStr

from framework.catalog.answers import Wire, read
from framework.catalog.config import EntryConfig
from framework.catalog.contract import Visit
from framework.catalog.plugins.registry_v2 import RegistryV2
from framework.catalog.registry import Login, RegistryClient
from framework.catalog.sigv4 import AwsKey, signed_post
from framework.errors import Permanent
from framework.observe import redactor

TARGET = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"


class AuthorizationData(Wire):
    """A name and a password in base64."""

    authorizationToken: str  # noqa: N815  # AWS writes it so


class AuthorizationTokens(Wire):
    """What GetAuthorizationToken answers."""

    authorizationData: list[AuthorizationData]  # noqa: N815  # AWS writes it so


class Ecr(RegistryV2):
    """A private registry of ECR. `secret_ref` is the secret access key.

    Access keys only, long-lived or temporary: no role is assumed, and no instance is asked for its own.
    """

    provider: ClassVar[str] = "ecr"
    required: ClassVar = {
        "region": "the region of the registry, such as eu-central-1",
        "access_key_id": "the name of the access key whose secret `secret_ref` refers to",
    }
    optional: ClassVar = {
        **RegistryV2.optional,
        "session_ref": "where the session token of temporary credentials is kept",
    }

    def hosts(self, config: EntryConfig) -> tuple[str, ...]:
        return (_service(config),)

    async def client(self, visit: Visit) -> RegistryClient:
        """A client with the password that AWS gives us now."""
        host, options = _service(visit.config), visit.config.options
        key = AwsKey(options["access_key_id"], visit.secret(), visit.secret_option("session_ref"))
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": TARGET}
        signed = signed_post(key, host, headers, b"{}", region=options["region"], service="ecr", at=visit.now)
        answer = await visit.http.post(f"https://{host}/", content=b"{}", headers=signed)
        return RegistryClient(visit.http, _login(read(answer, AuthorizationTokens)))


def _service(config: EntryConfig) -> str:
    china = ".cn" if config.options["region"].startswith("cn-") else ""
    return f"api.ecr.{config.options['region']}.amazonaws.com{china}"


def _login(tokens: AuthorizationTokens) -> Login:
    try:
        given = b64decode(tokens.authorizationData[0].authorizationToken, validate=True).decode()
    except (IndexError, binascii.Error, UnicodeDecodeError) as error:
        raise _without_a_password() from error
    username, _, password = given.partition(":")
    if not password:
        raise _without_a_password()
    redactor.register(password)
    return Login(username, SecretStr(password))


def _without_a_password() -> Permanent:
    return Permanent("AWS answered without a password.", code="unexpected_answer")
