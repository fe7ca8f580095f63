"""`millrace demo`: samples in, truth out, with as many real parts between them as credentials allow.

1. The sandboxes start in a process of their own and say where they are.
2. An integration without credentials is told to talk to its sandbox; the others talk to their vendors.
3. The App is built on its database, and its webhooks are put on a socket.
4. Each sample is dispatched under its key, which does nothing if an earlier run has done it.
5. The worker carries out calls until none is open.
6. Everything is counted, verified, and compared with what the samples expect.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import anyio
from anyio.to_thread import run_sync
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from framework.app import App
from framework.cli.application import load
from framework.cli.census import census, delays, open_calls
from framework.cli.entrance import Entered, enter, unmet
from framework.cli.mix import MIX
from framework.cli.neighbours import Neighbour, adopt, ask, neighbours, tell
from framework.cli.place import Place
from framework.cli.report import Result, show, show_partners
from framework.cli.samples import Malformed, Sample, folder_of, read
from framework.cli.sandboxes import on_a_socket
from framework.cli.webhooks import FACE, Face, webhook_urls
from framework.integration.secrets import require

GLANCE = 0.1
"""Seconds between two looks at how many calls are open."""


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What was asked for on the command line."""

    address: str
    place: Place
    samples: Path | None
    faulty: bool
    fresh: bool
    port: int
    patience: float


@dataclass(frozen=True)
class Played:
    """What came of the samples, and how long it took."""

    entered: Entered
    seconds: float


async def demonstrate(demo: Demo) -> int:
    """Run the whole demo; the exit status is 0 if everything came as expected."""
    console = Console()
    demo.place.check_free()
    if demo.fresh:
        demo.place.clear()
    async with neighbours(demo.address, demo.place.books) as around:
        beside = [neighbour for neighbour in around if neighbour.wanted]
        for neighbour in beside:
            adopt(neighbour)
        app = load(demo.address, demo.place.url)
        require([one for integration in app.integrations for one in integration.credentials()])
        show_partners(console, app, beside)
        lines = list(read(app, demo.samples or folder_of(app)))
        await run_sync(app.create)
        try:
            async with _reachable(app, beside, demo):
                played = await _play(app, lines, console, demo.patience)
                result = await _judged(played, app, beside)
        finally:
            await run_sync(app.close)
    show(console, result)
    return 0 if result.as_expected else 1


@asynccontextmanager
async def _reachable(app: App, beside: Sequence[Neighbour], demo: Demo) -> AsyncIterator[None]:
    """The App's webhooks on a socket, and the sandboxes told where it is and how to behave."""
    async with on_a_socket({FACE: Face(app.asgi)}, "127.0.0.1", demo.port) as address:
        urls = webhook_urls(app, f"{address}/{FACE}")
        for neighbour in beside:
            await tell(neighbour, "webhook", url=urls.get(neighbour.name))
            if demo.faulty:
                await tell(neighbour, "faults", **asdict(MIX))
        yield


async def _play(app: App, lines: Sequence[Sample | Malformed], console: Console, patience: float) -> Played:
    """Dispatch the samples while the worker is at work; return when no call is open, or the time is over."""
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn())
    started = time.monotonic()
    with Progress(*columns, console=console) as progress:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(app.run)
            bar = progress.add_task("samples", total=len(lines))
            entered = await run_sync(partial(enter, app, lines, partial(progress.advance, bar)))
            await _settled(app, progress, patience)
            tasks.cancel_scope.cancel()
    return Played(entered, time.monotonic() - started)


async def _settled(app: App, progress: Progress, patience: float) -> None:
    total = sum((await run_sync(census, app)).calls.values())
    bar = progress.add_task("calls", total=total)
    with anyio.move_on_after(patience):
        while left := await run_sync(open_calls, app):
            progress.update(bar, completed=total - left)
            await anyio.sleep(GLANCE)
        progress.update(bar, completed=total)


async def _judged(played: Played, app: App, beside: Sequence[Neighbour]) -> Result:
    struck: Counter[str] = Counter()
    for neighbour in beside:
        struck.update((await ask(neighbour, "faults"))["struck"])
    return Result(
        census=await run_sync(census, app),
        entered=played.entered,
        unmet=await run_sync(unmet, app, played.entered),
        differences=await run_sync(app.verify),
        delays=await run_sync(delays, app),
        struck=struck,
        seconds=played.seconds,
    )
