"""A double of Pigeon: it takes messages, delivers them a little later, and says so by webhook.

Numbers that end in 000 belong to phones that are switched off.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from docs.tutorial.code.pigeon.models import Message, NewMessage
from docs.tutorial.code.pigeon.webhooks import HEADER, sign
from framework.testing.sandbox import Sandbox


class PigeonSandbox(Sandbox):
    """Pigeon with one key. `automatic=False` leaves messages queued until a test calls `arrive`."""

    name = "pigeon"
    environment = {"PIGEON_KEY": "sandbox", "PIGEON_WEBHOOK_SECRET": "sandbox-secret"}
    ledgers = {"messages": dict[str, Message]}

    def __init__(self, *, key: str = "sandbox", automatic: bool = True, **kit: Any) -> None:
        super().__init__(**{"webhook_secret": "sandbox-secret", **kit})
        self.key = key
        self.automatic = automatic
        self.messages: dict[str, Message] = {}

    def routes(self) -> Sequence[Route]:
        return [
            Route("/v1/messages", self._send, methods=["POST"]),
            Route("/v1/messages", self._find, methods=["GET"]),
            Route("/v1/messages/{id}", self._retrieve, methods=["GET"]),
        ]

    def refusal(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == f"Bearer {self.key}":
            return None
        return refused(401, "unauthorized", "This key is not known.")

    def books(self) -> Mapping[str, Any]:
        return {"messages": [message.model_dump() for message in self.messages.values()]}

    def sign(self, body: bytes) -> Mapping[str, str]:
        return {HEADER: sign(self.webhook_secret, body, self.now())}

    def throttled(self, retry_after: int) -> Response:
        return refused(429, "too_many_requests", "Slow down.", {"Retry-After": str(retry_after)})

    def broken(self) -> Response:
        return refused(500, "internal", "Something broke here.")

    def unknown(self, request: Request) -> Response:
        return refused(404, "not_found", "There is nothing here.")

    def arrive(self, id: str) -> None:
        """The phone has the message, or never will."""
        told: dict[str, str] = {"status": "delivered"}
        if self.messages[id].to.endswith("000"):
            told = {"status": "failed", "reason": "The phone is switched off."}
        message = self.messages[id] = self.messages[id].model_copy(update=told)
        event = {"event_id": f"evt_{uuid4().hex}", "message": message.model_dump()}
        self.notify(f"message.{message.status}", json.dumps(event).encode(), topic=id)

    async def _send(self, request: Request) -> Response:
        try:
            asked = NewMessage.model_validate_json(await request.body())
        except ValidationError:
            return refused(400, "bad_request", "A message has `to` and `text`.")
        if not asked.to.startswith("+"):
            return refused(422, "no_number", f"{asked.to} is no number.")
        message = Message(
            id=f"msg_{uuid4().hex}",
            to=asked.to,
            status="queued",
            parts=-(-len(asked.text) // 160),
            reference=asked.reference,
        )
        self.messages[message.id] = message
        if self.automatic:
            self.later(lambda: self.arrive(message.id))
        return JSONResponse(message.model_dump(), 202)

    async def _find(self, request: Request) -> Response:
        reference = request.query_params.get("reference")
        found = [message for message in self.messages.values() if message.reference == reference]
        return JSONResponse({"messages": [message.model_dump() for message in found]})

    async def _retrieve(self, request: Request) -> Response:
        message = self.messages.get(request.path_params["id"])
        return JSONResponse(message.model_dump()) if message else self.unknown(request)


def refused(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"code": code, "message": message}, status, headers)
