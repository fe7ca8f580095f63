"""`millrace run`: the App on a socket, with its worker."""

import signal
import socket
from dataclasses import replace

import anyio
import anyio.to_thread
import uvicorn

from framework.app import App, check
from framework.cli.errors import not_listening


def serve(app: App, *, host: str, port: int, web_only: bool = False) -> None:
    """Take webhooks and carry out calls until interrupted. Raises PortTaken, and NobodyWorks."""
    if web_only:
        app.settings = replace(app.settings, works=False)
        check(app.settings, app.url)
    with _listener(host, port) as listener:
        app.create()
        config = uvicorn.Config(app.asgi, lifespan="on", log_level="info")
        uvicorn.Server(config).run(sockets=[listener])


async def carry_out(app: App) -> None:
    """Carry out calls until interrupted or told to end; then what is under way may end."""
    await anyio.to_thread.run_sync(app.create)
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with app.working():
            async for _ in signals:
                break
    app.close()


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise not_listening(error, host, port) from error
