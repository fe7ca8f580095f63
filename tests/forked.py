"""Processes that begin with the imports done, which take longer than most of what is asked of them."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

processes = multiprocessing.get_context("forkserver")
"""Of this all processes of tests are made: the server is one, and what it has imported is said before."""

processes.set_forkserver_preload(
    [
        "anyio._backends._asyncio",
        "structlog",
        "framework.cli.commands",
        "framework.cli.sandboxes",
        "framework.integration.shared",
        "framework.runtime.tries",
        "framework.storage.postgres",
        "business",
        "integrations.deepl",
        "integrations.github",
        "integrations.slack",
        "integrations.stripe",
        "integrations.volctts",
        "tests.crash.program",
        "tests.crash.vendor",
        "tests.many.limited",
        "tests.many.programs",
        "tests.many.vendor",
        "tests.migration.mortal",
        "tests.tenancy.shops",
    ]
)


ROOT = Path(__file__).resolve().parents[1]


def begin(target: Callable[..., object], *arguments: object) -> Any:
    """A process that runs the function, and ends with this one at the latest."""
    process = processes.Process(target=target, args=arguments, daemon=True)
    with chdir(ROOT):  # the server, should it begin now, looks here for what it is to import
        process.start()
    return process


def millrace(
    *arguments: object, cwd: Path, env: Mapping[str, str], timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """What `python -m framework.cli` does in this folder and this environment."""
    words = [str(argument) for argument in arguments]
    with TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = begin(_typed, words, cwd, dict(env), out, err)
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(words, timeout, out.read_bytes(), err.read_bytes())
        return subprocess.CompletedProcess(words, process.exitcode, out.read_text(), err.read_text())


def _typed(words: Sequence[str], cwd: Path, env: Mapping[str, str], out: Path, err: Path) -> None:
    from framework.cli import main

    for stream, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["millrace", *words]
    sys.path.insert(0, str(cwd))
    main()
