"""The sandbox kit: a stateful double of a vendor, for the demo, the tests and the benchmarks.

A request passes through the door in this order.

1. It is recorded, with its credentials taken out.
2. Without valid credentials it is refused, as the vendor refuses it.
3. It may be throttled; then nothing is done.
4. The vendor's routes do the work. What follows (a payment succeeds, a webhook leaves) is kept with `later`.
5. It is answered, or, when a fault strikes, answered with an error, or not at all.
6. What was kept for later happens; with early webhooks it happens before the answer.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, Self

from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from framework.testing.faults import Fate, Fault, Faults
from framework.testing.postman import Letter, Postman
from framework.testing.serving import listening, serve

__all__ = ["Fault", "Faults", "Received", "Sandbox", "listening", "serve"]

Work = Callable[[], None]
_kept_for_later: ContextVar[list[Work] | None] = ContextVar("kept_for_later", default=None)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Received:
    """A request as the vendor received it, without credentials."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str


class Sandbox(ABC):
    """A double of one vendor as an ASGI app, `app`.

    The subclass brings the routes, the check of credentials, the signature of webhooks and the books.
    `environment` has the variables with which an integration is at home here: the credentials that the double
    takes by default, and settings that suit a vendor who is quick. Its address comes on top. `ledgers` names
    the attributes that hold what the vendor must not forget, each with its type.
    """

    name: ClassVar[str]
    environment: ClassVar[Mapping[str, str]] = {}
    ledgers: ClassVar[Mapping[str, Any]] = {}
    secret_headers: ClassVar[frozenset[str]] = frozenset({"authorization", "cookie"})

    def __init__(
        self,
        *,
        faults: Faults | None = None,
        webhook_url: str | None = None,
        webhook_secret: str = "",
        hold_webhooks: bool = False,
        later_after: float = 0.0,
        retry_delays: Sequence[float] = (0.05, 0.2, 0.8, 3.2),
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.webhook_secret = webhook_secret
        self.now = now
        self.requests: deque[Received] = deque(maxlen=10_000)
        self._fate = Fate(faults or Faults())
        self._later_after = later_after
        self._timers: set[asyncio.Task[None]] = set()
        self._passed = 0
        self.postman = Postman(
            self.sign,
            self._fate,
            url=webhook_url,
            hold=hold_webhooks,
            retry_delays=retry_delays,
        )

    # What a vendor brings.

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """The vendor's endpoints. They are asked for once, on the first request."""

    @abstractmethod
    def refusal(self, request: Request) -> Response | None:
        """The vendor's answer to missing or wrong credentials; None admits the request."""

    @abstractmethod
    def books(self) -> Mapping[str, Any]:
        """All that the vendor knows, as JSON, for a test to compare with what we believe."""

    def sign(self, body: bytes) -> Mapping[str, str]:
        """The headers that prove that a webhook comes from this vendor, at this moment."""
        return {}

    def throttled(self, retry_after: int) -> Response:
        return JSONResponse({"message": "Too many requests"}, 429, {"retry-after": str(retry_after)})

    def broken(self) -> Response:
        return JSONResponse({"message": "Internal error"}, 500)

    def unknown(self, request: Request) -> Response:
        return JSONResponse({"message": f"No such endpoint: {request.method} {request.url.path}"}, 404)

    # What the vendor's routes call.

    def later(self, work: Work) -> None:
        """Do this when the request in progress is answered (before, if webhooks are early); else, now."""
        kept = _kept_for_later.get()
        if kept is None:
            work()
        else:
            kept.append(work)

    def notify(
        self, kind: str, body: bytes, *, topic: str = "", headers: Mapping[str, str] | None = None
    ) -> Letter:
        """Send a webhook, signed, after the request in progress is answered; one topic stays in order.

        The letter tells later whether it arrived.
        """
        letter = Letter(kind, body, topic or kind, headers or {})
        self.later(lambda: self.postman.post(letter))
        return letter

    # What a test calls.

    def kept(self) -> dict[str, Any]:
        """All that the vendor must not forget, as JSON; webhooks that are on their way are not among it."""
        return {
            name: TypeAdapter(kind).dump_python(getattr(self, name), mode="json")
            for name, kind in self.ledgers.items()
        }

    def resume(self, kept: Mapping[str, Any]) -> None:
        """Go on from what an earlier sandbox has `kept`. Raises pydantic's ValidationError."""
        for name, kind in self.ledgers.items():
            setattr(self, name, TypeAdapter(kind).validate_python(kept[name]))

    @property
    def faults(self) -> Faults:
        return self._fate.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._fate.faults = faults

    def fail_next(self, fault: Fault | str) -> None:
        """Let this fault strike once, at the next request or webhook that it can strike."""
        self._fate.fail_next(Fault(fault))

    def send_webhooks_to(self, url: str | None, secret: str | None = None) -> None:
        self.postman.url = url
        if secret is not None:
            self.webhook_secret = secret

    async def deliver(self, kind: str | None = None) -> None:
        """Deliver the withheld webhooks (of one kind, or all); return when they arrived or were given up."""
        await self._timers_done()
        if not self.postman.flush(kind):
            raise LookupError(f"No withheld webhook of kind {kind or 'any'}")
        await self.postman.idle()

    async def idle(self) -> None:
        """Return when all that was kept for later has happened and every webhook arrived or was given up."""
        await self._timers_done()
        await self.postman.idle()

    async def aclose(self) -> None:
        for timer in tuple(self._timers):
            timer.cancel()
        await self._timers_done()
        await self.postman.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def app(self) -> ASGIApp:
        return self._door

    # How it works.

    @cached_property
    def _vendor(self) -> Starlette:
        async def unknown(request: Request, _: Exception) -> Response:
            return self.unknown(request)

        return Starlette(routes=list(self.routes()), exception_handlers={404: unknown, 405: unknown})

    @cached_property
    def _control(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/__sandbox__/books", self._show_books),
                Route("/__sandbox__/requests", self._show_requests),
                Route("/__sandbox__/faults", self._show_faults, methods=["GET"]),
                Route("/__sandbox__/faults", self._set_faults, methods=["POST"]),
                Route("/__sandbox__/flush", self._flush, methods=["POST"]),
                Route("/__sandbox__/webhook", self._set_webhook, methods=["POST"]),
            ]
        )

    async def _door(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", "A sandbox speaks HTTP only"
        if _route_path(scope).startswith("/__sandbox__/"):
            await self._control(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        request = Request(scope, _replay(body))
        self._passed += 1
        nth = self._passed
        self.requests.append(self._as_received(request, body))
        await asyncio.sleep(self.faults.delay)
        refusal = self.refusal(request)
        if refusal is None and self._fate.strikes(Fault.THROTTLE, nth):
            refusal = self.throttled(self.faults.retry_after)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._carry_out(nth, scope, body, receive, send)

    async def _carry_out(self, nth: int, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        answer, kept = await self._work(scope, body)
        accepted = scope["method"] not in ("GET", "HEAD") and answer[0]["status"] < 400
        if kept and self._fate.strikes(Fault.EARLY_WEBHOOKS, nth):
            _do(kept)
            await self.postman.idle()
            kept = []
        try:
            if accepted and self._fate.strikes(Fault.ERROR_AFTER_SUCCESS, nth):
                await self.broken()(scope, receive, send)
            elif accepted and self._fate.strikes(Fault.DROP_AFTER_ACCEPTANCE, nth):
                await _hang_up(receive, send)
            else:
                for message in answer:
                    await send(message)
        finally:
            self._do_later(kept)

    async def _work(self, scope: Scope, body: bytes) -> tuple[list[Message], list[Work]]:
        answer: list[Message] = []
        kept: list[Work] = []

        async def keep_answer(message: Message) -> None:
            answer.append(message)

        token = _kept_for_later.set(kept)
        try:
            await self._vendor(scope, _replay(body), keep_answer)
        finally:
            _kept_for_later.reset(token)
        return answer, kept

    def _do_later(self, works: Sequence[Work]) -> None:
        if not works:
            return
        if not self._later_after:
            _do(works)
            return
        timer = asyncio.create_task(self._do_after_a_while(works))
        self._timers.add(timer)
        timer.add_done_callback(self._timers.discard)

    async def _do_after_a_while(self, works: Sequence[Work]) -> None:
        await asyncio.sleep(self._later_after)
        _do(works)

    async def _timers_done(self) -> None:
        while self._timers:
            await asyncio.wait(set(self._timers))

    def _as_received(self, request: Request, body: bytes) -> Received:
        headers = {
            name: "[hidden]" if name in self.secret_headers else value
            for name, value in request.headers.items()
        }
        path = _route_path(request.scope)
        return Received(request.method, path, request.url.query, headers, body.decode("utf-8", "replace"))

    async def _show_books(self, request: Request) -> Response:
        return JSONResponse(self.books())

    async def _show_requests(self, request: Request) -> Response:
        return JSONResponse([asdict(received) for received in self.requests])

    async def _show_faults(self, request: Request) -> Response:
        return JSONResponse({"rates": asdict(self.faults), "struck": dict(self._fate.struck)})

    async def _set_faults(self, request: Request) -> Response:
        """Rates replace rates; `next` names faults that strike once; an empty object changes nothing."""
        asked = await request.json()
        once = asked.pop("next", [])
        unknown = asked.keys() - {field.name for field in fields(Faults)}
        if unknown:
            return JSONResponse({"message": f"Unknown faults: {', '.join(sorted(unknown))}"}, 400)
        try:
            faults, named = replace(self.faults, **asked), [Fault(fault) for fault in once]
        except (ValueError, TypeError) as error:
            return JSONResponse({"message": str(error)}, 400)
        self.faults = faults
        for fault in named:
            self.fail_next(fault)
        return JSONResponse(asdict(faults))

    async def _flush(self, request: Request) -> Response:
        await self._timers_done()
        sent = self.postman.flush()
        await self.postman.idle()
        return JSONResponse({"sent": sent})

    async def _set_webhook(self, request: Request) -> Response:
        asked = await request.json()
        self.send_webhooks_to(asked["url"], asked.get("secret"))
        return JSONResponse({"url": self.postman.url})


def _do(works: Sequence[Work]) -> None:
    for work in works:
        work()


def _route_path(scope: Scope) -> str:
    """The path below the place where the app is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "").rstrip("/")) or "/"


def _replay(body: bytes) -> Receive:
    """A `receive` that gives this body once, then a client that is gone."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        return next(messages, {"type": "http.disconnect"})

    return receive


async def _hang_up(receive: Receive, send: Send) -> None:
    """Close the connection without an answer.

    ASGI has no word for this, but uvicorn's `send` belongs to the request cycle that owns the transport. In
    process there is no socket to close, and the client gets the error that a closed one would give it.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("The sandbox closed the connection without an answer")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
