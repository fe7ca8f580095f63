"""The API of an App: what users may ask about calls, and let be done with them.

GET  /api/calls/{call_id}          how a call stands, without what was asked and what came of it
POST /api/calls/{call_id}/query    ask the vendor now, and ingest what it says
POST /api/calls/{call_id}/retry    try a dead call again, as a new one
POST /api/calls/{call_id}/cancel   take it back
POST /api/{integration}/{name}     what an `api` verb answers to {"call_id": ..., "input": {...}}

No answer is kept by a cache or shown in a log: presigned links and temporary credentials are among them.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol, TypeAlias, TypeVar
from uuid import UUID

import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from framework.errors import MillraceError
from framework.integration.attempts import Attempt
from framework.integration.desk import Desk
from framework.integration.outcomes import Completed, Failed, Processing
from framework.integration.requests import QUERY
from framework.integration.workshop import NoSuchCall
from framework.model.apicall import APICall
from framework.model.payload import Payload
from framework.model.record import Record
from framework.observe import get_logger, redactor
from framework.plan.shape import Shape
from framework.runtime.errors import NoSuchRecord
from framework.tenancy import within
from framework.web.access import TENANT_HEADER, Actor, Authorize, Permits, TenantOf
from framework.web.body import TooLarge, bounded_body
from framework.web.calls import CallSeen
from framework.web.problem import problem
from framework.web.questions import questions_of
from framework.web.refusals import (
    NoPolicy,
    NoSuchApi,
    NoTenantPolicy,
    NotJSON,
    NotYourTenant,
    Stranger,
    refusal,
)
from framework.web.revealed import revealed

_log = get_logger(__name__)

R = TypeVar("R", bound=Record)

Operation: TypeAlias = Callable[[Request, Actor], Awaitable[Response]]


class Asked(Protocol):
    """What the API needs of an App."""

    @property
    def desks(self) -> Mapping[Shape, Desk]: ...

    @property
    def max_delivery_bytes(self) -> int: ...

    @property
    def authorize(self) -> Authorize | None: ...

    @property
    def permits(self) -> Permits | None: ...

    @property
    def is_tenanted(self) -> bool: ...

    @property
    def tenant_of(self) -> TenantOf | None: ...

    def get(self, model: type[R], id: UUID | None = None) -> R: ...

    def attempts(self, call_id: UUID) -> list[Attempt]: ...

    def replay(self, call_id: UUID) -> APICall: ...

    async def cancel(self, call: APICall) -> None: ...

    async def ask(
        self,
        call: type[APICall],
        name: str,
        call_id: UUID,
        input: Payload | Mapping[str, Any] | None = None,  # noqa: A002  # the App's own name for it
    ) -> Any: ...


def api_routes(asked: Asked) -> list[Route]:
    """The routes of the API. Each of them asks first who sends the request."""
    api = _API(asked)
    one = "/api/calls/{call_id:uuid}"
    return [
        Route(one, api.guarded(api.status), methods=["GET"]),
        Route(f"{one}/query", api.guarded(api.query), methods=["POST"]),
        Route(f"{one}/retry", api.guarded(api.retry), methods=["POST"]),
        Route(f"{one}/cancel", api.guarded(api.cancel), methods=["POST"]),
        Route("/api/{integration}/{name}", api.guarded(api.question), methods=["POST"]),
    ]


class _API:
    """The operations, each of which answers or raises what `refusal` makes an answer of."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._desks = tuple(asked.desks.values())
        self._questions = questions_of(self._desks)

    def guarded(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        """The operation for those who may use the API; whatever it answers is kept by nobody."""

        async def answer(request: Request) -> Response:
            response = await self._answered(request, operation)
            response.headers["cache-control"] = "no-store"
            return response

        return answer

    async def status(self, request: Request, actor: Actor) -> Response:
        _, call = await self._call(request.path_params["call_id"], actor, "read", self._desks)
        return JSONResponse(await self._seen(call))

    async def query(self, request: Request, actor: Actor) -> Response:
        desk, call = await self._call(request.path_params["call_id"], actor, QUERY, self._desks)
        return await self._ask(desk, call, QUERY)

    async def retry(self, request: Request, actor: Actor) -> Response:
        _, dead = await self._call(request.path_params["call_id"], actor, "retry", self._desks)
        call = await anyio.to_thread.run_sync(self._asked.replay, dead.id)
        address = f"{request.scope.get('root_path', '')}/api/calls/{call.id}"
        return JSONResponse(await self._seen(call), HTTPStatus.ACCEPTED, {"location": address})

    async def cancel(self, request: Request, actor: Actor) -> Response:
        _, call = await self._call(request.path_params["call_id"], actor, "cancel", self._desks)
        await self._asked.cancel(call)
        return JSONResponse(await self._seen(await self._again(call)))

    async def question(self, request: Request, actor: Actor) -> Response:
        integration, name = request.path_params["integration"], request.path_params["name"]
        question = self._questions.get((integration, name))
        if question is None:
            known = ", ".join(other for owner, other in self._questions if owner == integration) or "none"
            raise NoSuchApi(integration=integration, name=name, known=known)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise NotJSON()
        said = question.read(await bounded_body(request, self._asked.max_delivery_bytes))
        desk, call = await self._call(said.call_id, actor, name, question.desks)
        return await self._ask(desk, call, name, getattr(said, "input", None))

    async def _answered(self, request: Request, operation: Operation) -> Response:
        try:
            actor = await self._actor(request)
            with within(self._tenant(request, actor)):
                answer = await operation(request, actor)
        except TooLarge:
            limit = self._asked.max_delivery_bytes
            said = f"More than {limit} bytes are not taken."
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said)
        except ClientDisconnect:
            return problem(HTTPStatus.BAD_REQUEST, "The request broke off.")
        except Exception as error:  # noqa: BLE001  # a handler is not ours; its text may quote an answer
            refused = refusal(error)
            where = {"path": request.url.path, "reason": _reason(error)}
            if refused is None:
                _log.error("a request failed", **where)
                return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something failed on this side.")
            if refused.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                _log.warning("a request could not be answered", **where)
            return refused
        _log.info("a request was answered", actor=actor, method=request.method, path=request.url.path)
        return answer

    async def _actor(self, request: Request) -> Actor:
        authorize = self._asked.authorize
        if authorize is None:
            raise NoPolicy()
        asynchronous = inspect.iscoroutinefunction(authorize) or inspect.iscoroutinefunction(
            getattr(authorize, "__call__", None)  # noqa: B004  # an object may be called asynchronously
        )
        said = authorize(request) if asynchronous else await anyio.to_thread.run_sync(authorize, request)
        actor = await said if inspect.isawaitable(said) else said
        if not actor:
            raise Stranger()
        return actor

    def _tenant(self, request: Request, actor: Actor) -> str | None:
        """The tenant of the actor, whatever the request says; if it says another one, it is refused."""
        if not self._asked.is_tenanted:
            return None
        if self._asked.tenant_of is None:
            raise NoTenantPolicy()
        tenant = self._asked.tenant_of(actor)
        if tenant is None or request.headers.get(TENANT_HEADER, tenant) != tenant:
            _log.warning("an actor asked for a tenant that is not theirs", actor=actor)
            raise NotYourTenant()
        return tenant

    async def _call(
        self, call_id: UUID, actor: Actor, operation: str, desks: Sequence[Desk]
    ) -> tuple[Desk, APICall]:
        """The call of this id, if the actor may do this with it; who may not hears that there is none."""
        return await anyio.to_thread.run_sync(self._permitted, call_id, actor, operation, desks)

    def _permitted(
        self, call_id: UUID, actor: Actor, operation: str, desks: Sequence[Desk]
    ) -> tuple[Desk, APICall]:
        permits = self._asked.permits
        for desk in desks:
            try:
                call: Any = self._asked.get(desk.shape.model, call_id)
            except NoSuchRecord:
                continue
            if permits is None or permits(actor, operation, call):
                return desk, call
        raise NoSuchCall(id=call_id)

    async def _ask(self, desk: Desk, call: APICall, name: str, told: Any = None) -> Response:
        said = await self._asked.ask(type(call), name, call.id, told)
        is_outcome = said is None or isinstance(said, Completed | Failed | Processing)
        answer = None if is_outcome else revealed(said)
        return JSONResponse({"answer": answer, "call": await self._seen(await self._again(call))})

    async def _again(self, call: APICall) -> APICall:
        return await anyio.to_thread.run_sync(partial(self._asked.get, type(call), call.id))

    async def _seen(self, call: APICall) -> dict[str, Any]:
        desk = next(desk for desk in self._desks if desk.shape.model is type(call))
        attempts = await anyio.to_thread.run_sync(self._asked.attempts, call.id)
        return CallSeen.of(call, desk.integration.name, attempts).model_dump(mode="json")


def _reason(error: Exception) -> str:
    """The text of an error of ours; the class alone of any other, whose text may quote an answer."""
    return redactor.text(str(error)) if isinstance(error, MillraceError) else f"{type(error).__name__} raised"
