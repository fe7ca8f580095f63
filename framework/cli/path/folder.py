"""Integrations' folders: which files they have, and what is wrong in them. No code of theirs is run."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from framework.cli.path.finding import Finding
from framework.cli.path.new import FOLDER
from framework.cli.path.project import Project
from framework.integration.manifest import (
    FILE_NAME,
    InvalidManifest,
    Manifest,
    MissingManifest,
    load_manifest,
)

FILL_IN = "FILL IN"
JUDGES = ("test_*_contract.py", "test_*_sdk.py")
"""Tests in which the vendor's own description, or the vendor's own SDK, judges the double."""
TEXTS = {".py", ".toml", ".md", ".json"}


def manifest_of(folder: Path) -> Manifest | None:
    """The manifest, if it can be read."""
    try:
        return load_manifest(folder)
    except (MissingManifest, InvalidManifest):
        return None


def mistakes(project: Project, name: str) -> Iterator[Finding]:
    """What the folder lacks, or does that no integration may."""
    folder = project.folder(name)
    manifest = manifest_of(folder)
    for file in FOLDER:
        path = folder / file
        needed = file != "webhooks.py" or (manifest is not None and "webhook" in manifest.completes_by)
        if path.is_file() and not path.read_text(encoding="utf-8").strip():
            yield Finding(project.short(path), 1, "is empty")
        elif needed and not path.is_file():
            yield Finding(project.short(path), 1, "is missing")
    yield from _of_manifest(project, folder)
    for path in sorted(folder.glob("*.py")):
        yield from _of_code(project, path, name)
    tests = project.tests(name)
    if not any(tests.glob("test_*.py")):
        yield Finding(project.short(tests), 1, "has no tests")
    elif not any(path for judge in JUDGES for path in tests.glob(judge)):
        yield Finding(
            project.short(tests), 1, f"none of {', '.join(JUDGES)} holds it against the vendor's word"
        )


def to_fill_in(project: Project, paths: list[Path]) -> Iterator[Finding]:
    """The places in these files and folders that wait for a person."""
    files = (file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*"))))
    for file in files:
        if file.suffix not in TEXTS or not file.is_file():
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            if FILL_IN in line:
                what = line[line.index(FILL_IN) :].removeprefix(f"{FILL_IN}:").strip(' ",|')
                yield Finding(project.short(file), number, what)


def _of_manifest(project: Project, folder: Path) -> Iterator[Finding]:
    try:
        load_manifest(folder)
    except MissingManifest:
        return  # named with the other files
    except InvalidManifest as error:
        path = folder / FILE_NAME
        text = path.read_text(encoding="utf-8")
        for mistake in error.mistakes.splitlines():
            yield Finding(project.short(path), _line_of(text, mistake), mistake)


def _line_of(text: str, mistake: str) -> int:
    """The line that a mistake of the manifest is about; the first if it does not say."""
    told = re.search(r"at line (\d+)", mistake)
    if told:
        return int(told[1])
    keys = re.findall(r"\w+", mistake.partition(":")[0])
    for key in reversed([key for key in keys if not key.isdecimal()]):
        for number, line in enumerate(text.splitlines(), start=1):
            if re.match(rf"\s*\[*(\w+\.)*{re.escape(key)}\b", line):
                return number
    return 1


def _of_code(project: Project, path: Path, name: str) -> Iterator[Finding]:
    shown = project.short(path)
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        yield Finding(shown, error.lineno or 1, f"is no Python: {error.msg}")
        return
    for line, module in _imports(tree):
        top, _, rest = module.partition(".")
        if top == "business":
            yield Finding(shown, line, "imports business; take the call class in the factory")
        if top == "integrations" and rest and rest.split(".")[0] != name:
            yield Finding(shown, line, f"imports another integration, {module}")
        if top == "framework" and path.name in ("client.py", "models.py"):
            yield Finding(shown, line, f"imports {module}; {path.name} is the vendor as it is")
    if path.name == "__init__.py":
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        if f"create_{name}_integration" not in functions:
            yield Finding(shown, 1, f"has no function create_{name}_integration")
    if path.name == "sandbox.py":
        bases = [base for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases]
        if not any(isinstance(base, ast.Name) and base.id == "Sandbox" for base in bases):
            yield Finding(shown, 1, "has no subclass of framework.testing.sandbox.Sandbox")


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield node.lineno, module
