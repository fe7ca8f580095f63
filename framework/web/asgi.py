"""The ASGI application: webhooks, health, and the worker for as long as it is served."""

import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from framework.errors import DispatchError, IntegrationError, NeedsAttention, StorageError
from framework.integration.delivery import Delivery, MalformedDelivery
from framework.integration.letterbox import Letterbox
from framework.integration.signature import InvalidSignature
from framework.integration.workshop import Health
from framework.observe import get_logger
from framework.runtime.engine import Engine
from framework.web.api import Asked, api_routes
from framework.web.body import TooLarge, bounded_body
from framework.web.problem import problem

_log = get_logger(__name__)


class Served(Asked, Protocol):
    """What the web face needs of an App."""

    @property
    def engine(self) -> Engine: ...

    @property
    def letterboxes(self) -> Mapping[tuple[str, str], Letterbox]: ...

    def working(self) -> AbstractAsyncContextManager[Any]: ...

    def listening(self) -> AbstractAsyncContextManager[Any]: ...

    def is_working(self) -> bool: ...

    def workers(self) -> int: ...

    @property
    def works(self) -> bool: ...

    def health(self) -> Sequence[Health]: ...


def create_asgi(served: Served) -> Starlette:
    """The application of an App. While its lifespan lasts, calls are carried out, if that is what it does."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(served.engine.database.check)
        async with served.working() if served.works else served.listening():
            yield

    async def webhook(request: Request) -> Response:
        return await _take(served, request)

    async def health(request: Request) -> Response:
        return await anyio.to_thread.run_sync(_health, served)

    asgi = Starlette(
        routes=[
            Route("/webhooks/{integration}/{path:path}", webhook, methods=["POST"]),
            Route("/tenants/{tenant}/webhooks/{integration}/{path:path}", webhook, methods=["POST"]),
            Route("/health", health, methods=["GET"]),
            *api_routes(served),
        ],
        exception_handlers={HTTPException: _refused, Exception: _failed},
        lifespan=lifespan,
    )
    asgi.router.redirect_slashes = False  # no vendor follows a redirect
    return asgi


async def _take(served: Served, request: Request) -> Response:
    """Take one delivery. Only what is stored is acknowledged, so that a vendor sends the rest again."""
    name, path = request.path_params["integration"], request.path_params["path"]
    tenant = request.path_params.get("tenant")
    box = served.letterboxes.get((name, path))
    if box is None or (tenant is not None and not served.is_tenanted):
        return problem(HTTPStatus.NOT_FOUND, "Nothing is delivered here.")
    try:
        body = await bounded_body(request, served.max_delivery_bytes)
    except TooLarge:
        return problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"More than {served.max_delivery_bytes} bytes are not taken."
        )
    except ClientDisconnect:
        return problem(HTTPStatus.BAD_REQUEST, "The delivery broke off.")
    delivery = Delivery(
        headers=dict(request.headers),
        body=body,
        received_at=served.engine.clock.now(),
        path=request.url.path,
        query=dict(request.query_params),
    )
    return await anyio.to_thread.run_sync(_receive, served.engine, box, delivery, tenant)


def _receive(engine: Engine, box: Letterbox, delivery: Delivery, tenant: str | None) -> Response:
    where = {"integration": box.integration, "path": box.path}
    try:
        if tenant is not None and not engine.has_tenant(tenant):
            return problem(HTTPStatus.NOT_FOUND, "Nothing is delivered here.")
        reply = box.receive(engine, delivery, tenant)
    except InvalidSignature as refusal:
        _log.warning("a delivery was not proven to be the vendor's", reason=refusal.reason, **where)
        return problem(HTTPStatus.UNAUTHORIZED, "The signature does not hold.")
    except MalformedDelivery as refusal:
        _log.warning("a delivery cannot be read", expected=refusal.expected, **where)
        return problem(HTTPStatus.BAD_REQUEST, "The delivery cannot be read.")
    except NeedsAttention as error:
        _log.error("a delivery cannot be verified", reason=str(error), **where)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "Deliveries cannot be verified at present.")
    except (StorageError, sqlite3.Error) as error:
        _log.error("a delivery cannot be stored", reason=str(error), **where)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "Deliveries cannot be stored at present.")
    except (DispatchError, IntegrationError) as error:
        _log.error("a delivery was not taken", reason=str(error), **where)
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "The delivery was not stored.")
    if reply is not None:
        return Response(reply.body, media_type=reply.content_type)
    return JSONResponse({"received": True})


def _health(served: Served) -> Response:
    """503 if this process cannot do its work; "degraded", with 200, if an integration is paused, or if nobody
    carries out calls where other processes should.
    """
    versions = {"millrace": _version("millrace"), "sqlalchemy": _version("sqlalchemy")}
    try:
        integrations, workers = served.health(), served.workers()
    except (StorageError, sqlite3.Error) as error:
        _log.error("the database does not answer", reason=str(error))
        content: dict[str, Any] = {"status": "down", "database": "unusable", "versions": versions}
        return JSONResponse(content, HTTPStatus.SERVICE_UNAVAILABLE)
    working = served.is_working() or not served.works
    is_well = workers > 0 and all(one.is_well for one in integrations)
    status = "down" if not working else "ok" if is_well else "degraded"
    content = {
        "status": status,
        "database": "ok",
        "worker": ("working" if working else "not working") if served.works else "elsewhere",
        "workers": workers,
        "integrations": [asdict(one) for one in integrations],
        "versions": versions,
    }
    return JSONResponse(content, HTTPStatus.OK if working else HTTPStatus.SERVICE_UNAVAILABLE)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, HTTPException), "Starlette passes what the handler is registered for"
    answer = problem(HTTPStatus(refusal.status_code), refusal.detail)
    answer.headers.update(refusal.headers or {})
    return answer


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("a request failed", path=request.url.path, exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something failed on this side.")
