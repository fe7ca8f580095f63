"""What DeepL sends and receives, as far as it is used here; fields that DeepL adds are ignored."""

from pydantic import BaseModel, ConfigDict, Field


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TranslateBody(Wire):
    """The body of `POST /v2/translate`. DeepL takes up to 50 texts at a time; a call is one text."""

    text: list[str]
    target_lang: str
    source_lang: str | None = None
    show_billed_characters: bool = True


class Translation(Wire):
    text: str
    detected_source_language: str | None = None
    billed_characters: int | None = None


class TranslateAnswer(Wire):
    translations: list[Translation] = Field(min_length=1)


class DocumentHandle(Wire):
    """Names an uploaded document. DeepL encrypts it with the key, and keeps the key nowhere."""

    document_id: str = Field(min_length=1)
    document_key: str = Field(min_length=1)


class DocumentStanding(Wire):
    """How a document stands. `status` stays text: DeepL may add one."""

    document_id: str
    status: str
    seconds_remaining: int | None = None
    billed_characters: int | None = None
    error_message: str | None = None
    message: str | None = None
    """Where DeepL's own example has the reason, in place of `error_message`."""


class Usage(Wire):
    """Characters used and allowed in the current billing period."""

    character_count: int
    character_limit: int

    @property
    def exhausted(self) -> bool:
        return self.character_count >= self.character_limit


class ErrorBody(Wire):
    message: str = ""
