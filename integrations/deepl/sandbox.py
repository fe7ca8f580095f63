"""A double of DeepL that marks texts and documents instead of translating them, and bills every try."""

from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from email.message import Message
from email.parser import BytesParser
from typing import Annotated, Any, ClassVar
from uuid import uuid4

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from framework.testing.sandbox import Sandbox

LARGEST_REQUEST = 128 * 1024
FORMATS = frozenset({"docx", "htm", "html", "pdf", "pptx", "srt", "txt", "xlf", "xliff", "xlsx"})
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


@dataclass
class SandboxDocument:
    """A document in the vendor's books, until it is handed out."""

    id: str
    key: str
    content_base64: str
    target_lang: str
    failure: str | None = None
    queries: int = 0
    handed_out: bool = False


class DeepLSandbox(Sandbox):
    """DeepL with its own keys, languages and quota."""

    name: ClassVar[str] = "deepl"
    environment = {"DEEPL_AUTH_KEY": "sandbox"}
    ledgers = {"billed": list[Billed], "documents": dict[str, SandboxDocument]}

    def __init__(
        self,
        *,
        keys: Collection[str] = ("sandbox",),
        character_limit: int = 500_000,
        languages: Collection[str] = LANGUAGES,
        queued_queries: int = 1,
        **kit: Any,
    ) -> None:
        super().__init__(**kit)
        self.keys = frozenset(keys)
        self.languages = frozenset(languages)
        self.character_limit = character_limit
        self.billed: list[Billed] = []
        self.queued_queries = queued_queries
        self.documents: dict[str, SandboxDocument] = {}

    @property
    def characters(self) -> int:
        return sum(entry.characters for entry in self.billed)

    def routes(self) -> Sequence[Route]:
        return [
            Route("/v2/translate", self._translate, methods=["POST"]),
            Route("/v2/document", self._upload, methods=["POST"]),
            Route("/v2/document/{id}", self._standing, methods=["POST"]),
            Route("/v2/document/{id}/result", self._result, methods=["POST"]),
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
        return {
            "characters": self.characters,
            "billed": [asdict(entry) for entry in self.billed],
            "documents": [asdict(one) for one in self.documents.values()],
        }

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

    async def _upload(self, request: Request) -> Response:
        form, content, filename = _multipart(request.headers.get("content-type", ""), await request.body())
        if content is None or "target_lang" not in form:
            return refused(400, "Bad request. Reason: Parameter 'file' or 'target_lang' is missing.")
        if filename.rpartition(".")[2].lower() not in FORMATS:
            return refused(400, "Bad request. Reason: Invalid file extension.")
        target, source = form["target_lang"].upper(), form.get("source_lang", "").upper()
        for name, language in (("target_lang", target), ("source_lang", source or target)):
            if language not in self.languages:
                return refused(400, f"Value for '{name}' not supported.")
        if self.characters + len(content) > self.character_limit:
            return refused(456, "Quota Exceeded")
        document = SandboxDocument(
            uuid4().hex.upper(), (uuid4().hex + uuid4().hex).upper(), b64encode(content).decode(), target
        )
        if source == target:
            document.failure = "Source and target language are equal."
        else:
            self.billed.append(Billed(f"({filename})", target, len(content)))
        self.documents[document.id] = document
        return answered({"document_id": document.id, "document_key": document.key})

    async def _standing(self, request: Request) -> Response:
        document = await self._found(request)
        if document is None:
            return refused(404, "Document not found")
        document.queries += 1
        standing: dict[str, Any] = {"document_id": document.id, "status": "done"}
        if document.queries <= self.queued_queries:
            return answered(standing | {"status": "translating", "seconds_remaining": 1})
        if document.failure is not None:
            return answered(standing | {"status": "error", "error_message": document.failure})
        return answered(standing | {"billed_characters": len(b64decode(document.content_base64))})

    async def _result(self, request: Request) -> Response:
        document = await self._found(request)
        if document is None:
            return refused(404, "Document not found")
        if document.handed_out:
            return refused(503, "Document already downloaded")
        if document.failure is not None or document.queries <= self.queued_queries:
            return refused(503, "Document is not ready")
        document.handed_out = True
        translated = f"[{document.target_lang}] ".encode() + b64decode(document.content_base64)
        return Response(translated, 200, {"X-Trace-ID": uuid4().hex}, "application/octet-stream")

    async def _found(self, request: Request) -> SandboxDocument | None:
        """The document, if the key is the one that it was given out under."""
        try:
            key = _Key.model_validate_json(await request.body()).document_key
        except ValidationError:
            return None
        document = self.documents.get(request.path_params["id"])
        return document if document is not None and document.key == key else None

    async def _usage(self, request: Request) -> Response:
        return answered({"character_count": self.characters, "character_limit": self.character_limit})


class _Key(BaseModel):
    document_key: str


def _multipart(content_type: str, body: bytes) -> tuple[dict[str, str], bytes | None, str]:
    """The fields of a form, the content of its file, and the file's name."""
    message = BytesParser().parsebytes(f"content-type: {content_type}\r\n\r\n".encode() + body)
    fields: dict[str, str] = {}
    content, filename = None, ""
    for part in message.get_payload() if message.is_multipart() else ():
        assert isinstance(part, Message), "a part of a multipart message is one itself"
        raw = part.get_payload(decode=True)
        name = str(part.get_param("name", header="content-disposition"))
        assert isinstance(raw, bytes), "a part is no multipart message"
        if part.get_filename() is not None:
            content, filename = raw, part.get_filename() or ""
        else:
            fields[name] = raw.decode()
    return fields, content, fields.get("filename", filename)


def answered(content: Mapping[str, Any]) -> Response:
    return JSONResponse(content, headers={"X-Trace-ID": uuid4().hex})


def refused(status: int, message: str, *, retry_after: str | None = None) -> Response:
    headers = {"X-Trace-ID": uuid4().hex} | ({"Retry-After": retry_after} if retry_after else {})
    return JSONResponse({"message": message}, status, headers)
