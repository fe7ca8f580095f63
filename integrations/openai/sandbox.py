"""A double of OpenAI: responses in the background and at once, models, and thin signed webhooks.

A model here says back what it was asked, so that a test knows the answer. Background responses are `queued`
in the answer and over shortly after; `automatic=False` leaves them there until a test calls `finish`.
"""

import base64
import hashlib
import json
import secrets
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from framework.integration import standard_webhooks
from framework.testing.sandbox import Sandbox
from integrations.openai.webhooks import EventKind

Object = dict[str, Any]

MODELS = ("gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-4.1", "gpt-4o-mini")
SECRET = "whsec_" + base64.b64encode(b"the secret of a sandbox, known to all").decode()
CREATE_FIELDS = frozenset(
    {
        "background",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "metadata",
        "model",
        "parallel_tool_calls",
        "previous_response_id",
        "reasoning",
        "service_tier",
        "store",
        "stream",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_p",
        "truncation",
        "user",
    }
)
UNDER_WAY = ("queued", "in_progress")


@dataclass(frozen=True)
class Ending:
    """How a response ends. `text` is what was written by then; None is the model's own."""

    status: str = "completed"
    text: str | None = None
    refusal: str | None = None
    code: str = "server_error"
    message: str = "The model had an error."
    reason: str = "max_output_tokens"


