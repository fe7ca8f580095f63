"""What processes do: the App of each, of the shop and the post, and how it works and is served."""

import signal
import socket
from collections.abc import Callable
from typing import Any, TypeAlias

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from framework.app import App, Settings
from framework.tenancy import within
from tests.many import post, shop
from tests.many.shop import OrderPlaced, address_of


def build(url: str, port: int, *, works: bool = True, tenanted: bool = False) -> App:
    """The App of each process."""
    address = address_of(port)
    settings = Settings(synchronous="FULL", works=works, tenancy="required" if tenanted else "none")
    vendors = [shop.create_acme(address), shop.create_carrier(address), post.create_post(address)]
    return App([shop.MODULE, post.MODULE], vendors, url, settings=settings)


Build: TypeAlias = Callable[..., App]
"""Makes the App of a process, of the database and of the vendor's port, and of whether it `works`."""


def work(build: Build, url: str, port: int, at_work: Any) -> None:
    """Carry out calls until killed, or told to end."""

    async def working() -> None:
        with anyio.open_signal_receiver(signal.SIGTERM) as signals:
            async with build(url, port).working():
                at_work.set()
                async for _ in signals:
                    break

    anyio.run(working)


def serve(build: Build, url: str, port: int, works: bool, address: Any) -> None:
    """Take orders, and what vendors deliver, until killed or told to end; carry out calls too, or not."""
    app = build(url, port, works=works)

    def take(key: str, whose: str | None, order: dict[str, Any]) -> None:
        with within(whose):
            app.dispatch(OrderPlaced(**order), key=key)

    async def place(request: Request) -> Response:
        for order in await request.json():
            await anyio.to_thread.run_sync(take, *order)
        return Response()

    web = Starlette(
        routes=[Route("/orders", place, methods=["POST"]), Mount("/", app.asgi)],
        lifespan=lambda _: app.asgi.router.lifespan_context(app.asgi),
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            address.put(listener.getsockname()[1])

    listener = socket.create_server(("127.0.0.1", 0))
    Server(uvicorn.Config(web, lifespan="on", log_level="critical")).run(sockets=[listener])
