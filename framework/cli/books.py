"""The sandboxes' books on disk, so that a vendor remembers between two runs what it did."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from framework.cli.errors import UnreadableBooks
from framework.testing.sandbox import Sandbox


@contextmanager
def kept_in(path: Path | None, sandboxes: Mapping[str, Sandbox]) -> Iterator[None]:
    """Let the sandboxes go on from the books in this file, and write them there at the end."""
    if path is None:
        yield
        return
    _resume(path, sandboxes)
    try:
        yield
    finally:
        kept = {name: sandbox.kept() for name, sandbox in sandboxes.items()}
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        draft.replace(path)


def _resume(path: Path, sandboxes: Mapping[str, Sandbox]) -> None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        for name in sandboxes.keys() & kept.keys():
            sandboxes[name].resume(kept[name])
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise UnreadableBooks(path=path, reason=f"{type(error).__name__}: {error}") from error
