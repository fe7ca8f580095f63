"""`millrace integration list`: what is there, and what it still needs."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from framework.cli.path.folder import manifest_of
from framework.cli.path.new import Shape
from framework.cli.path.project import Project
from framework.integration.manifest import Manifest
from framework.integration.secrets import AuthRef, Credential, is_present

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
    """The credentials that are not where the settings and the environment say."""
    references = dict(_references(project.folder(name) / "settings.py"))
    credentials = (
        Credential(
            name=secret.name,
            purpose=secret.purpose,
            obtain=secret.obtain,
            reference=(reference := references.get(secret.name, AuthRef(f"env://{secret.name}"))),
            optional=secret.optional,
            present=is_present(reference),
        )
        for secret in manifest.secrets
    )
    return tuple(credential for credential in credentials if credential.missing)


def _references(settings: Path) -> Iterator[tuple[str, AuthRef]]:
    """For the secrets in the settings, by the variable in which each is by default: where it is kept now.

    Read from the code without running it: `key_ref: AuthRef = AuthRef("env://KEY")`, which `<PREFIX>KEY_REF`
    moves elsewhere.
    """
    if not settings.is_file():
        return
    code = settings.read_text(encoding="utf-8")
    prefix = re.search(r'env_prefix="(\w*)"', code)
    for field, variable in re.findall(r'^    (\w+_ref): .*?AuthRef\("env://(\w+)"\)', code, re.MULTILINE):
        moved = os.environ.get(f"{prefix[1] if prefix else ''}{field}".upper())
        yield variable, AuthRef(moved or f"env://{variable}", setting=f"The setting {field}")
