"""`millrace integration list`: what is there, and what it still needs."""

import inspect
import sys
from dataclasses import dataclass
from importlib import import_module

from pydantic_settings import BaseSettings

from framework.cli.path.folder import manifest_of
from framework.cli.path.new import Shape
from framework.cli.path.project import Project
from framework.integration.integration import Integration, InvalidSettings
from framework.integration.manifest import Manifest
from framework.integration.secrets import Credential

SHAPES = {"call": Shape.SYNC, "webhook": Shape.WEBHOOK, "poll": Shape.POLL, "upload": Shape.FRONTEND}


@dataclass(frozen=True)
class Listed:
    """An integration at a glance. `missing` are the credentials that are needed and not there."""

    name: str
    shape: str
    hosts: str
    quality: str
    missing: tuple[Credential, ...]


def listed(project: Project) -> list[Listed]:
    """All integrations of the project; one without a readable manifest says so in place of its shape."""
    return [_listed(project, name) for name in project.names()]


def _listed(project: Project, name: str) -> Listed:
    manifest = manifest_of(project.folder(name))
    if manifest is None:
        return Listed(name, "no readable manifest", "", "", ())
    return Listed(
        name=name,
        shape=SHAPES[manifest.completes_by[0]],
        hosts=", ".join(manifest.hosts),
        quality=manifest.quality.level if manifest.quality else "unrated",
        missing=_missing(project, name, manifest),
    )


def _missing(project: Project, name: str, manifest: Manifest) -> tuple[Credential, ...]:
    """The credentials that are not where the settings say, or else not in the environment."""
    root = str(project.root)
    if root not in sys.path:
        sys.path.insert(0, root)
    module = import_module(f"integrations.{name}.settings")
    declared = [
        thing
        for thing in vars(module).values()
        if inspect.isclass(thing) and issubclass(thing, BaseSettings) and thing.__module__ == module.__name__
    ]
    integration = Integration[BaseSettings](name, settings=next(iter(declared), None), manifest=manifest)
    try:
        integration.configure()
    except InvalidSettings:
        integration = Integration(name, manifest=manifest)
        integration.configure()
    return tuple(credential for credential in integration.credentials() if credential.missing)
