"""An integration: how calls leave for one vendor, and how their outcomes come home."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, cast, get_args

from pydantic import ValidationError
from pydantic_settings import BaseSettings
from typing_extensions import TypeVar

from framework.errors import DeclarationError
from framework.integration import registration
from framework.integration.assembly import Declarations, assemble
from framework.integration.handlers import (
    API,
    CallHandlers,
    Inbound,
    Poll,
    SideEffect,
    Webhook,
)
from framework.integration.inputs import input_of
from framework.integration.manifest import BASE_URL, FILE_NAME, Manifest, Secret, load_manifest
from framework.integration.policy import Policy
from framework.integration.registration import VerbWithoutFunction
from framework.integration.secrets import AuthRef, Credential, is_present
from framework.integration.verbs import Verbs
from framework.model.apicall import APICall
from framework.model.record import Record

if TYPE_CHECKING:
    from framework.integration.client import HTTPClient

Settings = TypeVar("Settings", bound=BaseSettings, default=Any)

HookVerb: TypeAlias = Literal["test_connection", "check_health", "on_start", "on_stop"]


class BadIntegrationName(DeclarationError):
    """An integration cannot be called {name!r}: the name is part of addresses. Write it like_this."""


class WrongPart(DeclarationError):
    """Integration({name!r}, {part}={given!r}) cannot be: it must be {must}."""


class NotConfigured(DeclarationError):
    """The {thing} of integration {integration} is not known yet. Read it after `configure()`."""


class InvalidSettings(DeclarationError):
    """The settings {settings} of integration {integration} cannot be used:
    {mistakes}
    """


class HookTwice(DeclarationError):
    """Integration {integration} has two functions for {verb}. Remove one of them."""


class Integration(Verbs, Generic[Settings]):
    """What carries out the calls of one vendor. Declares only: nothing runs before an App is built from it.

    `settings` is an instance, or a class that is instantiated when the App is built. `manifest` may be left
    out where a manifest.toml lies beside the module of the settings; with no manifest at all, calls may go
    to the host of the setting `base_url` and nowhere else.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: type[Settings] | Settings | None = None,
        policy: Policy | None = None,
        manifest: Manifest | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.policy = policy or Policy()
        self._declared_settings = settings
        self._declared_manifest = manifest
        self._settings: Settings | None = None
        self._manifest: Manifest | None = manifest

    def configure(self) -> None:
        """Read settings and manifest. Raises DeclarationError if either cannot be used."""
        if not re.fullmatch(r"[a-z][a-z0-9_]*", str(self.name)):
            raise BadIntegrationName(name=self.name)
        self._check_parts()
        self._settings = self._read_settings()
        self._manifest = self._declared_manifest or self._find_manifest()

    def setup(self, app: Any) -> None:
        """Look at the App that is being built; for subclasses. It cannot be imported from here, hence Any."""

    def create_side_effects(self) -> list[SideEffect]:
        """What happens on the creation of records: the `call`, `submit` and `side_effect` verbs."""
        executions: Mapping[str, Any] = {"call": "call", "submit": "submit", "side_effect": None}
        return [
            SideEffect(cast(type[Record], one.record), one.function, executions[one.verb])
            for one in self._registered(*executions)
        ]

    def create_apis(self) -> list[API]:
        """What users may ask: the `api` verbs."""
        return [
            API(
                cast(type[APICall], one.record),
                one.path or one.function.__name__,
                one.function,
                input_of(one.function, self.name),
            )
            for one in self._registered("api")
        ]

    def create_webhooks(self) -> list[Webhook]:
        """Where the vendor may deliver: the `webhook` verbs."""
        return [
            Webhook(cast(type[APICall], one.record), one.path, one.verify, one.function, one.tenant)
            for one in self._registered("webhook")
        ]

    def create_inbounds(self) -> list[Inbound]:
        """Where the vendor tells what happened unasked: the `inbound` verbs."""
        return [
            Inbound(one.path, one.verify, one.key, one.function, one.tenant)
            for one in self._registered("inbound")
            if one.key is not None
        ]

    def create_polls(self) -> list[Poll]:
        """How outcomes are asked for: the `poll` verbs."""
        return [Poll(cast(type[APICall], one.record), one.function) for one in self._registered("poll")]

    @property
    def handlers(self) -> Mapping[type[APICall], CallHandlers]:
        """The handlers of each call class that this integration serves.

        Assembled anew each time: read it once, while the App is built. Raises DeclarationError.
        """
        registration.check(self.name, self._registrations)
        for verb, record in self._begun:
            raise VerbWithoutFunction(
                integration=self.name, verb=verb, given=getattr(record, "__name__", "...")
            )
        for verb in get_args(HookVerb):
            if len(self._registered(verb)) > 1:
                raise HookTwice(integration=self.name, verb=verb)
        return assemble(
            Declarations(
                integration=self.name,
                policy=self.policy,
                side_effects=self.create_side_effects(),
                webhooks=self.create_webhooks(),
                inbounds=self.create_inbounds(),
                polls=self.create_polls(),
                apis=self.create_apis(),
                others=self._registered("recover", "reconcile", "cancel"),
                in_doubt=self._manifest.in_doubt if self._manifest else None,
            )
        )

    @property
    def side_effects(self) -> list[SideEffect]:
        """The bare side effects: those that carry out no call."""
        return [effect for effect in self.create_side_effects() if effect.execution is None]

    def hook(self, verb: HookVerb) -> Callable[..., Any] | None:
        """The function under `test_connection`, `check_health`, `on_start` or `on_stop`, if there is one."""
        found = self._registered(verb)
        return found[0].function if found else None

    @property
    def settings(self) -> Settings:
        """The settings as they were read by `configure()`."""
        if self._settings is None:
            raise NotConfigured(integration=self.name, thing="settings")
        return self._settings

    @property
    def manifest(self) -> Manifest | None:
        """The manifest, once `configure()` has found it; None if there is none."""
        return self._manifest

    @property
    def base_url(self) -> str:
        """Where the vendor is, as the settings say; empty if they do not."""
        return str(getattr(self._settings, "base_url", None) or "")

    def open_client(self, **options: Any) -> "AbstractAsyncContextManager[HTTPClient]":
        """The client that handlers of this integration get; see `framework.integration.http.open_client`."""
        hosts = self._manifest.hosts if self._manifest else (BASE_URL,)
        named = (
            f"the {FILE_NAME} of {self.name}" if self._manifest else f"the setting base_url of {self.name}"
        )
        from framework.integration.http import open_client  # it brings in aiohttp

        return open_client(self.base_url, hosts, self.policy, manifest=named, **options)

    def credentials(self, environ: Mapping[str, str] | None = None) -> list[Credential]:
        """All secrets of the manifest, each with whether it is there."""
        if self._manifest is None:
            return []
        return [self._credential(secret, environ) for secret in self._manifest.secrets]

    def _check_parts(self) -> None:
        settings = self._declared_settings
        kind = settings if isinstance(settings, type) else type(settings)
        parts: list[tuple[str, Any, bool, str]] = [
            ("policy", self.policy, isinstance(self.policy, Policy), "a Policy: `Policy(concurrency=4)`"),
            ("manifest", self._declared_manifest, isinstance(self._declared_manifest, Manifest | None),
             "a Manifest: `load_manifest(folder)`"),
            ("settings", settings, settings is None or issubclass(kind, BaseSettings),
             "a class of settings, or one of its instances: `class VendorSettings(BaseSettings)`"),
        ]  # fmt: skip
        for part, given, fits, must in parts:
            if not fits:
                raise WrongPart(name=self.name, part=part, given=given, must=must)

    def _read_settings(self) -> Settings | None:
        declared = self._declared_settings
        if not isinstance(declared, type):
            return declared
        try:
            return declared()
        except ValidationError as error:
            mistakes = "\n".join(f"{_name(one['loc'])}: {one['msg']}" for one in error.errors())
            # without its cause, which quotes the values of the settings
            raise InvalidSettings(
                settings=declared.__name__, integration=self.name, mistakes=mistakes
            ) from None

    def _find_manifest(self) -> Manifest | None:
        """The manifest beside the module of the settings."""
        declared = self._declared_settings
        kind = declared if isinstance(declared, type) else type(declared)
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        folder = Path(file).parent if file else None
        return load_manifest(folder) if folder and (folder / FILE_NAME).is_file() else None

    def _credential(self, secret: Secret, environ: Mapping[str, str] | None) -> Credential:
        reference = self._reference(secret.name)
        return Credential(
            name=secret.name,
            purpose=secret.purpose,
            obtain=secret.obtain,
            reference=reference,
            optional=secret.optional,
            present=is_present(reference, environ),
        )

    def _reference(self, name: str) -> AuthRef:
        """Where a secret of the manifest is kept.

        The setting of that name says so, or else the one that refers to the variable of that name by default,
        wherever it points now; a secret without a setting is in the environment.
        """
        if self._settings is not None:
            for field, declared in type(self._settings).model_fields.items():
                value = getattr(self._settings, field)
                if isinstance(value, AuthRef) and (field == name or declared.default == f"env://{name}"):
                    return value
        return AuthRef(f"env://{name}")


def _name(location: Iterable[int | str]) -> str:
    return ".".join(map(str, location)) or "settings"
