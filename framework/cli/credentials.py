"""`millrace env-check` and `env-example`: which variables an App reads, and which are missing."""

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from framework.app import App
from framework.cli.doubles import variable
from framework.integration.integration import Integration
from framework.integration.secrets import AuthRef, Credential, require
from framework.web.access import BearerTokens

BASE_URL_MEANS = "Another address, such as a sandbox's."


def checked(app: App) -> list[Credential]:
    """The credentials of all integrations. Raises MissingCredentials, which names all that are missing."""
    credentials = [one for integration in app.integrations for one in integration.credentials()]
    require(credentials)
    return credentials


def example(app: App) -> str:
    """A `.env` file with every variable that the App reads, its purpose, and where to obtain it."""
    parts = [
        "# Copy this file to .env and fill in what you have. An integration without credentials talks to its",
        "# sandbox in `millrace demo`, and `millrace env-check` names what is missing for the real vendor.",
        "",
        "# Where the data is kept.",
        f"# DATABASE_URL={app.url}",
        *_of_the_api(app),
    ]
    for integration in app.integrations:
        parts += ["", *_of(integration)]
    return "\n".join(parts) + "\n"


def _of_the_api(app: App) -> Iterator[str]:
    """The tokens of those who may use the API, if the App knows them by tokens."""
    if isinstance(app.authorize, BearerTokens):
        for credential in app.authorize.credentials():
            yield ""
            yield f"# Purpose: {credential.purpose}"
            yield f"# Obtain from: {credential.obtain}"
            yield f"# {credential.name}="


def _of(integration: Integration[Any]) -> Iterator[str]:
    manifest = integration.manifest
    yield f"# --- {manifest.title if manifest else integration.name}"
    for credential in integration.credentials({}):
        yield ""
        yield f"# Purpose: {credential.purpose}"
        yield f"# Obtain from: {credential.obtain}"
        yield f"{'# ' if credential.optional else ''}{credential.name}="
    for name, field in type(integration.settings).model_fields.items():
        yield ""
        yield f"# {_purpose(name, field)}"
        yield f"# {variable(integration, name)}={'' if field.default is None else field.default}"


def _purpose(name: str, field: FieldInfo) -> str:
    if field.description:
        return field.description
    if isinstance(field.default, AuthRef):
        return f"Where {field.default.place} is kept, if not under its own name here (file:///path)."
    return BASE_URL_MEANS if name == "base_url" else f"See the settings of the integration ({name})."
