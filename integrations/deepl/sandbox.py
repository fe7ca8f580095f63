"""A double of DeepL that marks texts instead of translating them, and bills every character of every try."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar
from uuid import uuid4

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from framework.testing.sandbox import Sandbox

LARGEST_REQUEST = 128 * 1024
LANGUAGES = frozenset(
    {
        "AR",
        "BG",
        "CS",
        "DA",
        "DE",
        "EL",
        "EN",
        "EN-GB",
        "EN-US",
        "ES",
        "ES-419",
        "ET",
        "FI",
        "FR",
        "HE",
        "HU",
        "ID",
    }
    | {
        "IT",
        "JA",
        "KO",
        "LT",
        "LV",
        "NB",
        "NL",
        "PL",
        "PT",
        "PT-BR",
        "PT-PT",
        "RO",
        "RU",
        "SK",
        "SL",
        "SV",
        "TH",
    }
    | {"TR", "UK", "VI", "ZH", "ZH-HANS", "ZH-HANT"}
)


class Asked(BaseModel):
    """A request for translation, by the rules of the vendor."""

    text: Annotated[list[str], Field(min_length=1, max_length=50)]
    target_lang: str
    source_lang: str | None = None
    show_billed_characters: bool = False


@dataclass(frozen=True)
class Billed:
    """One text that was translated and paid for."""

    text: str
    target_lang: str
    characters: int


class DeepLSandbox(Sandbox):
    """DeepL with its own keys, languages and quota."""

    name: ClassVar[str] = "deepl"
    environment = {"DEEPL_AUTH_KEY": "sandbox"}
    ledgers = {"billed": list[Billed]}

    def __init__(
        self,
        *,
        keys: Collection[str] = ("sandbox",),
        character_limit: int = 500_000,
        languages: Collection[str] = LANGUAGES,
        **kit: Any,
    ) -> None:
        super().__init__(**kit)
        self.keys = frozenset(keys)
        self.languages = frozenset(languages)
        self.character_limit = character_limit
        self.billed: list[Billed] = []

    @property
    def characters(self) -> int:
        return sum(entry.characters for entry in self.billed)

    def routes(self) -> Sequence[Route]:
        return [
            Route("/v2/translate", self._translate, methods=["POST"]),
            Route("/v2/usage", self._usage, methods=["GET"]),
        ]

    def refusal(self, request: Request) -> Response | None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme == "DeepL-Auth-Key" and key in self.keys:
            return None
        return refused(
            403, "Authorization failed. Please supply a valid DeepL-Auth-Key via the Authorization header."
        )

    def books(self) -> Mapping[str, Any]:
        return {"characters": self.characters, "billed": [asdict(entry) for entry in self.billed]}

    def throttled(self, retry_after: int) -> Response:
        return refused(429, "Too many requests", retry_after=str(retry_after))

    def broken(self) -> Response:
        return Response(status_code=500)

    async def _translate(self, request: Request) -> Response:
        body = await request.body()
        if len(body) > LARGEST_REQUEST:
            return refused(413, "Request Entity Too Large")
        try:
            asked = Asked.model_validate_json(body)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "body"
            return refused(400, f"Bad request. Reason: Parameter '{where}' is missing or invalid.")
        for name, language in (("target_lang", asked.target_lang), ("source_lang", asked.source_lang)):
            if language is not None and language.upper() not in self.languages:
                return refused(400, f"Value for '{name}' not supported.")
        if self.characters + sum(map(len, asked.text)) > self.character_limit:
            return refused(456, "Quota Exceeded")
        return answered({"translations": [self._translated(text, asked) for text in asked.text]})

    def _translated(self, text: str, asked: Asked) -> dict[str, str | int]:
        target = asked.target_lang.upper()
        self.billed.append(Billed(text, target, len(text)))
        source = (asked.source_lang or "EN").upper()
        translation: dict[str, str | int] = {"detected_source_language": source, "text": f"[{target}] {text}"}
        return (
            {**translation, "billed_characters": len(text)} if asked.show_billed_characters else translation
        )

    async def _usage(self, request: Request) -> Response:
        return answered({"character_count": self.characters, "character_limit": self.character_limit})


def answered(content: Mapping[str, Any]) -> Response:
    return JSONResponse(content, headers={"X-Trace-ID": uuid4().hex})


def refused(status: int, message: str, *, retry_after: str | None = None) -> Response:
    headers = {"X-Trace-ID": uuid4().hex} | ({"Retry-After": retry_after} if retry_after else {})
    return JSONResponse({"message": message}, status, headers)
