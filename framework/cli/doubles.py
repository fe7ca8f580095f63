"""The sandboxes of an App's integrations, found by where they lie."""

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from framework.integration.integration import Integration
from framework.testing.sandbox import Sandbox

MODULE = "sandbox"


@dataclass(frozen=True)
class Double:
    """An integration, and the sandbox that stands in for its vendor."""

    integration: Integration[Any]
    sandbox: type[Sandbox]

    @property
    def name(self) -> str:
        return self.integration.name

    def environment(self, url: str) -> dict[str, str]:
        """The variables with which the integration talks to its sandbox at `url`."""
        return {variable(self.integration, "base_url"): url, **self.sandbox.environment}


def doubles_of(integrations: Iterable[Integration[Any]]) -> list[Double]:
    """A double for each integration with a module `sandbox` beside the module of its settings."""
    found = ((integration, _sandbox(integration)) for integration in integrations)
    return [Double(integration, sandbox) for integration, sandbox in found if sandbox is not None]


def variable(integration: Integration[Any], setting: str) -> str:
    """The environment variable of a setting."""
    prefix = type(integration.settings).model_config.get("env_prefix", "")
    return f"{prefix}{setting}".upper()


def _sandbox(integration: Integration[Any]) -> type[Sandbox] | None:
    package = type(integration.settings).__module__.rpartition(".")[0]
    name = f"{package}.{MODULE}"
    if not package or find_spec(name) is None:
        return None
    declared = vars(import_module(name)).values()
    mine = [thing for thing in declared if _is_sandbox(thing) and thing.__module__ == name]
    return mine[0] if mine else None


def _is_sandbox(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Sandbox) and not inspect.isabstract(thing)
