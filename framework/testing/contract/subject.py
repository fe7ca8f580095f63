"""A subject: what the suite has to know about one integration, and nothing about its vendor beyond that."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from framework.integration.handlers import CallHandlers
from framework.integration.integration import Integration
from framework.integration.manifest import Manifest
from framework.model.apicall import APICall
from framework.model.payload import Payload
from framework.testing.sandbox import Sandbox

Create: TypeAlias = Callable[[type[APICall]], Integration[Any]]
Answer: TypeAlias = dict[str, Any]


def nothing_to_do(sandbox: Any, call: APICall) -> None:
    """The vendor needs nobody to come to an end."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A class of calls, a request of it that the vendor carries out, and the integration that serves it."""

    call: type[APICall]
    create: Create
    request: Payload


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One integration, its sandbox, and what to ask of it.

    `usual` has the field names that the factory expects, `renamed` has others and passes mapping functions.
    `refused` is a request that the vendor, or the integration in its place, does not carry out.
    `environment` has credentials that occur nowhere else, so that they can be looked for; a variable with the
    value None is taken out. `sandbox` accepts them, and passes its keyword arguments on to the kit.

    `effects` counts what the vendor has done for us. `conclude` lets a call end at the vendor, where somebody
    must do so. `unknown_status` changes an answer to one whose status nobody knows yet, and `contradicted`
    the body of a webhook to one that says the opposite; None where the vendor has no such thing, for which
    the manifest then gives the reason. `signing_secret` is the variable that proves webhooks.

    An integration that serves several classes of calls has a subject for each `part`. Where the manifest
    exempts one part alone, its rule is called `<rule>_of_<part>`.
    """

    name: str
    usual: Variant
    renamed: Variant
    refused: Payload
    environment: Mapping[str, str | None]
    sandbox: Callable[..., Any]
    effects: Callable[[Any], int]
    conclude: Callable[[Any, APICall], None] = nothing_to_do
    unknown_status: Callable[[Answer], None] | None = None
    contradicted: Callable[[bytes], bytes] | None = None
    signing_secret: str | None = None
    part: str | None = None

    def __str__(self) -> str:
        return f"{self.name}_{self.part}" if self.part else self.name

    def secrets(self, manifest: Manifest) -> list[str]:
        """The values that may be seen nowhere: those of the secrets that the manifest names."""
        values = (self.environment.get(secret.name) for secret in manifest.secrets)
        return [part.strip() for value in values if value for part in value.split(",")]

    @contextmanager
    def at_home(self) -> Iterator[None]:
        """The variables of this subject are in the environment while the block runs."""
        before = {name: os.environ.get(name) for name in self.environment}
        set_environment(self.environment)
        try:
            yield
        finally:
            set_environment(before)

    @contextmanager
    def configured(self) -> Iterator[tuple[Integration[Any], CallHandlers]]:
        """The integration with its settings and manifest read, and its handlers."""
        with self.at_home():
            integration = self.usual.create(self.usual.call)
            integration.configure()
            yield integration, integration.handlers[self.usual.call]

    def open_sandbox(self, **kit: Any) -> Sandbox:
        sandbox = self.sandbox(**kit)
        assert isinstance(sandbox, Sandbox), f"the sandbox of {self.name} is built on the kit"
        return sandbox


def set_environment(variables: Mapping[str, str | None]) -> None:
    """Set these variables, and take out those without a value."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
