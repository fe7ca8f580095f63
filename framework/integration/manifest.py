"""Manifests: what is to know about an integration without importing its code."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from framework.errors import DeclarationError
from framework.integration.policy import OnDoubt

FILE_NAME = "manifest.toml"
BASE_URL = "{base_url}"
"""Stands in `hosts` for the host of the setting `base_url`: for vendors that people run themselves."""

_HOST = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?")


class MissingManifest(DeclarationError):
    """There is no {path}. An integration's folder states its hosts and secrets in a file of this name."""


class InvalidManifest(DeclarationError):
    """{path} cannot be used:
    {mistakes}
    """


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Secret(_Part):
    """A credential that the integration needs: the name of its environment variable or of its setting."""

    name: str = Field(min_length=1)
    purpose: str = Field(min_length=1)
    obtain: str = Field(min_length=1)
    optional: bool = False


class RuleState(_Part):
    """How far a rule of the quality scale is kept."""

    status: Literal["done", "todo", "exempt"]
    reason: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, value: Any) -> Any:
        return {"status": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _exempt_with_reason(self) -> Self:
        if self.status == "exempt" and not self.reason:
            raise ValueError("an exempt rule gives its reason")
        return self


class Quality(_Part):
    """What the integration is worth: a level, and the rules that it rests on."""

    level: Literal["bronze", "silver", "gold", "platinum"]
    rules: Mapping[str, RuleState] = Field(default_factory=dict)


CompletesBy: TypeAlias = Literal["call", "webhook", "poll", "upload"]
"""What brings the outcome: the answer of the call itself, a webhook, a poll, or a confirmed upload."""


class Manifest(_Part):
    """Facts about an integration. `hosts` is all that its HTTP client may reach.

    A host is a name, with a port if it is not the usual one of https; `*.example.com` is every host below
    example.com; `{base_url}` is the host that the settings name. `completes_by` names the usual way first.
    `in_doubt`, if given, is the policy's `on_doubt`.
    """

    title: str = Field(min_length=1)
    description: str = ""
    described_by: str = ""
    api_version: str
    hosts: tuple[str, ...] = Field(min_length=1)
    secrets: tuple[Secret, ...] = ()
    completes_by: tuple[CompletesBy, ...] = Field(min_length=1)
    in_doubt: OnDoubt | None = None
    limits: Mapping[str, str | int | float | bool] = Field(default_factory=dict)
    quality: Quality | None = None

    @field_validator("completes_by", mode="before")
    @classmethod
    def _one_way_or_several(cls, ways: Any) -> Any:
        return (ways,) if isinstance(ways, str) else ways

    @field_validator("hosts")
    @classmethod
    def _hosts_are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if host != BASE_URL and not _HOST.fullmatch(host):
                raise ValueError(f"{host!r} is no host name in lower case such as 'api.example.com'")
        return hosts

    @field_validator("secrets")
    @classmethod
    def _secrets_are_told_apart(cls, secrets: tuple[Secret, ...]) -> tuple[Secret, ...]:
        names = [secret.name for secret in secrets]
        if len(set(names)) < len(names):
            raise ValueError("two secrets have the same name")
        return secrets


def load_manifest(folder: Path | str) -> Manifest:
    """The manifest of the integration in `folder`; raises MissingManifest or InvalidManifest."""
    path = Path(folder) / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingManifest(path=path) from error
    try:
        return Manifest.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidManifest(path=path, mistakes=str(error)) from error
    except ValidationError as error:
        mistakes = "\n".join(f"{_key(mistake['loc'])}: {mistake['msg']}" for mistake in error.errors())
        raise InvalidManifest(path=path, mistakes=mistakes) from error


def _key(location: tuple[int | str, ...]) -> str:
    """`secrets[0].purpose` for where pydantic found a mistake."""
    return (
        "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).lstrip(".")
        or "file"
    )
