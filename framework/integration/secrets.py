"""Secrets by reference: settings say where a secret is kept, and it is read when it is needed."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import GetCoreSchemaHandler, SecretStr
from pydantic_core import CoreSchema, core_schema

from framework.errors import DeclarationError, NeedsAttention
from framework.observe import redactor

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class LiteralSecret(DeclarationError):
    """{setting} must say where a secret is kept, and not what it is. Write env://NAME or file:///path."""


class UnsupportedReference(DeclarationError):
    """{setting} refers to {scheme}://, which is not supported yet. Write env://NAME or file:///path."""


class BadReference(DeclarationError):
    """{setting} is {reference!r}, which names nothing. Write env://NAME or file:///absolute/path."""


class AuthRef(str):
    """Where a secret is kept, `env://STRIPE_SECRET_KEY` or `file:///run/secrets/stripe`; never the secret."""

    __slots__ = ()

    def __new__(cls, reference: str, *, setting: str = "A reference to a secret") -> Self:
        if not isinstance(reference, str):
            raise LiteralSecret(setting=setting)
        scheme, separator, rest = reference.partition("://")
        if not separator or not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme):
            raise LiteralSecret(setting=setting)
        if scheme not in ("env", "file"):
            raise UnsupportedReference(setting=setting, scheme=scheme)
        if not (_NAME.fullmatch(rest) if scheme == "env" else rest.startswith("/") and len(rest) > 1):
            raise BadReference(setting=setting, reference=f"{scheme}://")
        return super().__new__(cls, reference)

    @property
    def place(self) -> str:
        """The name of the environment variable, or the path of the file."""
        return self.partition("://")[2]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check a setting. Its errors are no ValueErrors: pydantic would quote the value in those."""

        def refer(value: Any, info: core_schema.ValidationInfo) -> AuthRef:
            setting = f"The setting {info.field_name}" if info.field_name else "A reference to a secret"
            if not isinstance(value, str):
                raise LiteralSecret(setting=setting)
            return cls(value, setting=setting)

        return core_schema.with_info_plain_validator_function(
            refer, serialization=core_schema.to_string_ser_schema()
        )


@dataclass(frozen=True)
class Credential:
    """A secret that an integration needs, and whether it is there."""

    name: str
    purpose: str
    obtain: str
    reference: AuthRef
    optional: bool = False
    present: bool = False

    @property
    def missing(self) -> bool:
        return not self.optional and not self.present


class MissingCredentials(NeedsAttention):
    """❌ Missing credentials:
    {credentials}
    Please add these to your .env file and re-run.
    """

    def __init__(self, missing: Iterable[Credential]) -> None:
        self.missing = tuple(missing)
        lines = "\n".join(
            f"  {credential.name} ({credential.reference})\n"
            f"    Purpose: {credential.purpose}\n"
            f"    Obtain from: {credential.obtain}"
            for credential in self.missing
        )
        super().__init__("", code="missing_credentials", credentials=lines)


def resolve(reference: AuthRef | str, environ: Mapping[str, str] | None = None) -> SecretStr:
    """The secret behind a reference, read anew each time, and masked in logs from now on.

    Raises MissingCredentials if nothing is there. `environ` is the process's own environment if None.
    """
    reference = AuthRef(reference)
    value = _read(reference, os.environ if environ is None else environ)
    if not value:
        purpose, obtain = "a secret that the settings refer to", "whoever runs the vendor's account"
        raise MissingCredentials([Credential(reference.place, purpose, obtain, reference)])
    for part in (value, *value.split(",")):  # a list of several secrets, while one is rotated
        redactor.register(part.strip())
    return SecretStr(value)


def is_present(reference: AuthRef, environ: Mapping[str, str] | None = None) -> bool:
    """Whether a secret is kept where the reference says."""
    return bool(_read(reference, os.environ if environ is None else environ))


def _read(reference: AuthRef, environ: Mapping[str, str]) -> str:
    if reference.startswith("env://"):
        return environ.get(reference.place, "").strip()
    try:
        return Path(reference.place).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        purpose, obtain = "a secret that the settings refer to", f"the file, made readable: {error.strerror}"
        raise MissingCredentials([Credential(reference.place, purpose, obtain, reference)]) from error


def require(credentials: Iterable[Credential]) -> None:
    """Raise MissingCredentials with every missing one, not only the first."""
    missing = [credential for credential in credentials if credential.missing]
    if missing:
        raise MissingCredentials(missing)
