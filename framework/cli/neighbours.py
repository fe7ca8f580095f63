"""Sandboxes in a process of their own, and how another process talks to them."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from anyio import CancelScope, open_process
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from framework.cli.errors import SandboxesFailed
from framework.integration.client import HTTPClient
from framework.integration.http import open_client
from framework.integration.manifest import BASE_URL
from framework.integration.policy import Policy


@dataclass(frozen=True)
class Neighbour:
    """One sandbox: where it listens, with which variables its integration talks to it, and whether it should.

    It is `wanted` where the environment has no credential of that integration and no other address for it.
    """

    name: str
    url: str
    environment: Mapping[str, str]
    wanted: bool

    def line(self) -> str:
        """The neighbour as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, line: str) -> "Neighbour":
        return cls(**json.loads(line))


@asynccontextmanager
async def neighbours(app: str, books: Path | None) -> AsyncIterator[list[Neighbour]]:
    """Run the sandboxes of the App at the address `app` beside this process, while the block runs.

    They end when our end of their input closes, so they outlive us by no more than a moment, however we end.
    """
    command = [
        sys.executable,
        "-m",
        "framework.cli",
        "sandboxes",
        app,
        "--port",
        "0",
        "--while-input-is-open",
    ]
    if books is not None:
        command += ["--books", str(books)]
    # A session of their own: Ctrl-C is for us, and they are to end after us, when their books are complete.
    process = await open_process(command, stdin=subprocess.PIPE, stderr=None, start_new_session=True)
    async with process:
        try:
            yield await _introduced(process)
        finally:
            await _ended(process)


async def _introduced(process: Process) -> list[Neighbour]:
    """What they say of themselves: a line each, then an empty one."""
    assert process.stdout is not None, "The output is a pipe"
    said = ""
    async for text in TextReceiveStream(process.stdout):
        said += text
        if said.startswith("\n") or "\n\n" in said:
            return [Neighbour.read(line) for line in said.splitlines() if line]
    raise SandboxesFailed(status=await process.wait())


async def _ended(process: Process) -> None:
    assert process.stdin is not None, "The input is a pipe"
    with CancelScope(shield=True):
        await process.stdin.aclose()
        await process.wait()


async def ask(neighbour: Neighbour, path: str) -> Any:
    """What the sandbox shows under `/__sandbox__/<path>`."""
    async with _client(neighbour) as http:
        answer = await http.get(f"/__sandbox__/{path}")
        answer.raise_for_status()
        return answer.json()


async def tell(neighbour: Neighbour, path: str, **said: object) -> Any:
    """Set something of the sandbox under `/__sandbox__/<path>`."""
    async with _client(neighbour) as http:
        answer = await http.post(f"/__sandbox__/{path}", json=said)
        answer.raise_for_status()
        return answer.json()


def _client(neighbour: Neighbour) -> AbstractAsyncContextManager[HTTPClient]:
    return open_client(neighbour.url, (BASE_URL,), Policy(), manifest="the demo")


def adopt(neighbour: Neighbour) -> None:
    """Let this process's integrations talk to the sandbox; what the environment says already, stays."""
    for name, value in neighbour.environment.items():
        if not os.environ.get(name):  # a line of `.env` that was left empty says nothing
            os.environ[name] = value
