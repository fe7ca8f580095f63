"""A double of Slack: channels that take messages, threads, history, and signed events about what was posted.

Refusals come with status 200, as Slack's do. Channels need not be made: every id is one, but for those of
`closed`, which refuse.
"""

import json
import re
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from framework.testing.sandbox import Sandbox
from integrations.slack.webhooks import POSTED, VERIFICATION, sign

Object = dict[str, Any]

TEAM, APP, BOT, BOT_USER = "T0SANDBOX", "A0SANDBOX", "B0SANDBOX0", "U0SANDBOX"
CLOSED = {"C0ARCHIVED": "is_archived", "C0STRANGERS": "not_in_channel", "C0READONLY": "restricted_action"}
SCOPES = ("chat:write", "channels:history")
JSON_TEXTS = ("blocks", "attachments", "metadata")
"""What is JSON within a form, and simply part of a JSON body."""


class Refusal(Exception):
    """Slack says no: a code, and what belongs to it."""

    def __init__(self, code: str, **more: str) -> None:
        super().__init__(code)
        self.body: Object = {"ok": False, "error": code, **more}


@dataclass
class Books:
    """All messages, by channel and in order of their time."""

    messages: dict[str, list[Object]] = field(default_factory=dict)
    last_ts: float = 0.0


class SlackSandbox(Sandbox):
    """One workspace with one app, whose bot has `token` and `scopes`. `closed` says which channels refuse.

    `channel_seconds` is how far apart messages of one channel must be; 0 takes them as they come.
    """

    name = "slack"
    environment = {
        "SLACK_BOT_TOKEN": "xoxb-sandbox",
        "SLACK_SIGNING_SECRET": "sandbox-signing-secret",
        "SLACK_CHANNEL_SECONDS": "0",
    }
    ledgers = {"_books": Books}

    def __init__(
        self,
        *,
        token: str = "xoxb-sandbox",
        webhook_secret: str = "sandbox-signing-secret",
        scopes: Collection[str] = SCOPES,
        closed: Mapping[str, str] = CLOSED,
        channel_seconds: float = 0.0,
        **kit: Any,
    ) -> None:
        super().__init__(webhook_secret=webhook_secret, **kit)
        self.scopes = tuple(scopes)
        self.closed = dict(closed)
        self.channel_seconds = channel_seconds
        self.revoked = False
        self._token = token
        self._refusals: list[str] = []
        self._books = Books()

    # What the kit asks for.

    def routes(self) -> Sequence[Route]:
        return [
            self._method("chat.postMessage", self._post_message, methods=("POST",)),
            self._method("conversations.history", self._history),
            self._method("conversations.replies", self._replies),
            self._method("auth.test", self._auth_test),
        ]

    def refusal(self, request: Request) -> Response | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            return JSONResponse(Refusal("not_authed").body)
        if not secrets.compare_digest(token, self._token):
            return JSONResponse(Refusal("invalid_auth").body)
        return JSONResponse(Refusal("token_revoked").body) if self.revoked else None

    def books(self) -> Mapping[str, Any]:
        return asdict(self._books)

    def sign(self, body: bytes) -> Mapping[str, str]:
        return sign(self.webhook_secret, body, self.now())

    def throttled(self, retry_after: int) -> Response:
        return JSONResponse(Refusal("ratelimited").body, 429, {"retry-after": str(retry_after)})

    def broken(self) -> Response:
        """Slack's own words for "it may have been posted"."""
        return JSONResponse(Refusal("internal_error").body)

    def unknown(self, request: Request) -> Response:
        return JSONResponse(Refusal("unknown_method", req_method=request.url.path.rpartition("/")[2]).body)

    # What a test calls.

    def refuse_next(self, code: str) -> None:
        """Let the next message be refused with this code."""
        self._refusals.append(code)

    def messages(self, channel: str) -> list[Object]:
        """What is in a channel, oldest first, threads included."""
        return self._books.messages.get(channel, [])

    def challenge(self) -> tuple[Mapping[str, str], bytes]:
        """Headers and body with which Slack asks a new address whether it is ours."""
        body = json.dumps({"token": "unused", "challenge": secrets.token_hex(16), "type": VERIFICATION})
        return self._signed(body.encode(), "application/json")

    def pressed(
        self, channel: str, ts: str, action_id: str, value: str, user: str = "U0ADA00000"
    ) -> tuple[Mapping[str, str], bytes]:
        """Headers and body with which Slack says that somebody pressed a button of this message."""
        (message,) = [one for one in self.messages(channel) if one["ts"] == ts]
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": "ada", "team_id": TEAM},
            "api_app_id": APP,
            "token": "unused",
            "container": {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": False},
            "trigger_id": f"{secrets.randbelow(10**12)}.{secrets.token_hex(8)}",
            "team": {"id": TEAM, "domain": "sandbox"},
            "channel": {"id": channel, "name": "sandbox"},
            "message": message,
            "response_url": "https://hooks.slack.com/actions/sandbox",
            "actions": [
                {
                    "type": "button",
                    "action_id": action_id,
                    "block_id": "actions",
                    "value": value,
                    "action_ts": self._ts(),
                }
            ],
        }
        body = urlencode({"payload": json.dumps(payload)}).encode()
        return self._signed(body, "application/x-www-form-urlencoded")

    def _signed(self, body: bytes, content_type: str) -> tuple[Mapping[str, str], bytes]:
        return {"content-type": content_type, **self.sign(body)}, body

    # Methods.

    def _post_message(self, asked: Object) -> Object | Response:
        self._require_scope("chat:write")
        if self._refusals:
            raise Refusal(self._refusals.pop(0))
        channel = self._channel(asked)
        _check_content(asked)
        if self._too_soon(channel):
            return self.throttled(1)
        message = self._message(channel, asked)
        self._books.messages.setdefault(channel, []).append(message)
        if "metadata" in message:
            self._tell(channel, message)
        answered = {key: value for key, value in message.items() if key != "metadata"}
        return {"channel": channel, "ts": message["ts"], "message": answered}

    def _message(self, channel: str, asked: Object) -> Object:
        thread = asked.get("thread_ts")
        if thread is not None and thread not in {one["ts"] for one in self.messages(channel)}:
            raise Refusal("cannot_reply_to_message")
        message: Object = {
            "type": "message",
            "subtype": "bot_message",
            "text": asked.get("text") or "",
            "ts": self._ts(),
            "bot_id": BOT,
            "user": BOT_USER,
            "team": TEAM,
        }
        if thread is not None:
            message |= {"thread_ts": thread, "parent_user_id": BOT_USER}
        if asked.get("blocks"):
            message["blocks"] = asked["blocks"]
        if asked.get("attachments"):
            message["attachments"] = [
                {"id": number, "fallback": one.get("fallback", "[no preview available]")}
                for number, one in enumerate(asked["attachments"], 1)
            ]
        if asked.get("metadata"):
            message["metadata"] = asked["metadata"]
        return message

    def _tell(self, channel: str, message: Object) -> None:
        """The event that a message with metadata has appeared."""
        event = {
            "type": POSTED,
            "app_id": APP,
            "bot_id": BOT,
            "user_id": BOT_USER,
            "team_id": TEAM,
            "channel_id": channel,
            "metadata": message["metadata"],
            "message_ts": message["ts"],
            "event_ts": message["ts"],
        }
        envelope = {
            "token": "unused",
            "team_id": TEAM,
            "api_app_id": APP,
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{secrets.token_hex(5).upper()}",
            "event_time": int(float(message["ts"])),
            "authed_users": [BOT_USER],
            "authorizations": [
                {"team_id": TEAM, "user_id": BOT_USER, "is_bot": True, "is_enterprise_install": False}
            ],
        }
        self.notify(POSTED, json.dumps(envelope).encode(), topic=f"{channel}:{message['ts']}")

    def _history(self, asked: Object) -> Object:
        self._require_scope("channels:history")
        messages = self.messages(self._channel(asked, reading=True))
        return _page(asked, [one for one in messages if "thread_ts" not in one])

    def _replies(self, asked: Object) -> Object:
        self._require_scope("channels:history")
        messages, thread = self.messages(self._channel(asked, reading=True)), asked.get("ts")
        if thread not in {one["ts"] for one in messages}:
            raise Refusal("thread_not_found")
        return _page(asked, [one for one in messages if thread in (one["ts"], one.get("thread_ts"))])

    def _auth_test(self, asked: Object) -> Object:
        return {
            "url": "https://sandbox.slack.com/",
            "team": "Sandbox",
            "user": "millrace",
            "team_id": TEAM,
            "user_id": BOT_USER,
            "bot_id": BOT,
            "is_enterprise_install": False,
        }

    # How it works.

    def _method(self, name: str, work: Any, methods: Sequence[str] = ("GET", "POST")) -> Route:
        async def answer(request: Request) -> Response:
            try:
                done = work(await _arguments(request))
            except Refusal as refusal:
                return JSONResponse(refusal.body)
            return done if isinstance(done, Response) else JSONResponse({"ok": True, **done})

        return Route(f"/api/{name}", answer, methods=methods)

    def _require_scope(self, scope: str) -> None:
        if scope not in self.scopes:
            raise Refusal("missing_scope", needed=scope, provided=",".join(self.scopes))

    def _channel(self, asked: Object, *, reading: bool = False) -> str:
        channel = str(asked.get("channel", ""))
        if not re.fullmatch(r"[CGD][A-Z0-9]{8,}", channel):
            raise Refusal("channel_not_found")
        if not reading and channel in self.closed:
            raise Refusal(self.closed[channel])
        return channel

    def _too_soon(self, channel: str) -> bool:
        messages = self.messages(channel)
        if not (messages and self.channel_seconds):
            return False
        return self.now().timestamp() - float(messages[-1]["ts"]) < self.channel_seconds

    def _ts(self) -> str:
        """The present moment, and never the same twice."""
        self._books.last_ts = max(self.now().timestamp(), self._books.last_ts + 0.000002)
        return f"{self._books.last_ts:.6f}"