class Refusal(Exception):
    """OpenAI says no: a status, and the error in its body."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        kind: str = "invalid_request_error",
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}

    def answer(self) -> Response:
        return _answer(self.body, self.status, self.headers)


NO_QUOTA = "You exceeded your current quota, please check your plan and billing details."


@dataclass
class Books:
    """All responses by id, oldest first, and the events about them."""

    responses: dict[str, Object] = field(default_factory=dict)
    events: list[Object] = field(default_factory=list)


def echo(asked: str) -> str:
    """What the models of this double have to say."""
    return f"You asked: {asked}"


class OpenAISandbox(Sandbox):
    """One project with one key. `quota` is how many more responses it pays for; None pays for all."""

    name = "openai"
    environment = {
        "OPENAI_API_KEY": "sk-sandbox",
        "OPENAI_WEBHOOK_SECRET": SECRET,
        "OPENAI_POLL_SECONDS": "2",
    }
    ledgers = {"_books": Books}

    def __init__(
        self,
        *,
        api_key: str = "sk-sandbox",
        webhook_secret: str = SECRET,
        automatic: bool = True,
        models: Collection[str] = MODELS,
        answer: Callable[[str], str] = echo,
        quota: int | None = None,
        **kit: Any,
    ) -> None:
        super().__init__(webhook_secret=webhook_secret, **kit)
        self.automatic = automatic
        self.models = tuple(models)
        self.quota = quota
        self._api_key = api_key
        self._says = answer
        self._endings: deque[Ending] = deque()
        self._refusals: deque[Refusal] = deque()
        self._books = Books()

    # What the kit asks for.

    def routes(self) -> Sequence[Route]:
        return [
            self._route("/v1/responses", self._create, "POST"),
            self._route("/v1/responses/{id}", self._retrieve, "GET"),
            self._route("/v1/responses/{id}/cancel", self._cancel, "POST"),
            self._route("/v1/models", self._list_models, "GET"),
        ]

    def refusal(self, request: Request) -> Response | None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and secrets.compare_digest(key, self._api_key):
            return None
        said = "Incorrect API key provided." if key else "You didn't provide an API key."
        return Refusal(401, said, code="invalid_api_key" if key else None).answer()

    def books(self) -> Mapping[str, Any]:
        return asdict(self._books)

    def sign(self, body: bytes) -> Mapping[str, str]:
        """A delivery has the same id in every try, but another time."""
        id = f"wh_{hashlib.sha256(body).hexdigest()[:32]}"
        return standard_webhooks.sign(self.webhook_secret, id=id, at=self.now(), body=body)

    def throttled(self, retry_after: int) -> Response:
        headers = {
            "retry-after": str(retry_after),
            "retry-after-ms": str(retry_after * 1000),
            "x-should-retry": "true",
        }
        said = "Rate limit reached for requests."
        return Refusal(429, said, code="rate_limit_exceeded", kind="requests", headers=headers).answer()

    def broken(self) -> Response:
        return Refusal(
            500, "The server had an error while processing your request.", kind="server_error"
        ).answer()

    def unknown(self, request: Request) -> Response:
        said = f"Invalid URL ({request.method} {request.url.path})"
        return Refusal(404, said, code="unknown_url").answer()

    # What a test calls.

    @property
    def responses(self) -> list[Object]:
        return list(self._books.responses.values())

    def end_next(self, ending: Ending) -> None:
        """Let the next response that ends end like this."""
        self._endings.append(ending)

    def refuse_next(self, refusal: Refusal) -> None:
        """Let the next submission be refused like this."""
        self._refusals.append(refusal)

    def finish(self, id: str, ending: Ending | None = None) -> None:
        """A background response ends; one that is over is left alone."""
        response = self._books.responses[id]
        if response["status"] not in UNDER_WAY:
            return
        self._end(response, ending)
        self._tell(response)

    # Endpoints.

    def _create(self, request: Request, asked: Object) -> Object:
        if self._refusals:
            raise self._refusals.popleft()
        _check(asked, self.models)
        if self.quota is not None:
            if self.quota <= 0:
                raise Refusal(
                    429,
                    NO_QUOTA,
                    code="insufficient_quota",
                    kind="insufficient_quota",
                    headers={"x-should-retry": "false"},
                )
            self.quota -= 1
        response = self._new(asked)
        self._books.responses[response["id"]] = response
        if not response["background"]:
            self._end(response, None)
            return response
        if self.automatic:
            self.later(lambda: self.finish(response["id"]))
        return dict(response)

    def _new(self, asked: Object) -> Object:
        background = bool(asked.get("background"))
        return {
            "id": f"resp_{secrets.token_hex(24)}",
            "object": "response",
            "created_at": int(self.now().timestamp()),
            "completed_at": None,
            "status": "queued" if background else "in_progress",
            "background": background,
            "error": None,
            "incomplete_details": None,
            "input": asked["input"],
            "instructions": asked.get("instructions"),
            "max_output_tokens": asked.get("max_output_tokens"),
            "metadata": asked.get("metadata") or {},
            "model": asked["model"],
            "output": [],
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "store": asked.get("store", True),
            "temperature": 1.0,
            "text": asked.get("text") or {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "truncation": "disabled",
        }

    def _retrieve(self, request: Request, asked: Object) -> Object:
        return self._find(request)

    def _cancel(self, request: Request, asked: Object) -> Object:
        """Of a response that is over it tells how it stands, as often as it is asked."""
        response = self._find(request)
        if not response["background"]:
            raise Refusal(400, "Cannot cancel a synchronous response.")
        if response["status"] in UNDER_WAY:
            response["status"] = "cancelled"
            self._tell(response)
        return response

    def _list_models(self, request: Request, asked: Object) -> Object:
        data = [
            {"id": model, "object": "model", "created": 1_750_000_000, "owned_by": "system"}
            for model in self.models
        ]
        return {"object": "list", "data": data}

    # How it works.

    def _route(self, path: str, work: Callable[[Request, Object], Object], method: str) -> Route:
        async def answer(request: Request) -> Response:
            try:
                return _answer(work(request, await _body(request)))
            except Refusal as refusal:
                return refusal.answer()

        return Route(path, answer, methods=[method])

    def _find(self, request: Request) -> Object:
        id = request.path_params["id"]
        if id not in self._books.responses:
            raise Refusal(404, f"Response with id '{id}' not found.", param="id")
        return self._books.responses[id]

    def _end(self, response: Object, ending: Ending | None) -> None:
        ending = ending or (self._endings.popleft() if self._endings else self._own_ending(response))
        response |= {"status": ending.status, "completed_at": int(self.now().timestamp())}
        match ending.status:
            case "failed":
                response["error"] = {"code": ending.code, "message": ending.message}
                return
            case "incomplete":
                response["incomplete_details"] = {"reason": ending.reason}
            case _:
                pass
        text = self._text(response) if ending.text is None else ending.text
        response["output"] = [_message(text, ending)]
        response["usage"] = _usage(response, text)

    def _own_ending(self, response: Object) -> Ending:
        """A text that is longer than was asked for breaks off."""
        words, most = self._text(response).split(), response["max_output_tokens"]
        if most is None or len(words) <= most:
            return Ending()
        return Ending("incomplete", text=" ".join(words[:most]))

    def _text(self, response: Object) -> str:
        return self._says(_asked(response["input"]))

    def _tell(self, response: Object) -> None:
        kind = EventKind(f"response.{response['status']}")
        event: Object = {
            "id": f"evt_{secrets.token_hex(16)}",
            "object": "event",
            "created_at": int(self.now().timestamp()),
            "type": str(kind),
            "data": {"id": response["id"]},
        }
        self._books.events.append(event)
        self.notify(kind, json.dumps(event).encode(), topic=response["id"])


def _answer(content: Object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    shared = {"x-request-id": f"req_{secrets.token_hex(16)}", "openai-version": "2020-10-01"}
    return JSONResponse(content, status, {**shared, **(headers or {})})


async def _body(request: Request) -> Object:
    body = await request.body()
    if not body:
        return {}
    try:
        asked = json.loads(body)
    except ValueError:
        raise Refusal(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(asked, dict):
        raise Refusal(400, "The body of your request is no JSON object.")
    return asked


def _check(asked: Object, models: Collection[str]) -> None:
    for name in asked:
        if name not in CREATE_FIELDS:
            raise Refusal(400, f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
    for name in ("model", "input"):
        if name not in asked:
            said = f"Missing required parameter: '{name}'."
            raise Refusal(400, said, code="missing_required_parameter", param=name)
    if asked["model"] not in models:
        said = f"The model '{asked['model']}' does not exist or you do not have access to it."
        raise Refusal(404, said, code="model_not_found", param="model")
    if not isinstance(asked["input"], str | list):
        raise Refusal(400, "Invalid type for 'input'.", code="invalid_type", param="input")
    most = asked.get("max_output_tokens")
    if most is not None and (not isinstance(most, int) or most < 16):
        said = "Invalid 'max_output_tokens': integer below minimum value."
        raise Refusal(400, said, code="integer_below_min_value", param="max_output_tokens")
    _check_metadata(asked.get("metadata") or {})
    if asked.get("background") and asked.get("store") is False:
        raise Refusal(400, "Background mode requires 'store' to be true.", param="store")


def _check_metadata(metadata: Any) -> None:
    texts = isinstance(metadata, dict) and all(
        isinstance(value, str) and len(value) <= 512 for value in metadata.values()
    )
    if not texts or len(metadata) > 16:
        raise Refusal(400, "Invalid 'metadata'.", code="invalid_type", param="metadata")


def _asked(given: Any) -> str:
    """The words of what was asked, whether it came as a text or as items."""
    if isinstance(given, str):
        return given
    contents = [item.get("content", "") for item in given if isinstance(item, dict)]
    parts = [content if isinstance(content, str) else _joined(content) for content in contents]
    return " ".join(parts)


def _joined(content: list[Object]) -> str:
    return " ".join(str(part.get("text", "")) for part in content)


def _message(text: str, ending: Ending) -> Object:
    content: Object = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    if ending.refusal is not None:
        content = {"type": "refusal", "refusal": ending.refusal}
    return {
        "type": "message",
        "id": f"msg_{secrets.token_hex(24)}",
        "status": "incomplete" if ending.status == "incomplete" else "completed",
        "role": "assistant",
        "content": [content],
    }


def _usage(response: Object, text: str) -> Object:
    """A word is a token here."""
    read, written = len(_asked(response["input"]).split()), len(text.split())
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }
