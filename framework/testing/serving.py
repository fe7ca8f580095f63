"""Sandboxes on a socket: one server, each vendor under its own name."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Protocol

import anyio
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Served(Protocol):
    """What can be put on a socket."""

    @property
    def app(self) -> ASGIApp: ...

    async def aclose(self) -> None: ...


def serve(sandboxes: Mapping[str, Served], host: str = "127.0.0.1", port: int = 8900) -> None:
    """Serve until interrupted, each sandbox under `/<name>`."""

    async def until_interrupted() -> None:
        async with listening(sandboxes, host, port):
            await anyio.sleep_forever()

    with contextlib.suppress(KeyboardInterrupt):
        anyio.run(until_interrupted)


@contextlib.asynccontextmanager
async def listening(
    sandboxes: Mapping[str, Served], host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """Serve while the block runs, and give the address (`http://host:port`); port 0 takes a free one."""
    with _listener(host, port) as listener:
        server = _Server(_switchboard(sandboxes))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listener])
            await server.ready.wait()
            try:
                yield f"http://{host}:{listener.getsockname()[1]}"
            finally:
                with anyio.CancelScope(shield=True):
                    for sandbox in sandboxes.values():
                        await sandbox.aclose()
                server.end()


def _listener(host: str, port: int) -> socket.socket:
    """A listening socket that is TCP by name.

    asyncio turns Nagle's algorithm off for such sockets alone, and a head and a body sent apart would wait
    40 ms for each other under it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """A server that says when it is ready, ends when it is told to, and leaves the signals to its owner.

    uvicorn's own looks ten times a second whether it is to end, and whether somebody is still being answered.
    Tests begin and end thousands.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app, lifespan="off", log_level="error", access_log=False, timeout_graceful_shutdown=1
            )
        )
        self.ready = anyio.Event()
        self._ending = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    def end(self) -> None:
        """Take no more requests; who is being answered has a second."""
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            with anyio.move_on_after(1):  # the date in the headers is a second old at most
                await self._ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with anyio.move_on_after(1):
            while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110  # no event
                await anyio.sleep(0.001)
        for task in self.server_state.tasks:
            task.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _switchboard(sandboxes: Mapping[str, Served]) -> ASGIApp:
    """Route by the first part of the path. `send` is passed on unwrapped: a sandbox hangs up through it."""
    apps = {name: sandbox.app for name, sandbox in sandboxes.items()}

    async def connect(scope: Scope, receive: Receive, send: Send) -> None:
        _, name, *rest = scope["path"].split("/", 2)
        app = apps.get(name)
        if app is None:
            await PlainTextResponse(f"Sandboxes here: {', '.join(sorted(apps))}\n", 404)(scope, receive, send)
            return
        await app({**scope, "path": "/" + "".join(rest)}, receive, send)

    return connect
