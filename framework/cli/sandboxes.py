"""`millrace sandboxes`: the vendors' doubles on a socket, in a process of their own."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import typer

from framework.app import App
from framework.cli.books import kept_in
from framework.cli.doubles import Double, doubles_of, variable
from framework.cli.errors import not_listening
from framework.cli.mix import MIX
from framework.cli.neighbours import Neighbour
from framework.testing.faults import Faults
from framework.testing.serving import Served, listening


async def serve_sandboxes(
    app: App, *, host: str, port: int, faulty: bool, books: Path | None, while_input_is_open: bool
) -> None:
    """Serve until interrupted; say on the output where each sandbox is, and end that with an empty line."""
    doubles = doubles_of(app.integrations)
    sandboxes = {double.name: double.sandbox(faults=MIX if faulty else Faults()) for double in doubles}
    with kept_in(books, sandboxes):
        async with on_a_socket(sandboxes, host, port) as address:
            for neighbour in _neighbours(doubles, address):
                typer.echo(neighbour.line())
            typer.echo()
            sys.stdout.flush()
            await (_input_closed() if while_input_is_open else _interrupted())


@asynccontextmanager
async def on_a_socket(served: Mapping[str, Served], host: str, port: int) -> AsyncIterator[str]:
    """Serve while the block runs, and give the address. Raises PortTaken, or NotListening."""
    try:
        async with listening(served, host, port) as address:
            yield address
    except OSError as error:
        raise not_listening(error, host, port) from error


def _neighbours(doubles: Sequence[Double], address: str) -> list[Neighbour]:
    urls = {double.name: f"{address}/{double.name}" for double in doubles}
    return [
        Neighbour(double.name, urls[double.name], double.environment(urls[double.name]), _wanted(double))
        for double in doubles
    ]


def _wanted(double: Double) -> bool:
    """Whether nothing in the environment says that the integration is to talk to anybody else."""
    needed = [credential for credential in double.integration.credentials() if not credential.optional]
    elsewhere = bool(os.environ.get(variable(double.integration, "base_url")))
    return not elsewhere and not any(credential.present for credential in needed)


async def _interrupted() -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            return


async def _input_closed() -> None:
    """Wait until whoever holds the other end of our input is gone."""
    while True:
        await anyio.wait_readable(sys.stdin)
        if not os.read(sys.stdin.fileno(), 1024):
            return
