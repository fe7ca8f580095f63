"""Documents leave for DeepL, are asked about until they are translated, and are fetched once.

DeepL forgets a document when it has handed it out. If that answer is lost, so is the translation: the call
fails, and the business may make another.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable

from pydantic import ValidationError

from framework import APICall, Payload
from framework.errors import InDoubt, Permanent, Transient
from framework.integration.calls import CallView
from framework.integration.http import HTTPClient
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, ExternalId, Failed, Outcome, Processing
from integrations.deepl.client import DeepLClient, DeepLRefusal
from integrations.deepl.errors import refusals_translated
from integrations.deepl.mapping import (
    ToDocument,
    ToDocumentResult,
    TranslatedDocument,
    external_id_of,
    handle_in,
)
from integrations.deepl.models import DocumentHandle, DocumentStanding
from integrations.deepl.settings import DeepLSettings

GONE = "DeepL hands a document out once, and its answer was lost, or it was kept too long. Make a new call."


def translate_documents(
    deepl: Integration[DeepLSettings],
    call: type[APICall],
    to_document: ToDocument,
    to_result: ToDocumentResult,
    client: Callable[[HTTPClient], DeepLClient],
) -> None:
    """Let every call of this class be one document."""

    @deepl.submit(call)
    async def upload(asked: CallView[Payload], http: HTTPClient) -> ExternalId:
        try:
            document = to_document(asked.request)
        except ValidationError as error:
            where = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
            raise Permanent(
                f"The request of {call.__name__} is no document: see {where}. Pass `to_document`.",
                code="unmapped_request",
            ) from None  # pydantic's error quotes what was sent
        with refusals_translated():
            handle = await client(http).upload(
                b64decode(document.content_base64),
                document.filename,
                target_lang=document.target_lang.upper(),
                source_lang=document.source_lang.upper() if document.source_lang else None,
            )
        return external_id_of(handle)

    @deepl.poll(call)
    async def look_up(asked: CallView[Payload], http: HTTPClient) -> Outcome:
        assert asked.external_id is not None, "only what was uploaded is asked about"
        handle = handle_in(asked.external_id)
        try:
            with refusals_translated():
                standing = await client(http).standing(handle)
                return await outcome_of(standing, handle, http)
        except Permanent as error:
            if error.code != "not_found":
                raise
            return Failed(GONE, code="document_gone")
        except InDoubt as lost:
            raise Transient(str(lost), code=lost.code) from lost

    async def outcome_of(standing: DocumentStanding, handle: DocumentHandle, http: HTTPClient) -> Outcome:
        """What the status of a document means. One that nobody knows yet is processing."""
        match standing.status:
            case "done":
                try:
                    content = await client(http).download(handle)
                except DeepLRefusal as refusal:
                    if refusal.status == 503 and "already downloaded" in refusal.message.lower():
                        return Failed(GONE, code="document_gone")
                    raise
                text = b64encode(content).decode()
                done = TranslatedDocument(content_base64=text, billed_characters=standing.billed_characters)
                return Completed(to_result(done))
            case "error":
                said = standing.error_message or standing.message or "DeepL could not translate the document"
                return Failed(said, code="document_error")
            case status:
                return Processing(detail=status)
