"""Slack's methods that are used here, one typed method each, raw and untranslated."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr, ValidationError

from integrations.slack.models import Identity, Message, MessageBody, Ok, Page, Posted, WireModel

PAGE_SIZE = 200

Answer = TypeVar("Answer", bound=WireModel)


class SlackError(Exception):
    """Slack said no: the code of its answer, or "" where a gateway answered in its place."""

    def __init__(
        self,
        code: str,
        *,
        status: int = 200,
        writing: bool,
        needed: str | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(f"Slack answered {status} {code or 'without a code'}")
        self.code = code
        self.status = status
        self.writing = writing
        self.needed = needed
        self.retry_after = retry_after


class UnreadableAnswer(Exception):
    """Slack answered 200 and something that is not described. Its body is not quoted: people wrote it."""

    def __init__(self, *, writing: bool) -> None:
        super().__init__("Slack answered 200 with a body that cannot be read")
        self.writing = writing


@dataclass(frozen=True)
class SlackClient:
    """Slack as seen with one token. `http` knows the base URL."""

    http: httpx.AsyncClient
    token: SecretStr

    async def post_message(self, message: MessageBody) -> Posted:
        """POST chat.postMessage."""
        content = message.model_dump(mode="json", exclude_none=True)
        answer = await self.http.post("/api/chat.postMessage", json=content, headers=self._headers)
        return _read(answer, Posted, writing=True)

    async def all_messages(
        self, channel: str, *, since: datetime, thread_ts: str | None = None
    ) -> AsyncIterator[Message]:
        """The messages of a channel (or of one thread in it) since then, page by page, with metadata.

        GET conversations.history, and conversations.replies. Both want the scope `channels:history`
        (`groups:history` for private channels, `im:history`, `mpim:history`).
        """
        method = "conversations.history" if thread_ts is None else "conversations.replies"
        cursor = ""
        while True:
            asked: dict[str, Any] = {
                "channel": channel,
                "oldest": f"{since.timestamp():.6f}",
                "limit": PAGE_SIZE,
                "include_all_metadata": "true",
                **({"ts": thread_ts} if thread_ts else {}),
                **({"cursor": cursor} if cursor else {}),
            }
            answer = await self.http.get(f"/api/{method}", params=asked, headers=self._headers)
            page = _read(answer, Page, writing=False)
            for message in page.messages:
                yield message
            cursor = page.response_metadata.next_cursor if page.response_metadata else ""
            if not cursor:
                return

    async def auth_test(self) -> Identity:
        """POST auth.test: whose token it is. Needs no scope and changes nothing."""
        answer = await self.http.post("/api/auth.test", headers=self._headers)
        return _read(answer, Identity, writing=False)

    @property
    def _headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token.get_secret_value()}"}


@dataclass
class Pace:
    """Keeps the messages apart that one process sends to a channel."""

    _free_at: dict[str, float] = field(default_factory=dict)

    def take(self, channel: str, now: float, interval: float) -> float:
        """Take the next place in a channel, and say how many seconds from now it is."""
        self._free_at = {name: moment for name, moment in self._free_at.items() if moment > now}
        place = self._free_at.get(channel, now)
        self._free_at[channel] = place + interval
        return place - now


def _read(answer: httpx.Response, model: type[Answer], *, writing: bool) -> Answer:
    """What is in an answer. Errors come with status 200, except for 429 and a broken Slack."""
    said = _said(answer)
    if said is None and answer.is_success:
        raise UnreadableAnswer(writing=writing)
    if said is None or not said.ok or not answer.is_success:
        raise SlackError(
            (said.error if said else None) or "",
            status=answer.status_code,
            writing=writing,
            needed=said.needed if said else None,
            retry_after=_retry_after(answer),
        )
    try:
        return model.model_validate_json(answer.content)
    except ValidationError:
        raise UnreadableAnswer(writing=writing) from None  # pydantic's error quotes the body


def _said(answer: httpx.Response) -> Ok | None:
    try:
        return Ok.model_validate_json(answer.content)
    except ValidationError:
        return None


def _retry_after(answer: httpx.Response) -> timedelta | None:
    """Slack gives whole seconds."""
    asked = answer.headers.get("Retry-After", "")
    return timedelta(seconds=int(asked)) if asked.isdecimal() else None
