"""`millrace run`: the App on a socket, with its worker."""

import errno
import socket

import uvicorn

from framework.app import App
from framework.cli.errors import PortTaken


def serve(app: App, *, host: str, port: int) -> None:
    """Take webhooks and carry out calls until interrupted. Raises PortTaken."""
    with _listener(host, port) as listener:
        app.create()
        config = uvicorn.Config(app.asgi, lifespan="on", log_level="info")
        uvicorn.Server(config).run(sockets=[listener])


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortTaken(port=port, host=host) from error