async def _arguments(request: Request) -> Object:
    """What is asked, whether it came in the query, as a form or as JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if request.method == "GET":
        return dict(request.query_params)
    body = await request.body()
    if kind == "application/json":
        try:
            asked = json.loads(body)
        except ValueError:
            raise Refusal("invalid_json") from None
        if not isinstance(asked, dict):
            raise Refusal("json_not_object")
        return asked
    if not body:
        return {}
    if kind != "application/x-www-form-urlencoded":
        raise Refusal("invalid_post_type")
    form: Object = dict(parse_qsl(body.decode(), keep_blank_values=True))
    for name in JSON_TEXTS:
        if name in form:
            form[name] = _json_text(name, form[name])
    return form


def _json_text(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Refusal("invalid_metadata_format" if name == "metadata" else f"invalid_{name}") from None


def _check_content(asked: Object) -> None:
    blocks, attachments, metadata = (asked.get(name) for name in JSON_TEXTS)
    if not (asked.get("text") or blocks or attachments):
        raise Refusal("no_text")
    if len(asked.get("text") or "") > 40_000:
        raise Refusal("msg_too_long")
    if blocks is not None and (not _are_blocks(blocks) or len(blocks) > 50):
        raise Refusal("invalid_blocks")
    if attachments is not None and len(attachments) > 100:
        raise Refusal("too_many_attachments")
    if metadata is None:
        return
    if not isinstance(metadata, dict) or not {"event_type", "event_payload"} <= metadata.keys():
        raise Refusal("invalid_metadata_format")
    if len(json.dumps(metadata["event_payload"])) > 8_000:
        raise Refusal("metadata_too_large")


def _are_blocks(blocks: Any) -> bool:
    return isinstance(blocks, list) and all(isinstance(one, dict) and "type" in one for one in blocks)


def _page(asked: Object, messages: Iterable[Object]) -> Object:
    """One page, newest first; metadata only for those who ask for it."""
    oldest, limit = float(asked.get("oldest") or 0), int(asked.get("limit") or 100)
    if not 1 <= limit <= 999:
        raise Refusal("invalid_limit")
    found = [one for one in reversed(list(messages)) if float(one["ts"]) > oldest]
    start = _start(asked.get("cursor") or "0", len(found))
    page, rest = found[start : start + limit], len(found) - start - limit
    if str(asked.get("include_all_metadata", "")).lower() not in ("true", "1"):
        page = [{key: value for key, value in one.items() if key != "metadata"} for one in page]
    cursor = str(start + limit) if rest > 0 else ""
    return {"messages": page, "has_more": rest > 0, "response_metadata": {"next_cursor": cursor}}


def _start(cursor: str, count: int) -> int:
    if not cursor.isdecimal() or int(cursor) > count:
        raise Refusal("invalid_cursor")
    return int(cursor)
