"""Pigeon's three endpoints, one typed method each, raw and untranslated."""

from dataclasses import dataclass
from datetime import timedelta

import httpx
from pydantic import SecretStr, ValidationError

from docs.tutorial.code.pigeon.models import Error, Message, Messages, NewMessage


class PigeonRefusal(Exception):
    """Pigeon answered with an error status."""

    def __init__(self, status: int, error: Error, retry_after: timedelta | None) -> None:
        self.status, self.error, self.retry_after = status, error, retry_after
        super().__init__(f"Pigeon answered {status}: {error.message}")


@dataclass(frozen=True)
class PigeonClient:
    """Pigeon as seen with one key."""

    http: httpx.AsyncClient
    base_url: str
    key: SecretStr

    async def send(self, message: NewMessage) -> Message:
        """`POST /v1/messages`: the message is taken, and not yet delivered."""
        return Message.model_validate_json(await self._ask("POST", "/v1/messages", json=message.model_dump()))

    async def retrieve(self, id: str) -> Message:
        """`GET /v1/messages/{id}`: the message as it is now."""
        return Message.model_validate_json(await self._ask("GET", f"/v1/messages/{id}"))

    async def find(self, reference: str) -> list[Message]:
        """`GET /v1/messages?reference=`: all messages that were sent under a reference of ours."""
        answer = await self._ask("GET", "/v1/messages", params={"reference": reference})
        return Messages.model_validate_json(answer).messages

    async def _ask(
        self, method: str, path: str, *, json: object = None, params: dict[str, str] | None = None
    ) -> bytes:
        headers = {"Authorization": f"Bearer {self.key.get_secret_value()}"}
        url = self.base_url.rstrip("/") + path
        answer = await self.http.request(method, url, headers=headers, json=json, params=params)
        if answer.is_success:
            return answer.content
        raise PigeonRefusal(answer.status_code, _error(answer), _retry_after(answer))


def _error(answer: httpx.Response) -> Error:
    try:
        return Error.model_validate_json(answer.content)
    except ValidationError:
        return Error(message=answer.reason_phrase)


def _retry_after(answer: httpx.Response) -> timedelta | None:
    asked = answer.headers.get("Retry-After", "")
    return timedelta(seconds=int(asked)) if asked.isdecimal() else None
